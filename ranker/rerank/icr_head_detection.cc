#include "ranker/rerank/icr_head_detection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/status.h"
#include "ranker/rerank/icr_scores.h"

namespace gannet::ranker {
namespace {

constexpr size_t kNdcgDepth = 10;

double Discount(size_t rank) { return 1 / std::log2(static_cast<double>(rank) + 2); }

double NdcgOf(std::span<const double> scores, const std::set<size_t>& relevant) {
  const std::vector<size_t> order = RankByScore(scores);
  double gain = 0, ideal = 0;
  for (size_t rank = 0; rank < std::min(kNdcgDepth, order.size()); ++rank) {
    if (relevant.contains(order[rank])) gain += Discount(rank);
    if (rank < relevant.size()) ideal += Discount(rank);
  }
  return gain / ideal;
}

// Mean over the relevant of e^(a/T) / (e^(a/T) + Σ of the irrelevant e^(a/T)).
double ContrastOf(std::span<const double> masses, const std::set<size_t>& relevant,
                  double temperature) {
  const double highest = *std::ranges::max_element(masses);
  const auto weight = [&](size_t d) { return std::exp((masses[d] - highest) / temperature); };
  double irrelevant = 0, sum = 0;
  for (size_t d = 0; d < masses.size(); ++d) {
    if (!relevant.contains(d)) irrelevant += weight(d);
  }
  for (const size_t d : relevant) {
    // A relevant passage far below another one has no weight to speak of.
    if (weight(d) > 0) sum += weight(d) / (weight(d) + irrelevant);
  }
  return sum / static_cast<double>(relevant.size());
}

std::vector<double> Widened(const std::vector<float>& matrix, size_t row, size_t width) {
  const auto begin = matrix.begin() + static_cast<ptrdiff_t>(row * width);
  return {begin, begin + static_cast<ptrdiff_t>(width)};
}

double Measure(const InContextReranker::HeadAttention& attention, size_t head,
               const std::set<size_t>& relevant, const HeadDetectionOptions& options) {
  const std::vector<double> query = Widened(attention.query, head, attention.tokens);
  if (options.measure == HeadMeasure::kContrast) {
    std::vector<double> masses;
    for (const TokenSpan& document : attention.documents) {
      double mass = 0;
      for (size_t j = document.begin; j < document.end; ++j) mass += query[j];
      masses.push_back(mass);
    }
    return ContrastOf(masses, relevant, options.temperature);
  }
  const std::vector<double> scores = ScoreDocuments(
      query, Widened(attention.calibration, head, attention.tokens), attention.documents);
  if (options.measure == HeadMeasure::kNdcg) return NdcgOf(scores, relevant);
  double sum = 0;
  for (const size_t d : relevant) sum += scores[d];
  return sum;
}

absl::Status CheckQuery(const LabelledQuery& query) {
  if (query.relevant.empty()) return absl::InvalidArgumentError("no relevant passage");
  for (const size_t d : query.relevant) {
    if (d < query.passages.size()) continue;
    return absl::InvalidArgumentError(
        fmt::format("relevant: {} is not among {} passages", d, query.passages.size()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HeadMeasure> ParseHeadMeasure(std::string_view name) {
  if (name == "ndcg") return HeadMeasure::kNdcg;
  if (name == "mass") return HeadMeasure::kRelevantMass;
  if (name == "contrast") return HeadMeasure::kContrast;
  return absl::InvalidArgumentError(
      fmt::format("measure: \"{}\" is not among ndcg, mass, contrast", name));
}

std::vector<double> MeasureHeads(const InContextReranker::HeadAttention& attention,
                                 std::span<const size_t> relevant,
                                 const HeadDetectionOptions& options) {
  const std::set<size_t> labelled(relevant.begin(), relevant.end());
  std::vector<double> measures;
  for (size_t head = 0; head < attention.query.size() / attention.tokens; ++head) {
    measures.push_back(Measure(attention, head, labelled, options));
  }
  return measures;
}

absl::StatusOr<std::vector<HeadScore>> DetectHeads(const InContextReranker& reranker,
                                                   std::span<const LabelledQuery> queries,
                                                   const HeadDetectionOptions& options,
                                                   base::ThreadPool* pool) {
  if (queries.empty()) return absl::InvalidArgumentError("queries: none");
  if (!(options.temperature > 0)) {
    return absl::InvalidArgumentError(
        fmt::format("temperature: {} is not above 0", options.temperature));
  }
  const encoder::ModelDimensions& dimensions = reranker.model().dimensions();
  std::vector<HeadScore> heads(dimensions.layers * dimensions.heads);
  for (size_t i = 0; i < heads.size(); ++i) {
    heads[i].head = {i / dimensions.heads, i % dimensions.heads};
  }
  for (size_t q = 0; q < queries.size(); ++q) {
    const std::string name = fmt::format("query {}", q);
    GANNET_RETURN_IF_ERROR(base::Annotate(CheckQuery(queries[q]), name));
    const auto attention = reranker.AttentionByHead(queries[q].query, queries[q].passages, pool);
    if (!attention.ok()) return base::Annotate(attention.status(), name);
    const std::vector<double> measures = MeasureHeads(*attention, queries[q].relevant, options);
    for (size_t i = 0; i < heads.size(); ++i) {
      heads[i].score += measures[i] / static_cast<double>(queries.size());
    }
  }
  std::ranges::stable_sort(
      heads, [](const HeadScore& a, const HeadScore& b) { return a.score > b.score; });
  return heads;
}

}  // namespace gannet::ranker
