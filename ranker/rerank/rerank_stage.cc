#include "ranker/rerank/rerank_stage.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status.h"

namespace gannet::ranker {

absl::Status RunStages(std::string_view query, std::span<const StagePlan> stages,
                       std::vector<Candidate>& candidates, base::ThreadPool& pool) {
  for (const StagePlan& plan : stages) {
    const auto head = std::span(candidates).first(std::min(plan.depth, candidates.size()));
    if (head.empty()) continue;
    GANNET_RETURN_IF_ERROR(
        base::Annotate(plan.stage->Rerank(query, head, pool), plan.stage->name()));
  }
  return absl::OkStatus();
}

void OrderByScore(std::span<Candidate> candidates) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) {
                     if (a.status.ok() != b.status.ok()) return a.status.ok();
                     return a.status.ok() && a.score > b.score;
                   });
}

std::vector<float> FallingScores(std::span<const Candidate> candidates) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  std::vector<float> scores;
  float shift = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const float score = candidates[i].score;
    // A score above its predecessor's begins a part that another stage has ordered.
    if (i > 0 && score > candidates[i - 1].score) shift = scores.back() - score;
    float falling = score + shift;
    if (i > 0 && falling >= scores.back()) falling = std::nextafter(scores.back(), kLowest);
    scores.push_back(falling);
  }
  return scores;
}

}  // namespace gannet::ranker
