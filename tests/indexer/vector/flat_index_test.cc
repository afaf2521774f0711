#include "indexer/vector/flat_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

TEST(FlatIndexTest, AnEmptyIndexFindsNothing) {
  const FlatIndex index(4);
  ASSERT_OK_AND_ASSIGN(const auto found, index.Search(std::vector<float>(4, 1), 10));
  EXPECT_TRUE(found.empty());
}

TEST(FlatIndexTest, EqualsAPlainScanWithTiesInTheOrderOfKeys) {
  constexpr size_t kDimension = 8, kCount = 500;
  std::mt19937 generator(1);
  std::uniform_int_distribution<int> small(-1, 1);  // Whole numbers: many exact ties.
  FlatIndex index(kDimension);
  std::vector<std::vector<float>> vectors(kCount, std::vector<float>(kDimension));
  for (size_t i = 0; i < kCount; ++i) {
    for (float& v : vectors[i]) v = static_cast<float>(small(generator));
    ASSERT_OK(index.Put(1000 - i, vectors[i]));
  }
  for (int q = 0; q < 20; ++q) {
    std::vector<float> query(kDimension);
    for (float& v : query) v = static_cast<float>(small(generator));
    std::vector<ScoredDocument> want;
    for (size_t i = 0; i < kCount; ++i) {
      float score = 0;
      for (size_t c = 0; c < kDimension; ++c) score += query[c] * vectors[i][c];
      want.push_back({1000 - i, score});
    }
    std::sort(want.begin(), want.end(), [](const auto& a, const auto& b) {
      return a.score != b.score ? a.score > b.score : a.key < b.key;
    });
    for (const size_t k : {1, 7, 100, 499, 500, 1000}) {
      ASSERT_OK_AND_ASSIGN(const auto found, index.Search(query, k));
      ASSERT_EQ(found.size(), std::min(k, kCount));
      for (size_t i = 0; i < found.size(); ++i) {
        ASSERT_EQ(found[i].key, want[i].key) << "k " << k << ", rank " << i;
        ASSERT_EQ(found[i].score, want[i].score);
      }
    }
  }
}

TEST(FlatIndexTest, PutReplacesTheVectorOfAKnownKey) {
  FlatIndex index(2);
  ASSERT_OK(index.Put(7, std::vector<float>{1, 0}));
  ASSERT_OK(index.Put(9, std::vector<float>{0, 1}));
  ASSERT_OK(index.Put(7, std::vector<float>{0, 2}));
  EXPECT_EQ(index.size(), 2u);
  ASSERT_OK_AND_ASSIGN(const auto found, index.Search(std::vector<float>{0, 1}, 2));
  EXPECT_EQ(found[0].key, 7u);
  EXPECT_EQ(found[0].score, 2.0F);
  EXPECT_EQ(found[1].key, 9u);
}

TEST(FlatIndexTest, AFilterChoosesBeforeTheBestAreKept) {
  FlatIndex index(1);
  for (DocumentKey key = 0; key < 100; ++key) {
    ASSERT_OK(index.Put(key, std::vector<float>{static_cast<float>(key)}));
  }
  ASSERT_OK_AND_ASSIGN(const auto found, index.Search(std::vector<float>{1}, 2,
                                                      [](DocumentKey k) { return k < 40; }));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].key, 39u);
  EXPECT_EQ(found[1].key, 38u);
}

TEST(FlatIndexTest, ValuesThatMakeNoScoreAreRefused) {
  FlatIndex index(2);
  EXPECT_EQ(index.Put(1, std::vector<float>{NAN, 0}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(index.size(), 0u);
  ASSERT_OK(index.Put(1, std::vector<float>{1, 0}));
  EXPECT_EQ(index.Search(std::vector<float>{INFINITY, 0}, 1).status().code(),
            absl::StatusCode::kInvalidArgument);
  FlatIndex impossible(0);
  EXPECT_FALSE(impossible.Put(1, {}).ok());
}

}  // namespace
}  // namespace gannet::indexer
