#ifndef GANNET_RANKER_RERANK_ICR_ATTENTION_H_
#define GANNET_RANKER_RERANK_ICR_ATTENTION_H_

#include <cstddef>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "encoder/layers/key_value_cache.h"
#include "encoder/models/model.h"
#include "ranker/rerank/icr_heads.h"
#include "ranker/rerank/icr_prompt.h"

namespace gannet::ranker {

// One way in which a prompt goes on after what it shares with others.
struct PromptEnding {
  std::span<const encoder::TokenId> ids;  // At least 1.
  TokenSpan attending;                    // Positions in the whole prompt, within the ending.
};

// The keys and values of a prompt's shared beginning, over the layers that the heads need.
encoder::KeyValueCache EncodeBeginning(const encoder::Model& model,
                                       std::span<const encoder::TokenId> ids, size_t layers,
                                       base::ThreadPool* pool);

// s_j of each ending: for the tokens j of the beginning,
//   Σ over the heads of mean_{t in attending} A[layer, head, t, j].
// All endings run as one batch, only over the layers that the heads need; rows of attention are
// summed as they come, in an order that does not depend on the threads.
std::vector<std::vector<double>> AttentionTo(const encoder::Model& model,
                                             const encoder::KeyValueCache& beginning,
                                             std::span<const PromptEnding> endings,
                                             const HeadSet& heads, base::ThreadPool* pool);

// The same head by head: one [layers · heads, tokens] matrix for each ending, of all heads.
std::vector<std::vector<float>> AttentionByHead(const encoder::Model& model,
                                                const encoder::KeyValueCache& beginning,
                                                std::span<const PromptEnding> endings,
                                                base::ThreadPool* pool);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_ICR_ATTENTION_H_
