#include "ranker/rerank/parade_stage.h"

#include <string_view>
#include <vector>

#include "base/status.h"
#include "ranker/rerank/passage_texts.h"

namespace gannet::ranker {

absl::Status ParadeStage::Rerank(std::string_view query, std::span<Candidate> candidates,
                                 base::ThreadPool& pool) const {
  const PassageTexts passages = CutCandidates(candidates, windows_);
  const std::vector<std::string_view> texts(passages.texts.begin(), passages.texts.end());
  GANNET_ASSIGN_OR_RETURN(const std::vector<encoder::DocumentScore> documents,
                          model_->Score(query, texts, passages.begins, pool));
  for (size_t c = 0; c < candidates.size(); ++c) {
    Candidate& candidate = candidates[c];
    candidate.tokens = documents[c].tokens;
    candidate.status = documents[c].status;
    candidate.window.reset();
    if (!candidate.status.ok()) continue;
    candidate.score = documents[c].score;
    candidate.stage_scores.push_back({name_, documents[c].score});
    candidate.window = passages.windows[passages.begins[c] + documents[c].best_window];
  }
  OrderByScore(candidates);
  return absl::OkStatus();
}

}  // namespace gannet::ranker
