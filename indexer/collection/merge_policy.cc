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
    // The window [first, i]: of this size or smaller, beginning with one of this size.
    size_t first = 0, alike = 0;
    uint64_t rows = 0;
    const auto tier_of = [&](size_t i) { return TierOf(segments[i].live(), seal_rows); };
    for (size_t i = 0; i < segments.size(); ++i) {
      if (tier_of(i) > tier) {
        first = i + 1;
        alike = 0;
        rows = 0;
        continue;
      }
      alike += tier_of(i) == tier ? 1 : 0;
      rows += segments[i].live();
      for (; first <= i && (rows > limits.segment_rows || tier_of(first) < tier); ++first) {
        alike -= tier_of(first) == tier ? 1 : 0;
        rows -= segments[first].live();
      }
      if (alike == kFan) return MergeChoice{.first = first, .count = i - first + 1};
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
