#ifndef GANNET_INDEXER_COLLECTION_MERGE_POLICY_H_
#define GANNET_INDEXER_COLLECTION_MERGE_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace gannet::indexer {

// What a segment holds.
struct SegmentSize {
  uint64_t rows = 0;
  uint64_t dead = 0;

  uint64_t live() const { return rows - dead; }
};

// Segments next to each other that are to become one; `count` 1: one that is to be written anew,
// without its dead rows.
struct MergeChoice {
  size_t first = 0;
  size_t count = 0;
};

struct MergeLimits {
  uint64_t seal_rows = 10'000;
  uint64_t segment_rows = 1'000'000;
};

// The merge that is due: four segments of like size, and smaller ones between them, so that there
// are at most three of a size and a row is written once per size. Sizes are alike within a factor
// of four from seal_rows on. No merge makes more than segment_rows rows. Depends on the sizes
// alone.
std::optional<MergeChoice> ChooseMerge(std::span<const SegmentSize> segments,
                                       const MergeLimits& limits);

// The segment with the largest share of dead rows, where that is above a fifth.
std::optional<MergeChoice> ChooseRewrite(std::span<const SegmentSize> segments);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_MERGE_POLICY_H_
