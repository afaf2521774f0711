#include "ranker/rerank/duo_stage.h"

#include <string_view>
#include <vector>

#include "base/status.h"
#include "ranker/rerank/passage_texts.h"

namespace gannet::ranker {

absl::Status DuoStage::Rerank(std::string_view query, std::span<Candidate> candidates,
                              base::ThreadPool& pool) const {
  const PassageTexts passages = CutCandidates(candidates, std::nullopt);
  const std::vector<std::string_view> texts(passages.texts.begin(), passages.texts.end());
  GANNET_ASSIGN_OR_RETURN(const encoder::Preferences preferences,
                          model_->Compare(query, texts, pool));
  const size_t n = candidates.size();
  for (size_t i = 0; i < n; ++i) {
    Candidate& candidate = candidates[i];
    candidate.tokens = preferences.tokens[i];
    candidate.window.reset();
    candidate.status = preferences.errors[i];
    if (!candidate.status.ok()) continue;
    float score = 0;
    for (size_t j = 0; j < n; ++j) score += preferences.preferred[i * n + j];  // p_ii is 0.
    candidate.score = score;
    candidate.stage_scores.push_back({name_, score});
  }
  OrderByScore(candidates);
  return absl::OkStatus();
}

}  // namespace gannet::ranker
