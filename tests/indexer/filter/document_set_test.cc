#include "indexer/filter/document_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

namespace gannet::indexer {
namespace {

// Keys in clusters, some far from each other.
std::set<DocumentKey> RandomKeys(std::mt19937_64& random) {
  std::set<DocumentKey> keys;
  for (uint64_t cluster = random() % 5; cluster > 0; --cluster) {
    const DocumentKey base = (random() % 4) << (16 + random() % 30);
    for (uint64_t i = random() % 2'000; i > 0; --i) keys.insert(base + random() % 200'000);
  }
  return keys;
}

DocumentSet SetOf(const std::set<DocumentKey>& keys) {
  DocumentSet set;
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) set.Add(*key);
  return set;
}

void ExpectSame(const DocumentSet& set, const std::set<DocumentKey>& keys) {
  EXPECT_EQ(set.Count(), keys.size());
  std::vector<DocumentKey> visited;
  set.ForEach([&](DocumentKey key) { visited.push_back(key); });
  EXPECT_TRUE(std::ranges::equal(visited, keys));
  EXPECT_TRUE(set == SetOf(keys));
  EXPECT_EQ(set.empty(), keys.empty());
}

TEST(DocumentSetTest, DoesWhatASetDoes) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    const std::set<DocumentKey> a = RandomKeys(random), b = RandomKeys(random);
    std::set<DocumentKey> expected;
    DocumentSet united = SetOf(a);
    united.UniteWith(SetOf(b));
    std::ranges::set_union(a, b, std::inserter(expected, expected.end()));
    ExpectSame(united, expected);

    expected.clear();
    DocumentSet intersected = SetOf(a);
    intersected.IntersectWith(SetOf(b));
    std::ranges::set_intersection(a, b, std::inserter(expected, expected.end()));
    ExpectSame(intersected, expected);

    expected.clear();
    const DocumentSet before = SetOf(a);
    DocumentSet left = before;
    left.Subtract(SetOf(b));
    std::ranges::set_difference(a, b, std::inserter(expected, expected.end()));
    ExpectSame(left, expected);
    ExpectSame(before, a);

    for (int i = 0; i < 100; ++i) {
      const DocumentKey key = random() % 400'000;
      EXPECT_EQ(before.Contains(key), a.contains(key));
    }
  }
}

TEST(DocumentSetTest, RemovesKeysAndTakesTheHighest) {
  DocumentSet set;
  set.Add((uint64_t{1} << 48) - 1);
  set.Add(3);
  set.Add(3);
  EXPECT_EQ(set.Count(), 2u);
  EXPECT_TRUE(set.Contains((uint64_t{1} << 48) - 1));
  set.Remove(3);
  set.Remove(70'000);
  EXPECT_EQ(set.Count(), 1u);
  set.Remove((uint64_t{1} << 48) - 1);
  EXPECT_TRUE(set == DocumentSet());
  EXPECT_TRUE(DocumentSet() == set);
}

}  // namespace
}  // namespace gannet::indexer
