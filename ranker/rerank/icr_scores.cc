#include "ranker/rerank/icr_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace gannet::ranker {

std::vector<double> CalibratedMasses(std::span<const double> query,
                                     std::span<const double> calibration, TokenSpan document) {
  std::vector<double> masses;
  masses.reserve(document.size());
  for (size_t j = document.begin; j < document.end; ++j) {
    masses.push_back(query[j] - calibration[j]);
  }
  return masses;
}

double MassThreshold(std::span<const double> masses) {
  if (masses.size() < 2) return -std::numeric_limits<double>::infinity();
  const auto count = static_cast<double>(masses.size());
  const double mean = std::accumulate(masses.begin(), masses.end(), 0.0) / count;
  double squares = 0;
  for (const double mass : masses) squares += (mass - mean) * (mass - mean);
  return mean - 2 * std::sqrt(squares / (count - 1));
}

double ScoreOf(std::span<const double> masses) {
  const double threshold = MassThreshold(masses);
  double score = 0;
  for (const double mass : masses) {
    if (mass > threshold) score += mass;
  }
  return score;
}

std::vector<double> ScoreDocuments(std::span<const double> query,
                                   std::span<const double> calibration,
                                   std::span<const TokenSpan> documents) {
  std::vector<double> scores;
  for (const TokenSpan& document : documents) {
    scores.push_back(ScoreOf(CalibratedMasses(query, calibration, document)));
  }
  return scores;
}

std::vector<size_t> RankByScore(std::span<const double> scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return order;
}

}  // namespace gannet::ranker
