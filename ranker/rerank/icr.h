#ifndef GANNET_RANKER_RERANK_ICR_H_
#define GANNET_RANKER_RERANK_ICR_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/layers/model_options.h"
#include "encoder/models/model.h"
#include "ranker/rerank/icr_block_cache.h"
#include "ranker/rerank/icr_heads.h"
#include "ranker/rerank/icr_model.h"
#include "ranker/rerank/icr_prompt.h"
#include "ranker/rerank/icr_recipe.h"
#include "ranker/rerank/rerank_stage.h"

namespace gannet::ranker {

// How a re-ranker reads, chosen when it is opened. Names are those of FindRecipe and its kin; what
// is not given is the recipe's.
struct InContextOptions {
  std::string recipe = "icr";
  std::string markup = "plain";
  std::string sentence = "find";
  HeadSet heads = {};  // All of them.
  std::optional<size_t> max_words = std::nullopt;
  std::optional<DocumentOrder> order = std::nullopt;
};

// What one call wants.
struct InContextRequest {
  // Whether each token's mass comes with the scores.
  enum class Explain { kNo, kYes } explain = Explain::kNo;

  // What is done with more passages than the model reads at once: refused, with the number that
  // fits, or read in windows that slide from the last passage to the first by half a window, each
  // leaving its better half to the next. Scores of different windows are not alike; the order is
  // what counts then.
  enum class TooMany { kRefuse, kWindows } too_many = TooMany::kRefuse;
  size_t window = 0;  // Passages of a window, with kWindows; 0 for as many as fit.

  // kBlocks: each document is read after the introduction alone, not after the others, and its keys
  // are moved to their place: an approximation whose documents can be kept from query to query.
  enum class Reading { kExact, kBlocks } reading = Reading::kExact;
  DocumentBlockCache* blocks = nullptr;  // Where they are kept, with kBlocks; null for nowhere.
};

struct PassageScore {
  double score = 0;
  size_t tokens = 0;                   // That the score is made of, before the threshold.
  size_t words_cut = 0;                // Words of the text that were not read,
  size_t tokens_cut = 0;               // and what they are in tokens.
  std::vector<TokenMass> masses = {};  // With Explain::kYes.
};

// What a call took.
struct InContextCost {
  size_t tokens = 0;             // Of the prompts, the shared beginning counted once.
  size_t tokens_run = 0;         // Of them, those that went through the model.
  double beginning_seconds = 0;  // Introduction and documents.
  double endings_seconds = 0;    // Instruction and query, and again with the calibration query.
  size_t cache_bytes = 0;        // Most keys and values held at a time.
  size_t windows = 0;
};

struct InContextResult {
  std::vector<size_t> order;           // Best first; numbers of passages.
  std::vector<PassageScore> passages;  // In the order in which they were given.
  InContextCost cost;
};

// In-context re-ranking (Chen et al. 2024, arXiv:2410.02642), QRHead and CoRe: a decoder reads all
// passages and the query in one prompt and generates nothing. The score of a passage is the
// attention that the query pays its tokens, less what the content-free query "N/A" pays them, over
// all heads or a few; see ScoreDocuments. Both queries share the keys and values of the passages.
// Immutable; safe to use from several threads.
class InContextReranker {
 public:
  // Errors name the model's file and the option.
  static absl::StatusOr<std::unique_ptr<const InContextReranker>> Make(
      InContextModel model, const InContextOptions& options);

  // The same with a model that no other re-ranker shares; see InContextModel::Open.
  static absl::StatusOr<std::unique_ptr<const InContextReranker>> Open(
      const std::filesystem::path& path, const InContextOptions& options,
      const encoder::ModelOptions& model_options = {});

  // The passages in the order of the first stage, best first; those that are the query itself are
  // the caller's to leave out. `pool` may be null; the result does not depend on the threads.
  // Errors name the passage or argument, and the number that fits.
  absl::StatusOr<InContextResult> Rerank(std::string_view query,
                                         std::span<const InContextPassage> passages,
                                         const InContextRequest& request,
                                         base::ThreadPool* pool) const;

  // mean_t A[layer, head, t, j] of the query and of "N/A" over the passages' tokens, for every
  // head: what the search for heads looks at. Exact, in one window.
  struct HeadAttention {
    std::vector<TokenSpan> documents = {};  // Of the passages as they were given.
    size_t tokens = 0;                      // Width of the matrices.
    std::vector<float> query = {};          // [layers · heads, tokens]
    std::vector<float> calibration = {};
  };
  absl::StatusOr<HeadAttention> AttentionByHead(std::string_view query,
                                                std::span<const InContextPassage> passages,
                                                base::ThreadPool* pool) const;

  const encoder::Model& model() const { return *model_.model; }
  const HeadSet& heads() const { return heads_; }

 private:
  struct Prompts;

  InContextReranker(InContextModel model, PromptForm form, DocumentOrder order, HeadSet heads)
      : model_(std::move(model)), form_(form), order_(order), heads_(std::move(heads)) {}

  absl::StatusOr<Prompts> WritePrompts(std::string_view query,
                                       std::span<const InContextPassage> passages,
                                       std::span<const size_t> members,
                                       const InContextRequest& request) const;
  // Whether the model can read them; names the number of passages that fit.
  absl::Status Check(const Prompts& prompts) const;
  absl::StatusOr<size_t> CountThatFit(std::string_view query,
                                      std::span<const InContextPassage> passages,
                                      const InContextRequest& request) const;
  encoder::KeyValueCache ReadBeginning(const Prompts& prompts, const InContextRequest& request,
                                       base::ThreadPool* pool, InContextCost& cost) const;
  // Introduction, documents and what separates the last one from the instruction, block by block.
  encoder::KeyValueCache ReadBlocks(const Prompts& prompts, DocumentBlockCache* blocks,
                                    base::ThreadPool* pool, InContextCost& cost) const;
  // Scores the members of one window and returns them best first.
  absl::StatusOr<std::vector<size_t>> RankWindow(std::string_view query,
                                                 std::span<const InContextPassage> passages,
                                                 std::span<const size_t> members,
                                                 const InContextRequest& request,
                                                 base::ThreadPool* pool,
                                                 InContextResult& result) const;

  const InContextModel model_;
  const PromptForm form_;
  const DocumentOrder order_;
  const HeadSet heads_;
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_ICR_H_
