#ifndef GANNET_RANKER_RERANK_ICR_HEAD_DETECTION_H_
#define GANNET_RANKER_RERANK_ICR_HEAD_DETECTION_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "ranker/rerank/icr.h"

namespace gannet::ranker {

// A query whose relevant passages are known.
struct LabelledQuery {
  std::string query;
  std::vector<InContextPassage> passages = {};  // In the order of the prompt's first stage.
  std::vector<size_t> relevant = {};            // Numbers of passages; at least one.
};

// What makes a head a good one.
enum class HeadMeasure {
  // nDCG@10 of the passages ranked by the head's ICR score alone (QRHead on BEIR).
  kNdcg,
  // Σ of the head's ICR scores of the relevant passages (QRHead on LongMemEval).
  kRelevantMass,
  // softmax(a(D) / T) of a relevant passage among the irrelevant ones, with a(D) the head's
  // attention
  // to the passage, not calibrated (CoRe); the mean over the relevant ones.
  kContrast,
};

// "ndcg", "mass" or "contrast".
absl::StatusOr<HeadMeasure> ParseHeadMeasure(std::string_view name);

struct HeadScore {
  AttentionHead head;
  double score = 0;
};

struct HeadDetectionOptions {
  HeadMeasure measure = HeadMeasure::kNdcg;
  double temperature = 0.1;  // T of kContrast; 0.001 for Mistral and Granite.
};

// The measure of every head for one query, [layers · heads].
std::vector<double> MeasureHeads(const InContextReranker::HeadAttention& attention,
                                 std::span<const size_t> relevant,
                                 const HeadDetectionOptions& options);

// Every head with the mean of its measure over the queries, best first; equal ones by layer and
// head. The re-ranker should be opened with the recipe of the measure: "qrhead", or
// "core-detection" for kContrast. Errors name the query, counted from 0.
absl::StatusOr<std::vector<HeadScore>> DetectHeads(const InContextReranker& reranker,
                                                   std::span<const LabelledQuery> queries,
                                                   const HeadDetectionOptions& options,
                                                   base::ThreadPool* pool);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_ICR_HEAD_DETECTION_H_
