#ifndef GANNET_ENCODER_RUN_MODEL_INPUT_H_
#define GANNET_ENCODER_RUN_MODEL_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/thread_pool.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/run/token_count.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// The ids that the model reads of one text, or of one pair of texts.
struct ModelInput {
  std::vector<TokenId> ids;
  std::vector<uint8_t> type_ids;
  TokenCount count;
  absl::Status status;  // Why the model cannot read it.
};

// The inputs that `members` names, one after another.
void PackInputs(std::span<const ModelInput> inputs, std::span<const size_t> members,
                PackedBatch& batch);

// Calls run(members, of_group) for groups that hold every readable input once: ordered from long to
// short, so that the last groups to be begun are short ones, each of few enough tokens that its
// matrices stay near the cache. Groups are spread over the pool's threads and get null for
// `of_group`; those that would leave threads without work run one after the other and get the pool,
// as Model::Run takes it.
void ForEachGroup(
    std::span<const ModelInput> inputs, base::ThreadPool& pool,
    absl::FunctionRef<void(std::span<const size_t> members, base::ThreadPool* of_group)> run);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_RUN_MODEL_INPUT_H_
