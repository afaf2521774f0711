#include "eval/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>
#include <unordered_map>

namespace gannet::eval {
namespace {

constexpr int kRelevant = 1;  // The lowest grade that is relevant.

double ComparedScore(double score, ScorePrecision precision) {
  return precision == ScorePrecision::kFloat ? static_cast<double>(static_cast<float>(score))
                                             : score;
}

double DiscountedCumulativeGain(std::span<const int> grades, size_t cutoff) {
  double sum = 0;
  for (size_t i = 0; i < std::min(cutoff, grades.size()); ++i) {
    if (grades[i] > 0) sum += grades[i] / std::log2(static_cast<double>(i + 2));
  }
  return sum;
}

size_t RelevantFound(const JudgedRanking& ranking, size_t cutoff) {
  const size_t depth = std::min(cutoff, ranking.grades.size());
  return static_cast<size_t>(std::count_if(ranking.grades.begin(),
                                           ranking.grades.begin() + static_cast<ptrdiff_t>(depth),
                                           [](int grade) { return grade >= kRelevant; }));
}

double Ratio(double part, size_t whole) {
  return whole == 0 ? 0 : part / static_cast<double>(whole);
}

}  // namespace

std::vector<const RetrievedDocument*> Ordered(const Ranking& ranking,
                                              const EvaluationRules& rules) {
  std::vector<const RetrievedDocument*> order;
  for (const RetrievedDocument& document : ranking.documents) {
    if (rules.identical_ids == IdenticalIds::kDrop && document.id == ranking.query_id) continue;
    order.push_back(&document);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](const RetrievedDocument* a, const RetrievedDocument* b) {
                     const double score_a = ComparedScore(a->score, rules.precision);
                     const double score_b = ComparedScore(b->score, rules.precision);
                     if (score_a != score_b) return score_a > score_b;
                     return rules.ties == TieRule::kDocumentIdDescending && a->id > b->id;
                   });
  return order;
}

JudgedRanking Judge(const Ranking& ranking, const JudgedQuery& judged,
                    const EvaluationRules& rules) {
  JudgedRanking result;
  for (const RetrievedDocument* document : Ordered(ranking, rules)) {
    const auto found = judged.grades.find(document->id);
    result.grades.push_back(found == judged.grades.end() ? 0 : found->second);
  }
  for (const auto& [id, grade] : judged.grades) {
    if (grade >= kRelevant) result.ideal.push_back(grade);
  }
  std::sort(result.ideal.begin(), result.ideal.end(), std::greater<>());
  return result;
}

double Ndcg(const JudgedRanking& ranking, size_t cutoff) {
  const double ideal = DiscountedCumulativeGain(ranking.ideal, cutoff);
  return ideal > 0 ? DiscountedCumulativeGain(ranking.grades, cutoff) / ideal : 0;
}

double AveragePrecision(const JudgedRanking& ranking, size_t cutoff) {
  double sum = 0;
  size_t found = 0;
  for (size_t i = 0; i < std::min(cutoff, ranking.grades.size()); ++i) {
    if (ranking.grades[i] < kRelevant) continue;
    ++found;
    sum += static_cast<double>(found) / static_cast<double>(i + 1);
  }
  return Ratio(sum, ranking.ideal.size());
}

double Recall(const JudgedRanking& ranking, size_t cutoff) {
  return Ratio(static_cast<double>(RelevantFound(ranking, cutoff)), ranking.ideal.size());
}

double Precision(const JudgedRanking& ranking, size_t cutoff) {
  return Ratio(static_cast<double>(RelevantFound(ranking, cutoff)),
               cutoff == kWholeRanking ? ranking.grades.size() : cutoff);
}

double ReciprocalRank(const JudgedRanking& ranking, size_t cutoff) {
  for (size_t i = 0; i < std::min(cutoff, ranking.grades.size()); ++i) {
    if (ranking.grades[i] >= kRelevant) return 1 / static_cast<double>(i + 1);
  }
  return 0;
}

std::string MetricName(const Metric& metric) {
  const auto name = [&]() -> std::string_view {
    switch (metric.measure) {
      case Measure::kNdcg:
        return "nDCG";
      case Measure::kAveragePrecision:
        return "MAP";
      case Measure::kRecall:
        return "Recall";
      case Measure::kPrecision:
        return "P";
      case Measure::kReciprocalRank:
        return "MRR";
    }
    return "";
  }();
  if (metric.cutoff == kWholeRanking) return std::string(name);
  return fmt::format("{}@{}", name, metric.cutoff);
}

double Compute(const Metric& metric, const JudgedRanking& ranking) {
  switch (metric.measure) {
    case Measure::kNdcg:
      return Ndcg(ranking, metric.cutoff);
    case Measure::kAveragePrecision:
      return AveragePrecision(ranking, metric.cutoff);
    case Measure::kRecall:
      return Recall(ranking, metric.cutoff);
    case Measure::kPrecision:
      return Precision(ranking, metric.cutoff);
    case Measure::kReciprocalRank:
      return ReciprocalRank(ranking, metric.cutoff);
  }
  return 0;
}

std::optional<double> Evaluation::Mean(const Metric& metric) const {
  const auto found = std::find(metrics.begin(), metrics.end(), metric);
  if (found == metrics.end()) return std::nullopt;
  return means[static_cast<size_t>(found - metrics.begin())];
}

Evaluation Evaluate(const Run& run, const Qrels& qrels, std::span<const Metric> metrics,
                    const EvaluationRules& rules) {
  std::unordered_map<std::string_view, const Ranking*> rankings;
  for (const Ranking& ranking : run.rankings) rankings.emplace(ranking.query_id, &ranking);

  Evaluation evaluation{.metrics = {metrics.begin(), metrics.end()},
                        .queries = {},
                        .means = std::vector<double>(metrics.size())};
  const Ranking nothing;
  size_t found_queries = 0;
  for (const JudgedQuery& judged : qrels.queries()) {
    const auto found = rankings.find(judged.id);
    if (found == rankings.end()) {
      ++evaluation.missing_queries;
      if (rules.missing_queries == MissingQueries::kLeaveOut) continue;
    } else {
      ++found_queries;
    }
    const JudgedRanking ranking =
        Judge(found == rankings.end() ? nothing : *found->second, judged, rules);
    QueryValues& query = evaluation.queries.emplace_back(QueryValues{judged.id, {}});
    for (size_t m = 0; m < metrics.size(); ++m) {
      query.values.push_back(Compute(metrics[m], ranking));
      evaluation.means[m] += query.values.back();
    }
  }
  for (double& mean : evaluation.means) mean = Ratio(mean, evaluation.queries.size());
  evaluation.unjudged_queries = rankings.size() - found_queries;
  return evaluation;
}

}  // namespace gannet::eval
