#include "indexer/vector/exact_scan.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace gannet::indexer {
namespace {

// The k best seen so far: a heap with the worst of them on top.
class BestDocuments {
 public:
  explicit BestDocuments(size_t k) : k_(k) {}

  void Offer(const ScoredDocument& document) {
    if (heap_.size() == k_) {
      if (!RanksBefore(document, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), RanksBefore);
      heap_.back() = document;
    } else {
      heap_.push_back(document);
    }
    std::push_heap(heap_.begin(), heap_.end(), RanksBefore);
  }

  std::vector<ScoredDocument> TakeSorted() {
    std::sort_heap(heap_.begin(), heap_.end(), RanksBefore);
    return std::move(heap_);
  }

 private:
  const size_t k_;
  std::vector<ScoredDocument> heap_;
};

}  // namespace

std::vector<ScoredDocument> ScanForBest(const VectorScorer& scorer,
                                        std::span<const DocumentKey> keys, size_t k,
                                        const KeyFilter& filter) {
  constexpr size_t kBatch = 256;
  if (k == 0) return {};
  BestDocuments best(k);
  std::array<float, kBatch> scores;
  if (!filter) {
    for (size_t first = 0; first < keys.size(); first += kBatch) {
      const size_t count = std::min(kBatch, keys.size() - first);
      scorer.ScoreRange(first, count, scores.data());
      for (size_t i = 0; i < count; ++i) best.Offer({keys[first + i], scores[i]});
    }
    return best.TakeSorted();
  }
  std::array<uint32_t, kBatch> rows;
  for (size_t next = 0; next < keys.size();) {
    size_t count = 0;
    for (; count < kBatch && next < keys.size(); ++next) {
      if (filter(keys[next])) rows[count++] = static_cast<uint32_t>(next);
    }
    scorer.Score({rows.data(), count}, scores.data());
    for (size_t i = 0; i < count; ++i) best.Offer({keys[rows[i]], scores[i]});
  }
  return best.TakeSorted();
}

}  // namespace gannet::indexer
