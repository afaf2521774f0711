#include "indexer/vector/exact_scan.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace gannet::indexer {
namespace {

// The k best seen so far: a heap with the worst of them on top.
class BestPassages {
 public:
  explicit BestPassages(size_t k) : k_(k) {}

  void Offer(const ScoredPassage& passage) {
    if (heap_.size() == k_) {
      if (!RanksBefore(passage, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), RanksBefore);
      heap_.back() = passage;
    } else {
      heap_.push_back(passage);
    }
    std::push_heap(heap_.begin(), heap_.end(), RanksBefore);
  }

  std::vector<ScoredPassage> TakeSorted() {
    std::sort_heap(heap_.begin(), heap_.end(), RanksBefore);
    return std::move(heap_);
  }

 private:
  const size_t k_;
  std::vector<ScoredPassage> heap_;
};

}  // namespace

std::vector<ScoredPassage> ScanForBest(const VectorScorer& scorer, std::span<const PassageKey> keys,
                                       size_t k, const RowFilter& filter) {
  constexpr size_t kBatch = 256;
  if (k == 0) return {};
  BestPassages best(k);
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
      if (filter(static_cast<uint32_t>(next))) rows[count++] = static_cast<uint32_t>(next);
    }
    scorer.Score({rows.data(), count}, scores.data());
    for (size_t i = 0; i < count; ++i) best.Offer({keys[rows[i]], scores[i]});
  }
  return best.TakeSorted();
}

std::vector<ScoredPassage> ScanRowsForBest(const VectorScorer& scorer,
                                           std::span<const PassageKey> keys,
                                           std::span<const uint32_t> rows, size_t k) {
  constexpr size_t kBatch = 256;
  if (k == 0) return {};
  BestPassages best(k);
  std::array<float, kBatch> scores;
  for (size_t first = 0; first < rows.size(); first += kBatch) {
    const auto batch = rows.subspan(first, std::min(kBatch, rows.size() - first));
    scorer.Score(batch, scores.data());
    for (size_t i = 0; i < batch.size(); ++i) best.Offer({keys[batch[i]], scores[i]});
  }
  return best.TakeSorted();
}

}  // namespace gannet::indexer
