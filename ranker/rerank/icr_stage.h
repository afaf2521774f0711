#ifndef GANNET_RANKER_RERANK_ICR_STAGE_H_
#define GANNET_RANKER_RERANK_ICR_STAGE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "ranker/rerank/icr.h"
#include "ranker/rerank/rerank_stage.h"

namespace gannet::ranker {

struct InContextStageOptions {
  std::string name = "icr";
  InContextRequest::TooMany too_many = InContextRequest::TooMany::kRefuse;
  size_t window = 0;  // As in InContextRequest.
  InContextRequest::Reading reading = InContextRequest::Reading::kExact;
  size_t block_cache_bytes = 0;  // For Reading::kBlocks; 0 keeps no documents.
};

// Re-ranking in context as a stage. The candidates are read together, so more of them than the
// model reads at once are an error of the query (or read in windows, as the options say), but one
// that is not UTF-8 is left out and says so. Tokens are those of the passage, of which the recipe
// may leave out the last; masses are those of the last window that read the candidate.
class InContextStage final : public RerankStage {
 public:
  InContextStage(std::unique_ptr<const InContextReranker> reranker, InContextStageOptions options);

  const std::string& name() const override { return options_.name; }

  absl::Status Rerank(std::string_view query, std::span<Candidate> candidates,
                      base::ThreadPool& pool) const override;

 private:
  const std::unique_ptr<const InContextReranker> reranker_;
  const InContextStageOptions options_;
  const std::unique_ptr<DocumentBlockCache> blocks_;  // Null where none are kept.
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_ICR_STAGE_H_
