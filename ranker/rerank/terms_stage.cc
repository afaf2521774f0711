#include "ranker/rerank/terms_stage.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/status.h"
#include "encoder/score/stored_terms.h"
#include "ranker/rerank/passage_texts.h"

namespace gannet::ranker {
namespace {

constexpr size_t kBlock = 64;  // Candidates whose terms are in memory together.

}  // namespace

absl::StatusOr<std::unique_ptr<const TermsStage>> TermsStage::Make(
    const encoder::TermEncoder& model, const indexer::Collection& collection,
    TermsStageOptions options) {
  GANNET_RETURN_IF_ERROR(indexer::CheckTermModel(collection.schema().terms, model));
  return std::unique_ptr<const TermsStage>(new TermsStage(model, collection, std::move(options)));
}

absl::StatusOr<std::optional<encoder::Terms>> TermsStage::ReadTerms(const std::string& id) const {
  GANNET_ASSIGN_OR_RETURN(const auto key, collection_->FindKey(id));
  if (!key.has_value()) return std::nullopt;
  GANNET_ASSIGN_OR_RETURN(const auto packed, collection_->GetTerms(*key));
  if (!packed.has_value()) return std::nullopt;
  GANNET_ASSIGN_OR_RETURN(encoder::Terms terms, encoder::UnpackTerms(*packed, model_->width()));
  return std::optional(std::move(terms));
}

std::vector<encoder::Terms> TermsStage::TermsOf(std::span<const Candidate> candidates,
                                                std::vector<size_t>& computed,
                                                base::ThreadPool& pool) const {
  std::vector<absl::StatusOr<std::optional<encoder::Terms>>> stored(candidates.size());
  pool.ParallelFor(candidates.size(), [&](size_t i) { stored[i] = ReadTerms(candidates[i].id); });
  std::vector<encoder::Terms> terms(candidates.size());
  std::vector<std::string> texts;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!stored[i].ok()) {
      terms[i].status = stored[i].status();
    } else if (stored[i]->has_value()) {
      terms[i] = **std::move(stored[i]);
    } else {
      computed.push_back(i);
      texts.push_back(PassageText(candidates[i], candidates[i].text));
    }
  }
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto packed =
      encoder::EncodePackedTerms(*model_, views, collection_->schema().terms->format, pool);
  for (size_t i = 0; i < computed.size(); ++i) {
    absl::StatusOr<encoder::Terms> unpacked =
        packed[i].ok() ? encoder::UnpackTerms(*packed[i], model_->width()) : packed[i].status();
    if (unpacked.ok()) {
      terms[computed[i]] = *std::move(unpacked);
    } else {
      terms[computed[i]].status = unpacked.status();
    }
  }
  return terms;
}

absl::Status TermsStage::ScoreBlock(const encoder::Terms& query, std::span<Candidate> candidates,
                                    base::ThreadPool& pool) const {
  std::vector<size_t> computed;
  const std::vector<encoder::Terms> terms = TermsOf(candidates, computed, pool);
  GANNET_ASSIGN_OR_RETURN(const encoder::TermScores scores, model_->Score(query, terms, pool));
  for (size_t i = 0; i < candidates.size(); ++i) {
    Candidate& candidate = candidates[i];
    candidate.tokens = {query.tokens.total + terms[i].tokens.total,
                        query.tokens.read + terms[i].tokens.read};
    candidate.window.reset();
    candidate.status = scores.errors[i];
    if (!candidate.status.ok()) continue;
    candidate.score = scores.scores[i];
    candidate.stage_scores.push_back({name(), candidate.score});
    if (std::ranges::binary_search(computed, i)) {
      candidate.stage_scores.push_back({fmt::format("{}.computed", name()), 1});
    }
  }
  return absl::OkStatus();
}

absl::Status TermsStage::Rerank(std::string_view query, std::span<Candidate> candidates,
                                base::ThreadPool& pool) const {
  const encoder::Terms terms = model_->EncodeQuery(query, pool);
  GANNET_RETURN_IF_ERROR(base::Annotate(terms.status, "query"));
  for (size_t first = 0; first < candidates.size(); first += kBlock) {
    const size_t count = std::min(kBlock, candidates.size() - first);
    GANNET_RETURN_IF_ERROR(ScoreBlock(terms, candidates.subspan(first, count), pool));
  }
  OrderByScore(candidates);
  return absl::OkStatus();
}

}  // namespace gannet::ranker
