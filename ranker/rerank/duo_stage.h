#ifndef GANNET_RANKER_RERANK_DUO_STAGE_H_
#define GANNET_RANKER_RERANK_DUO_STAGE_H_

#include <string>
#include <utility>

#include "encoder/score/duo_encoder.h"
#include "ranker/rerank/rerank_stage.h"

namespace gannet::ranker {

// Pairwise re-ranking (duoBERT, Nogueira et al. 2019, arXiv:1910.14424) by
//   s_i = Σ_{j≠i} p_ij
// over all ordered pairs of the candidates, which are n (n − 1): the head of the list, 30 or 50, is
// what it is for. The stage's score is s_i.
class DuoStage final : public RerankStage {
 public:
  // The model must outlive the stage.
  explicit DuoStage(const encoder::DuoEncoder& model, std::string name = "duo")
      : model_(&model), name_(std::move(name)) {}

  const std::string& name() const override { return name_; }

  absl::Status Rerank(std::string_view query, std::span<Candidate> candidates,
                      base::ThreadPool& pool) const override;

  // Pairs.
  double Work(size_t candidates) const override {
    return candidates == 0 ? 0 : static_cast<double>(candidates * (candidates - 1));
  }

 private:
  const encoder::DuoEncoder* model_;
  const std::string name_;
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_DUO_STAGE_H_
