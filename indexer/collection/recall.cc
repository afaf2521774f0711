#include "indexer/collection/recall.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace gannet::indexer {

RecallFigures Combine(const RecallFigures& a, const RecallFigures& b) {
  if (a.queries == 0) return b;
  if (b.queries == 0) return a;
  const double sum =
      a.mean * static_cast<double>(a.queries) + b.mean * static_cast<double>(b.queries);
  return {.queries = a.queries + b.queries,
          .k = b.k,
          .mean = sum / static_cast<double>(a.queries + b.queries),
          .worst = std::min(a.worst, b.worst)};
}

RecallFigures CompareAnswers(std::span<const ScoredDocument> approximate,
                             std::span<const ScoredDocument> exact) {
  std::unordered_set<DocumentKey> found;
  for (const ScoredDocument& document : approximate) found.insert(document.key);
  const auto hits = std::count_if(exact.begin(), exact.end(), [&](const ScoredDocument& document) {
    return found.contains(document.key);
  });
  const double recall = static_cast<double>(hits) / static_cast<double>(exact.size());
  return {.queries = 1, .k = exact.size(), .mean = recall, .worst = recall};
}

void RecallSampler::Keep(RecallSample sample) {
  const std::lock_guard lock(mutex_);
  if (samples_.size() < kMostSamples) samples_.push_back(std::move(sample));
}

std::vector<RecallSample> RecallSampler::TakeAll() {
  const std::lock_guard lock(mutex_);
  return std::exchange(samples_, {});
}

}  // namespace gannet::indexer
