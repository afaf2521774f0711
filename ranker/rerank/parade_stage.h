#ifndef GANNET_RANKER_RERANK_PARADE_STAGE_H_
#define GANNET_RANKER_RERANK_PARADE_STAGE_H_

#include <string>
#include <utility>

#include "encoder/score/parade_scorer.h"
#include "ranker/rerank/rerank_stage.h"
#include "ranker/rerank/word_windows.h"

namespace gannet::ranker {

// Re-ranking of long documents by the vectors of their windows (PARADE, Li et al. 2020,
// arXiv:2008.09093). The window of the answer is the one that would score best by itself.
class ParadeStage final : public RerankStage {
 public:
  // The model must outlive the stage.
  explicit ParadeStage(const encoder::ParadeScorer& model, std::string name = "parade",
                       const WindowOptions& windows = WindowOptions::Parade())
      : model_(&model), name_(std::move(name)), windows_(windows) {}

  const std::string& name() const override { return name_; }

  absl::Status Rerank(std::string_view query, std::span<Candidate> candidates,
                      base::ThreadPool& pool) const override;

 private:
  const encoder::ParadeScorer* model_;
  const std::string name_;
  const WindowOptions windows_;
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_PARADE_STAGE_H_
