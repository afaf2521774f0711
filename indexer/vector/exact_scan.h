#ifndef GANNET_INDEXER_VECTOR_EXACT_SCAN_H_
#define GANNET_INDEXER_VECTOR_EXACT_SCAN_H_

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "indexer/collection.h"
#include "indexer/vector/vector_table.h"

namespace gannet::indexer {

// Which documents may be found; empty for all.
using KeyFilter = std::function<bool(DocumentKey)>;

// The order of results: score descending, then key ascending.
inline bool RanksBefore(const ScoredDocument& a, const ScoredDocument& b) {
  return a.score != b.score ? a.score > b.score : a.key < b.key;
}

// Scores row after row, where `filter` lets its key pass, and returns the `k` best (all, when there
// are fewer), best first. keys[i] is the key of row i.
std::vector<ScoredDocument> ScanForBest(const VectorScorer& scorer,
                                        std::span<const DocumentKey> keys, size_t k,
                                        const KeyFilter& filter = {});

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_EXACT_SCAN_H_
