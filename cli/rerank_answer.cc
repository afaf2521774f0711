#include "cli/rerank_answer.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/format.h"
#include "base/log.h"
#include "base/status.h"
#include "cli/ranking_json.h"

namespace gannet::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson HitJson(const ranker::Candidate& candidate, size_t rank) {
  OrderedJson hit = {
      {"rank", rank},
      {"id", candidate.id},
      {"score", candidate.score},
      {"stage_scores", ScoresJson(candidate.stage_scores)},
      {"tokens", {{"total", candidate.tokens.total}, {"read", candidate.tokens.read}}}};
  if (candidate.window) hit["window"] = WindowJson(*candidate.window);
  if (!candidate.explanations.empty()) {
    hit["explanations"] = ExplanationsJson(candidate.explanations, candidate.title, candidate.text);
  }
  if (!candidate.status.ok()) hit["error"] = base::Message(candidate.status);
  return hit;
}

}  // namespace

std::string AnswerLine(const eval::RerankRequest& request,
                       std::span<const ranker::StageReport> stages) {
  OrderedJson hits = OrderedJson::array();
  for (size_t i = 0; i < request.candidates.size(); ++i) {
    hits.push_back(HitJson(request.candidates[i], i + 1));
  }
  OrderedJson answer = {{"id", request.query_id}, {"hits", std::move(hits)}};
  if (!stages.empty()) answer["stages"] = ReportsJson(stages);
  return answer.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

void RerankTally::Add(const eval::RerankRequest& request,
                      std::span<const ranker::StageReport> stages, double seconds) {
  ++queries_;
  seconds_ += seconds;
  for (const ranker::Candidate& candidate : request.candidates) {
    ++candidates_;
    if (candidate.tokens.cut()) ++cut_;
    if (candidate.status.ok()) continue;
    if (unscored_++ > 0) continue;
    first_problem_ = fmt::format("query \"{}\", document \"{}\": {}", request.query_id,
                                 candidate.id, base::Message(candidate.status));
  }
  for (const ranker::StageReport& report : stages) {
    dropped_ += report.below_min_score + report.grouped;
    if (report.outcome == ranker::StageReport::Outcome::kRan) continue;
    Skips& skips = skips_[report.stage];
    if (skips.queries++ == 0) skips.first_reason = report.reason;
  }
}

void RerankTally::Print() const {
  fmt::print(stderr, "{} candidates of {} queries in {:.1f} s, {} longer than the model reads\n",
             base::GroupThousands(candidates_), base::GroupThousands(queries_), seconds_,
             base::GroupThousands(cut_));
  if (dropped_ > 0) {
    fmt::print(stderr, "{} more were dropped for their score or their group\n",
               base::GroupThousands(dropped_));
  }
  for (const auto& [stage, skips] : skips_) {
    fmt::print(stderr, "{} was skipped for {} of {} queries, first because {}\n", stage,
               base::GroupThousands(skips.queries), base::GroupThousands(queries_),
               skips.first_reason);
  }
  if (unscored_ > 0) {
    base::LogWarning(fmt::format("{} candidates have no score and follow those that have; {}",
                                 unscored_, first_problem_));
  }
}

}  // namespace gannet::cli
