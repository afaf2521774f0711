#include "indexer/collection/merge_policy.h"

#include <algorithm>

namespace gannet::indexer {
namespace {

constexpr size_t kFan = 4;

// 0 below kFan times seal_rows, 1 below kFan² times, ...
size_t TierOf(uint64_t rows, uint64_t seal_rows) {
  size_t tier = 0;
  for (uint64_t bound = seal_rows * kFan; rows >= bound && tier < 30; bound *= kFan) ++tier;
  return tier;
}

}  // namespace

std::optional<MergeChoice> ChooseMerge(std::span<const SegmentSize> segments,
                                       const MergeLimits& limits) {
  const uint64_t seal_rows = std::max<uint64_t>(limits.seal_rows, 1);
  size_t highest = 0;
  for (const SegmentSize& segment : segments) {
    highest = std::max(highest, TierOf(segment.live(), seal_rows));
  }
  for (size_t tier = 0; tier <= highest; ++tier) {
    MergeChoice run;
    size_t alike = 0;
    uint64_t rows = 0;
    for (size_t i = 0; i < segments.size(); ++i) {
      const size_t own = TierOf(segments[i].live(), seal_rows);
      const bool fits = rows + segments[i].live() <= limits.segment_rows;
      if (own > tier || (run.count > 0 && !fits)) {
        run = {};
        alike = 0;
        rows = 0;
        if (own > tier) continue;
      }
      // A run begins with a segment of its own size: smaller ones before it wait for their own.
      if (run.count == 0 && own < tier) continue;
      if (run.count == 0) run.first = i;
      ++run.count;
      rows += segments[i].live();
      alike += own == tier ? 1 : 0;
      if (alike == kFan) return run;
    }
  }
  return std::nullopt;
}

std::optional<MergeChoice> ChooseRewrite(std::span<const SegmentSize> segments) {
  std::optional<MergeChoice> worst;
  double worst_share = 0.2;
  for (size_t i = 0; i < segments.size(); ++i) {
    const double share =
        static_cast<double>(segments[i].dead) / static_cast<double>(segments[i].rows);
    if (share <= worst_share) continue;
    worst_share = share;
    worst = MergeChoice{.first = i, .count = 1};
  }
  return worst;
}

}  // namespace gannet::indexer
