#ifndef GANNET_EVAL_METRICS_H_
#define GANNET_EVAL_METRICS_H_

#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eval/qrels.h"
#include "eval/run_file.h"

namespace gannet::eval {

// Ranking metrics as trec_eval computes them (NIST, versions 9.0.8 and 10.0), and with it
// pytrec_eval and BEIR.

// Which of two documents with the same score comes first.
enum class TieRule {
  kDocumentIdDescending,  // The larger id by bytes: trec_eval, BEIR's nDCG, MAP, recall, precision.
  kRunOrder,              // The one that the run lists first: BEIR's own MRR.
};

// The type in which two scores are compared.
enum class ScorePrecision {
  kFloat,   // trec_eval 9.0.8 of 2020, which pytrec_eval and so BEIR embed.
  kDouble,  // trec_eval 9.0.8 of 2023, and 10.0.
};

// What happens to a retrieved document whose id is the id of the query.
enum class IdenticalIds {
  kDrop,  // BEIR's default; matters where queries are documents themselves (ArguAna, Quora).
  kKeep,
};

// What a judged query counts for that the run does not list.
enum class MissingQueries {
  kCountAsZero,  // trec_eval -c.
  kLeaveOut,     // trec_eval without -c, pytrec_eval.
};

struct EvaluationRules {
  TieRule ties = TieRule::kDocumentIdDescending;
  ScorePrecision precision = ScorePrecision::kFloat;
  IdenticalIds identical_ids = IdenticalIds::kDrop;
  MissingQueries missing_queries = MissingQueries::kCountAsZero;
};

// The documents of a ranking in the order that `rules` make of their scores, best first. They are
// those of `ranking`.
std::vector<const RetrievedDocument*> Ordered(const Ranking& ranking, const EvaluationRules& rules);

// One query's ranking as its judge sees it.
struct JudgedRanking {
  std::vector<int> grades;  // Of the document at each rank; 0 where it was not judged.
  std::vector<int> ideal;   // Every positive grade that was given for the query, best first.
};

// Orders `ranking` under `rules` and looks its documents up in `judged`.
JudgedRanking Judge(const Ranking& ranking, const JudgedQuery& judged,
                    const EvaluationRules& rules);

inline constexpr size_t kWholeRanking = std::numeric_limits<size_t>::max();

// Each looks at the first `cutoff` ranks and is 0 for a query with no relevant document. With g_i
// the grade at rank i, i from 1, and R the number of relevant documents, retrieved or not:

// sum_i g_i / log2(i + 1), over positive grades, by the same sum over the ideal ranking.
double Ndcg(const JudgedRanking& ranking, size_t cutoff);
// 1/R sum over relevant i of (relevant documents up to i) / i.
double AveragePrecision(const JudgedRanking& ranking, size_t cutoff);
// Relevant documents found / R.
double Recall(const JudgedRanking& ranking, size_t cutoff);
// Relevant documents found / cutoff, however many were retrieved; by their number for the whole
// ranking.
double Precision(const JudgedRanking& ranking, size_t cutoff);
// 1 / the first relevant rank.
double ReciprocalRank(const JudgedRanking& ranking, size_t cutoff);

enum class Measure { kNdcg, kAveragePrecision, kRecall, kPrecision, kReciprocalRank };

struct Metric {
  Measure measure = Measure::kNdcg;
  size_t cutoff = kWholeRanking;

  friend bool operator==(const Metric&, const Metric&) = default;
};

// As the field writes it: "nDCG@10", "MAP@100", "Recall@100", "P@5", "MRR@10"; "MRR" without
// cutoff.
std::string MetricName(const Metric& metric);

double Compute(const Metric& metric, const JudgedRanking& ranking);

struct QueryValues {
  std::string query_id;
  std::vector<double> values;  // One per metric.
};

struct Evaluation {
  std::vector<Metric> metrics;
  std::vector<QueryValues> queries;  // Those that count, in the order of the qrels.
  std::vector<double> means;         // One per metric; 0 when no query counts.
  size_t missing_queries = 0;        // Judged, but not in the run.
  size_t unjudged_queries = 0;       // In the run, but not judged: never counted.

  // The mean of a metric that was asked for.
  std::optional<double> Mean(const Metric& metric) const;
};

Evaluation Evaluate(const Run& run, const Qrels& qrels, std::span<const Metric> metrics,
                    const EvaluationRules& rules);

}  // namespace gannet::eval

#endif  // GANNET_EVAL_METRICS_H_
