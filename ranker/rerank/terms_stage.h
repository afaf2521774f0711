#ifndef GANNET_RANKER_RERANK_TERMS_STAGE_H_
#define GANNET_RANKER_RERANK_TERMS_STAGE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/score/term_encoder.h"
#include "indexer/collection.h"
#include "ranker/rerank/rerank_stage.h"

namespace gannet::ranker {

struct TermsStageOptions {
  std::string name = "terms";
};

// Re-ranking by a cross-encoder whose first layers have read the passages before the query came
// (PreTTR, MacAvaney et al. 2020, arXiv:2004.14255): the terms of candidates come from a collection
// that has documents of their ids, and are joined with those of the query. The stage score is NAME.
//
// Of a candidate without terms in the collection they are computed from its title and text, and
// brought into the collection's format, so that its score is the one that stored terms of this text
// would give it; its stage score NAME.computed is then 1. Damaged terms are an error of their
// candidate.
class TermsStage final : public RerankStage {
 public:
  // kFailedPrecondition, naming both, when the collection does not keep terms of this model. Model
  // and collection must outlive the stage.
  static absl::StatusOr<std::unique_ptr<const TermsStage>> Make(
      const encoder::TermEncoder& model, const indexer::Collection& collection,
      TermsStageOptions options = {});

  const std::string& name() const override { return options_.name; }

  absl::Status Rerank(std::string_view query, std::span<Candidate> candidates,
                      base::ThreadPool& pool) const override;

 private:
  TermsStage(const encoder::TermEncoder& model, const indexer::Collection& collection,
             TermsStageOptions options)
      : model_(&model), collection_(&collection), options_(std::move(options)) {}

  // Of each candidate, stored or computed; those that were computed are in `computed`.
  std::vector<encoder::Terms> TermsOf(std::span<const Candidate> candidates,
                                      std::vector<size_t>& computed, base::ThreadPool& pool) const;
  absl::StatusOr<std::optional<encoder::Terms>> ReadTerms(const std::string& id) const;
  absl::Status ScoreBlock(const encoder::Terms& query, std::span<Candidate> candidates,
                          base::ThreadPool& pool) const;

  const encoder::TermEncoder* model_;
  const indexer::Collection* collection_;
  const TermsStageOptions options_;
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_TERMS_STAGE_H_
