#include "indexer/collection/merge_policy.h"

#include <gtest/gtest.h>

#include <vector>

namespace gannet::indexer {
namespace {

constexpr MergeLimits kLimits = {.seal_rows = 10, .segment_rows = 1000};

std::vector<SegmentSize> Sizes(const std::vector<uint64_t>& rows) {
  std::vector<SegmentSize> sizes;
  for (const uint64_t count : rows) sizes.push_back({.rows = count, .dead = 0});
  return sizes;
}

TEST(MergePolicyTest, FourOfASizeBecomeOne) {
  EXPECT_FALSE(ChooseMerge({}, kLimits).has_value());
  EXPECT_FALSE(ChooseMerge(Sizes({10, 11, 12}), kLimits).has_value());
  const auto four = ChooseMerge(Sizes({10, 11, 12, 39}), kLimits);
  ASSERT_TRUE(four.has_value());
  EXPECT_EQ(four->first, 0u);
  EXPECT_EQ(four->count, 4u);
  const auto behind = ChooseMerge(Sizes({900, 200, 10, 10, 10, 10}), kLimits);
  ASSERT_TRUE(behind.has_value());
  EXPECT_EQ(behind->first, 2u);
  EXPECT_EQ(behind->count, 4u);
}

TEST(MergePolicyTest, SmallOnesBetweenGoAlong) {
  EXPECT_FALSE(ChooseMerge(Sizes({50, 10, 50, 10, 50, 10}), kLimits).has_value());
  const auto all = ChooseMerge(Sizes({10, 50, 10, 50, 10, 50, 50, 10}), kLimits);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->first, 1u);
  EXPECT_EQ(all->count, 6u);
}

TEST(MergePolicyTest, NoneGrowsBeyondTheLimit) {
  EXPECT_FALSE(ChooseMerge(Sizes({300, 300, 300, 300}), kLimits).has_value());
  const auto later =
      ChooseMerge(Sizes({500, 500, 160, 160, 160, 160}), {.seal_rows = 10, .segment_rows = 700});
  ASSERT_TRUE(later.has_value());
  EXPECT_EQ(later->first, 2u);
}

TEST(MergePolicyTest, SizesCountWhatIsLeft) {
  std::vector<SegmentSize> sizes = Sizes({100, 100, 100, 100});
  for (SegmentSize& size : sizes) size.dead = 90;
  const auto merge = ChooseMerge(sizes, {.seal_rows = 10, .segment_rows = 50});
  ASSERT_TRUE(merge.has_value());
  EXPECT_EQ(merge->count, 4u);
}

// However much is sealed, there are few segments, and each row was written few times.
TEST(MergePolicyTest, SegmentsStayFewAndRowsAreWrittenFewTimes) {
  std::vector<SegmentSize> sizes;
  uint64_t written = 0;
  constexpr uint64_t kSeals = 4000;
  const MergeLimits limits = {.seal_rows = 10, .segment_rows = 100'000};
  for (uint64_t i = 0; i < kSeals; ++i) {
    sizes.push_back({.rows = 10, .dead = 0});
    written += 10;
    while (const auto merge = ChooseMerge(sizes, limits)) {
      SegmentSize merged;
      const auto begin = sizes.begin() + static_cast<ptrdiff_t>(merge->first);
      const auto end = begin + static_cast<ptrdiff_t>(merge->count);
      for (auto size = begin; size != end; ++size) merged.rows += size->rows;
      written += merged.rows;
      *begin = merged;
      sizes.erase(begin + 1, end);
    }
    ASSERT_LE(sizes.size(), 3u * 7u);
  }
  EXPECT_LE(written, 7 * 10 * kSeals);
}

TEST(MergePolicyTest, TheOneWithMostDeadRowsIsRewritten) {
  EXPECT_FALSE(ChooseRewrite({}).has_value());
  const std::vector<SegmentSize> sizes = {{100, 20}, {100, 30}, {1000, 400}, {10, 0}};
  const auto rewrite = ChooseRewrite(sizes);
  ASSERT_TRUE(rewrite.has_value());
  EXPECT_EQ(rewrite->first, 2u);
  EXPECT_EQ(rewrite->count, 1u);
  EXPECT_FALSE(ChooseRewrite(std::vector<SegmentSize>{{100, 20}}).has_value());
}

}  // namespace
}  // namespace gannet::indexer
