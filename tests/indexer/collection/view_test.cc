#include "indexer/collection/view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr VectorShape kShape = {VectorFormat::kFp32, Metric::kInnerProduct, 1};

// One passage each; the vector of a document is its key.
ViewChange Adding(DocumentKey first, size_t count) {
  ViewChange change;
  VectorTable table = *VectorTable::Create(kShape);
  for (DocumentKey key = first; key < first + count; ++key) {
    change.added_keys.push_back(MakePassageKey(key, 0));
    EXPECT_TRUE(table.Append(std::vector<float>{static_cast<float>(key)}).ok());
    change.added_records.push_back(table.Record(table.size() - 1));
  }
  return change;
}

ViewChange Deleting(std::vector<DocumentKey> keys) {
  ViewChange change;
  change.deleted = std::move(keys);
  return change;
}

std::shared_ptr<const View> Apply(const View& view, ViewChange change,
                                  Growing growing = Growing::kKept) {
  Totals totals = view.totals;
  ++totals.sequence;
  auto changed = ApplyChange(view, std::move(change), totals, kShape, growing);
  EXPECT_TRUE(changed.ok()) << changed.status();
  return *changed;
}

std::vector<DocumentKey> Live(const View& view) {
  std::vector<DocumentKey> keys;
  for (const Part& part : view.parts) {
    for (uint32_t row = 0; row < part.segment->index().size(); ++row) {
      if (part.dead->Contains(row)) continue;
      keys.push_back(DocumentOf(part.segment->index().keys()[row]));
      std::vector<float> vector(1);
      part.segment->index().vectors().Decode(row, vector);
      EXPECT_EQ(vector[0], static_cast<float>(keys.back()));
    }
  }
  return keys;
}

// A segment of the documents, as if it were in a file.
std::shared_ptr<const Segment> Sealed(DocumentKey first, size_t count) {
  const auto part = Apply(View(), Adding(first, count))->parts[0].segment;
  VectorTable vectors = *part->index().vectors().InMemory();
  auto index = VectorIndex::BuildFlat({part->index().keys().begin(), part->index().keys().end()},
                                      std::move(vectors));
  return std::make_shared<const Segment>(*std::move(index), SegmentRecord(), "/none",
                                         Segment::Origin::kFile);
}

TEST(ViewTest, AViewStaysAsItIs) {
  const View empty;
  const auto three = Apply(empty, Adding(0, 3));
  const auto two = Apply(*three, Deleting({1, 17}));
  const auto again = Apply(*two, Adding(5, 1));
  EXPECT_THAT(Live(empty), IsEmpty());
  EXPECT_THAT(Live(*three), ElementsAre(0, 1, 2));
  EXPECT_THAT(Live(*two), ElementsAre(0, 2));
  EXPECT_THAT(Live(*again), ElementsAre(0, 2, 5));
  EXPECT_EQ(again->totals.sequence, 3u);
  EXPECT_EQ(again->GrowingRows(), 3u);
}

TEST(ViewTest, WhatIsAddedAndDeletedAtOnceIsNotThere) {
  ViewChange change = Adding(0, 3);
  change.deleted = {1};
  EXPECT_THAT(Live(*Apply(View(), std::move(change))), ElementsAre(0, 2));
}

TEST(ViewTest, PiecesOfTheGrowingPartStayFew) {
  auto view = std::make_shared<const View>();
  for (DocumentKey key = 0; key < 500; ++key) {
    view = Apply(*view, Adding(key, 1));
    ASSERT_LE(view->parts.size(), 9u);
  }
  EXPECT_EQ(Live(*view).size(), 500u);
  std::vector<DocumentKey> all(500);
  for (DocumentKey key = 0; key < 500; ++key) all[key] = key;
  EXPECT_EQ(view->LiveRows(), 500u);
  view = Apply(*view, Deleting(all));
  EXPECT_EQ(view->LiveRows(), 0u);
  view = Apply(*view, Adding(500, 1));
  EXPECT_THAT(Live(*view), ElementsAre(500));
}

TEST(ViewTest, ASegmentTakesThePlaceOfItsRangeAndTheRestStays) {
  const auto before = Apply(View(), Adding(0, 10));
  ASSERT_EQ(before->parts.size(), 1u);
  Totals totals = before->totals;
  // The segment was built of 0 to 5; 2 and 7 were deleted meanwhile.
  const auto meanwhile = Apply(*before, Deleting({2, 7}));
  const SegmentSwap swap = {
      .first = 0, .last = MakePassageKey(5, 0), .segment = Sealed(0, 6), .deleted = {2, 7}};
  ASSERT_OK_AND_ASSIGN(const auto after, ApplySwap(*meanwhile, swap, totals));
  EXPECT_EQ(after->segments, 1u);
  ASSERT_EQ(after->parts.size(), 2u);
  EXPECT_EQ(after->LastSealed(), MakePassageKey(5, 0));
  EXPECT_THAT(Live(*after), ElementsAre(0, 1, 3, 4, 5, 6, 8, 9));
  EXPECT_EQ(after->GrowingRows(), 3u);

  const SegmentSwap removal = {
      .first = 0, .last = MakePassageKey(5, 0), .segment = nullptr, .deleted = {}};
  ASSERT_OK_AND_ASSIGN(const auto removed, ApplySwap(*after, removal, totals));
  EXPECT_EQ(removed->segments, 0u);
  EXPECT_THAT(Live(*removed), ElementsAre(6, 8, 9));
}

TEST(ViewTest, WhileIndexingOnlySegmentsAreKept) {
  View segments;
  segments.parts.push_back({Sealed(0, 3), std::make_shared<const DeadRows>()});
  segments.segments = 1;
  ViewChange change = Adding(3, 5);
  change.deleted = {1};
  EXPECT_THAT(Live(*Apply(segments, std::move(change), Growing::kLeftOut)), ElementsAre(0, 2));
}

TEST(SegmentTest, KnowsTheRowsOfADocument) {
  VectorTable vectors = *VectorTable::Create(kShape);
  ASSERT_OK(vectors.Append(std::vector<float>{1, 2, 3, 4}));
  auto index = VectorIndex::BuildFlat(
      {MakePassageKey(1, 0), MakePassageKey(4, 0), MakePassageKey(4, 1), MakePassageKey(9, 0)},
      std::move(vectors));
  const Segment segment(*std::move(index));
  EXPECT_EQ(segment.RowsOf(4), std::pair(1u, 3u));
  EXPECT_EQ(segment.RowsOf(9), std::pair(3u, 4u));
  for (const DocumentKey none : {0, 3, 10}) {
    const auto [begin, end] = segment.RowsOf(none);
    EXPECT_EQ(begin, end);
  }
}

}  // namespace
}  // namespace gannet::indexer
