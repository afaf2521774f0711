#ifndef GANNET_INDEXER_VECTOR_EXACT_SCAN_H_
#define GANNET_INDEXER_VECTOR_EXACT_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "indexer/document.h"
#include "indexer/vector/vector_table.h"

namespace gannet::indexer {

struct ScoredPassage {
  PassageKey key = 0;
  float score = 0;
};

// Which rows may be found; empty for all.
using RowFilter = std::function<bool(uint32_t row)>;

// The order of results: score descending, then key ascending.
inline bool RanksBefore(const ScoredPassage& a, const ScoredPassage& b) {
  return a.score != b.score ? a.score > b.score : a.key < b.key;
}

// Scores row after row, where `filter` lets it pass, and returns the `k` best (all, when there
// are fewer), best first. keys[i] is the key of row i.
std::vector<ScoredPassage> ScanForBest(const VectorScorer& scorer, std::span<const PassageKey> keys,
                                       size_t k, const RowFilter& filter = {});

// The same among `rows`, which are ascending.
std::vector<ScoredPassage> ScanRowsForBest(const VectorScorer& scorer,
                                           std::span<const PassageKey> keys,
                                           std::span<const uint32_t> rows, size_t k);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_EXACT_SCAN_H_
