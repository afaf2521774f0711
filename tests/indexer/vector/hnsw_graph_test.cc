#include "indexer/vector/hnsw_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/status.h"
#include "tests/indexer/vector/clustered_vectors.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

constexpr size_t kDimension = 48;

VectorTable TableOf(VectorFormat format, Metric metric, std::span<const float> vectors) {
  VectorTable table = *VectorTable::Create({format, metric, kDimension});
  EXPECT_TRUE(table.Append(vectors).ok());
  return table;
}

std::vector<ScoredRow> ExactOrder(const VectorTable& table, const VectorScorer& scorer) {
  std::vector<ScoredRow> order(table.size());
  for (uint32_t row = 0; row < table.size(); ++row) order[row] = {scorer.Score(row), row};
  std::sort(order.begin(), order.end());
  return order;
}

double Recall(const HnswGraph& graph, const VectorTable& table, size_t effort, size_t k) {
  constexpr size_t kQueries = 50;
  const auto queries = ClusteredVectors(kQueries, kDimension, 2);
  HnswScratch scratch;
  VectorScorer scorer(table);
  size_t found = 0;
  for (size_t q = 0; q < kQueries; ++q) {
    scorer.SetQuery(std::span(queries).subspan(q * kDimension, kDimension));
    const auto exact = ExactOrder(table, scorer);
    auto answer = graph.Search(scorer, effort, scratch);
    EXPECT_TRUE(std::is_sorted(answer.begin(), answer.end()));
    EXPECT_LE(answer.size(), effort);
    answer = answer.first(std::min(k, answer.size()));
    for (size_t i = 0; i < k; ++i) {
      found += static_cast<size_t>(std::any_of(
          answer.begin(), answer.end(), [&](const auto& hit) { return hit.row == exact[i].row; }));
    }
  }
  return static_cast<double>(found) / static_cast<double>(kQueries * k);
}

TEST(HnswGraphTest, FindsNearlyAllOfTheNearestInEveryFormatAndMetric) {
  base::ThreadPool pool(2);
  const auto vectors = ClusteredVectors(2000, kDimension, 1);
  for (const auto format : {VectorFormat::kFp32, VectorFormat::kFp16, VectorFormat::kInt8}) {
    for (const auto metric : {Metric::kInnerProduct, Metric::kL2}) {
      const VectorTable table = TableOf(format, metric, vectors);
      ASSERT_OK_AND_ASSIGN(const HnswGraph graph,
                           HnswGraph::Build(table, {.links = 12, .build_effort = 80}, pool));
      EXPECT_GE(Recall(graph, table, 100, 10), 0.98) << VectorFormatName(format);
      EXPECT_GE(Recall(graph, table, 2000, 10), 0.999) << VectorFormatName(format);
    }
  }
}

TEST(HnswGraphTest, AGraphOverIntegersServesTheExactVectors) {
  base::ThreadPool pool(2);
  const auto vectors = ClusteredVectors(2000, kDimension, 1);
  const VectorTable integers = TableOf(VectorFormat::kInt8, Metric::kInnerProduct, vectors);
  const VectorTable exact = TableOf(VectorFormat::kFp32, Metric::kInnerProduct, vectors);
  ASSERT_OK_AND_ASSIGN(const HnswGraph graph,
                       HnswGraph::Build(integers, {.links = 12, .build_effort = 80}, pool));
  EXPECT_GE(Recall(graph, exact, 100, 10), 0.98);
}

TEST(HnswGraphTest, TheGraphIsTheSameForAnyNumberOfThreads) {
  const VectorTable table =
      TableOf(VectorFormat::kInt8, Metric::kInnerProduct, ClusteredVectors(1500, kDimension, 1));
  std::vector<HnswGraph> graphs;
  for (const int threads : {1, 2, 5}) {
    base::ThreadPool pool(threads);
    ASSERT_OK_AND_ASSIGN(HnswGraph graph,
                         HnswGraph::Build(table, {.links = 8, .build_effort = 40}, pool));
    graphs.push_back(std::move(graph));
  }
  const auto want = graphs[0].parts();
  for (const HnswGraph& graph : graphs) {
    const auto got = graph.parts();
    EXPECT_TRUE(std::ranges::equal(got.levels, want.levels));
    EXPECT_TRUE(std::ranges::equal(got.base_links, want.base_links));
    EXPECT_TRUE(std::ranges::equal(got.upper_links, want.upper_links));
  }
}

