#ifndef GANNET_INDEXER_COLLECTION_RECALL_H_
#define GANNET_INDEXER_COLLECTION_RECALL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "indexer/collection.h"
#include "indexer/filter/filter.h"

namespace gannet::indexer {

// A search whose answer is to be compared with the exact one.
struct RecallSample {
  std::vector<float> query;
  size_t k = 0;
  size_t effort = 0;
  size_t rescored = 0;
  std::optional<Filter> filter;
};

// Adds the figures of more queries.
RecallFigures Combine(const RecallFigures& a, const RecallFigures& b);

// The figures of one query: which share of `exact` is in `approximate`. Requires some of `exact`.
RecallFigures CompareAnswers(std::span<const ScoredDocument> approximate,
                             std::span<const ScoredDocument> exact);

// Keeps one of every `interval` searches for later, at most kMostSamples at a time. Safe to use
// from several threads.
class RecallSampler {
 public:
  explicit RecallSampler(uint64_t interval) : interval_(interval) {}

  // Whether the search at hand is one to keep.
  bool Draw() { return interval_ != 0 && searches_.fetch_add(1) % interval_ == 0; }
  void Keep(RecallSample sample);

  std::vector<RecallSample> TakeAll();

 private:
  static constexpr size_t kMostSamples = 64;

  const uint64_t interval_;
  std::atomic<uint64_t> searches_{0};
  std::mutex mutex_;
  std::vector<RecallSample> samples_;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_RECALL_H_