TEST(HnswGraphTest, SmallTablesAndEqualVectorsAreServed) {
  base::ThreadPool pool(2);
  for (const size_t size : {0, 1, 2, 3, 8}) {
    const VectorTable table = TableOf(VectorFormat::kInt8, Metric::kInnerProduct,
                                      std::vector<float>(size * kDimension, 0.25F));
    ASSERT_OK_AND_ASSIGN(const HnswGraph graph,
                         HnswGraph::Build(table, {.links = 4, .build_effort = 20}, pool));
    HnswScratch scratch;
    VectorScorer scorer(table);
    scorer.SetQuery(std::vector<float>(kDimension, 1));
    const auto found = graph.Search(scorer, 10, scratch);
    EXPECT_EQ(found.size(), std::min<size_t>(size, 10));
    for (const ScoredRow& hit : found) EXPECT_FLOAT_EQ(hit.score, kDimension / 4.0F);
  }
}

TEST(HnswGraphTest, OneScratchServesManyThousandSearches) {
  base::ThreadPool pool(1);
  const VectorTable table =
      TableOf(VectorFormat::kInt8, Metric::kInnerProduct, ClusteredVectors(30, kDimension, 1));
  ASSERT_OK_AND_ASSIGN(const HnswGraph graph,
                       HnswGraph::Build(table, {.links = 4, .build_effort = 10}, pool));
  HnswScratch scratch;
  VectorScorer scorer(table);
  scorer.SetQueryToRow(7);
  const auto first = graph.Search(scorer, 5, scratch);
  const std::vector<ScoredRow> want(first.begin(), first.end());
  ASSERT_EQ(want.size(), 5u);
  for (int i = 0; i < 70000; ++i) {  // More than there are epochs of visits.
    const auto found = graph.Search(scorer, 5, scratch);
    ASSERT_EQ(found.size(), 5u) << i;
    ASSERT_EQ(found[4].row, want[4].row) << i;
  }
}

TEST(HnswGraphTest, PartsMakeTheGraphAgainAndBadOnesAreRefused) {
  base::ThreadPool pool(1);
  const VectorTable table =
      TableOf(VectorFormat::kInt8, Metric::kInnerProduct, ClusteredVectors(300, kDimension, 1));
  ASSERT_OK_AND_ASSIGN(const HnswGraph graph,
                       HnswGraph::Build(table, {.links = 4, .build_effort = 20}, pool));
  const HnswGraph::Parts parts = graph.parts();
  ASSERT_OK_AND_ASSIGN(const HnswGraph again, HnswGraph::FromParts(parts));
  EXPECT_EQ(Recall(again, table, 40, 5), Recall(graph, table, 40, 5));

  std::vector<uint32_t> base_links(parts.base_links.begin(), parts.base_links.end());
  HnswGraph::Parts bad = parts;
  bad.base_links = base_links;
  base_links[9] = 300;
  EXPECT_EQ(HnswGraph::FromParts(bad).status().code(), absl::StatusCode::kDataLoss);

  std::vector<uint32_t> upper_links(parts.upper_links.begin(), parts.upper_links.end());
  ASSERT_FALSE(upper_links.empty());
  const auto ground = std::find(parts.levels.begin(), parts.levels.end(), 0);
  upper_links[0] = static_cast<uint32_t>(ground - parts.levels.begin());
  bad = parts;
  bad.upper_links = upper_links;
  const absl::Status status = HnswGraph::FromParts(bad).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(base::Message(status).find("on level 1"), std::string_view::npos) << status;

  bad = parts;
  bad.base_links = parts.base_links.first(8);
  EXPECT_EQ(HnswGraph::FromParts(bad).status().code(), absl::StatusCode::kDataLoss);
  bad = parts;
  bad.links = 0;
  EXPECT_FALSE(HnswGraph::FromParts(bad).ok());
}

TEST(HnswGraphTest, OptionsOutOfRangeAreRefused) {
  base::ThreadPool pool(1);
  const VectorTable table = TableOf(VectorFormat::kInt8, Metric::kInnerProduct, {});
  for (const HnswOptions& options :
       {HnswOptions{1, 200}, HnswOptions{513, 200}, HnswOptions{16, 0}, HnswOptions{16, 65537}}) {
    EXPECT_EQ(HnswGraph::Build(table, options, pool).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace gannet::indexer
