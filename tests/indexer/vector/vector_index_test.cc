#include "indexer/vector/vector_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "tests/indexer/vector/clustered_vectors.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using testing::TemporaryFolder;

constexpr size_t kDimension = 32, kCount = 3000, kQueries = 40;

std::vector<PassageKey> KeysFor(size_t count) {
  std::vector<PassageKey> keys(count);
  for (size_t i = 0; i < count; ++i) keys[i] = 7 + 3 * i;
  return keys;
}

uint32_t RowOf(PassageKey key) { return static_cast<uint32_t>((key - 7) / 3); }

class VectorIndexTest : public ::testing::TestWithParam<std::string> {
 protected:
  absl::StatusOr<std::unique_ptr<VectorIndex>> Build(size_t count,
                                                     Metric metric = Metric::kInnerProduct) {
    auto spec = IndexSpec::Parse(GetParam());
    if (!spec.ok()) return spec.status();
    spec->hnsw.build_effort = 60;
    keys_ = KeysFor(count);
    vectors_ = ClusteredVectors(count, kDimension, 1);
    return VectorIndex::Build(*spec, {metric, kDimension, keys_, vectors_}, pool_);
  }

  std::span<const float> Query(size_t q) const {
    return std::span(queries_).subspan(q * kDimension, kDimension);
  }

  // Share of the exact answers that were found; scores must be exact and in order.
  double Recall(const VectorIndex& index, const VectorSearch& search) const {
    size_t found = 0, wanted = 0;
    for (size_t q = 0; q < kQueries; ++q) {
      const auto got = index.Search(Query(q), search);
      const auto want = index.SearchExactly(Query(q), search.k, search.filter);
      EXPECT_TRUE(got.ok() && want.ok()) << got.status();
      if (!got.ok() || !want.ok()) return 0;
      EXPECT_EQ(got->size(), want->size());
      EXPECT_TRUE(std::is_sorted(got->begin(), got->end(), RanksBefore));
      wanted += want->size();
      for (const ScoredPassage& hit : *got) {
        EXPECT_TRUE(!search.filter || search.filter(RowOf(hit.key)));
        for (const ScoredPassage& exact : *want) {
          if (exact.key != hit.key) continue;
          EXPECT_EQ(exact.score, hit.score);
          ++found;
        }
      }
    }
    return static_cast<double>(found) / static_cast<double>(wanted);
  }

  base::ThreadPool pool_{2};
  std::vector<PassageKey> keys_;
  std::vector<float> vectors_;
  const std::vector<float> queries_ = ClusteredVectors(kQueries, kDimension, 2);
};

INSTANTIATE_TEST_SUITE_P(Specs, VectorIndexTest,
                         ::testing::Values("Flat", "HNSW12,Flat", "HNSW12,SQfp16", "HNSW12,SQ8",
                                           "IVF32,PQ16"),
                         [](const auto& spec) {
                           std::string name = spec.param;
                           std::replace(name.begin(), name.end(), ',', '_');
                           return name;
                         });

TEST_P(VectorIndexTest, FindsNearlyAllWithExactScores) {
  for (const Metric metric : {Metric::kInnerProduct, Metric::kL2}) {
    ASSERT_OK_AND_ASSIGN(const auto index, Build(kCount, metric));
    EXPECT_GE(Recall(*index, {.k = 10, .effort = 0, .rescored = 100, .filter = {}}), 0.95);
    EXPECT_GT(index->bytes_per_vector().searched, 0);
    EXPECT_EQ(index->bytes_per_vector().exact, kDimension * sizeof(float));
  }
}

TEST_P(VectorIndexTest, FiltersKeepRecallAtEverySelectivity) {
  ASSERT_OK_AND_ASSIGN(const auto index, Build(kCount));
  for (const uint32_t one_in : {1000, 100, 10, 2, 1}) {
    const auto passes = [one_in](uint32_t row) { return row % one_in == 0; };
    EXPECT_GE(Recall(*index, {.k = 10, .effort = 0, .rescored = 100, .filter = passes}), 0.95)
        << "one in " << one_in;
  }
  const auto none = [](uint32_t) { return false; };
  ASSERT_OK_AND_ASSIGN(
      const auto nothing,
      index->Search(Query(0), {.k = 10, .effort = 0, .rescored = 0, .filter = none}));
  EXPECT_TRUE(nothing.empty());
}

TEST_P(VectorIndexTest, AFilterThatPassesOnlyWhatIsFarIsExact) {
  ASSERT_OK_AND_ASSIGN(const auto index, Build(kCount));
  ASSERT_OK_AND_ASSIGN(const auto near, index->SearchExactly(Query(0), kCount / 2));
  std::vector<PassageKey> hidden;
  hidden.reserve(near.size());
  for (const ScoredPassage& hit : near) hidden.push_back(hit.key);
  std::sort(hidden.begin(), hidden.end());
  const auto far = [&](uint32_t row) {
    return !std::binary_search(hidden.begin(), hidden.end(), keys_[row]);
  };
  ASSERT_OK_AND_ASSIGN(const auto want, index->SearchExactly(Query(0), 10, far));
  ASSERT_OK_AND_ASSIGN(
      const auto got,
      index->Search(Query(0), {.k = 10, .effort = 0, .rescored = 0, .filter = far}));
  ASSERT_EQ(got.size(), 10u);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(got[i].key, want[i].key);
}

TEST_P(VectorIndexTest, AnswersTheSameWhenOpenedAgain) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "index";
  ASSERT_OK_AND_ASSIGN(const auto index, Build(kCount));
  ASSERT_OK(index->Save(path, "model-a"));
  for (const auto residence : {VectorIndex::Residence::kMapped, VectorIndex::Residence::kMemory}) {
    ASSERT_OK_AND_ASSIGN(const auto opened, VectorIndex::Open(path, "model-a", residence));
    EXPECT_EQ(opened->size(), kCount);
    EXPECT_EQ(opened->spec().Name(), GetParam());
    for (size_t q = 0; q < kQueries; ++q) {
      ASSERT_OK_AND_ASSIGN(const auto before, index->Search(Query(q), {}));
      ASSERT_OK_AND_ASSIGN(const auto after, opened->Search(Query(q), {}));
      ASSERT_EQ(before.size(), after.size());
      for (size_t i = 0; i < before.size(); ++i) {
        ASSERT_EQ(before[i].key, after[i].key);
        ASSERT_EQ(before[i].score, after[i].score);
      }
    }
    ASSERT_OK(opened->Save(folder.path() / "again", "model-a"));
  }
  ASSERT_OK_AND_ASSIGN(const std::string first, base::ReadFile(path));
  ASSERT_OK_AND_ASSIGN(const std::string again, base::ReadFile(folder.path() / "again"));
  EXPECT_TRUE(first == again);
  const absl::Status other = VectorIndex::Open(path, "model-b").status();
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(base::Message(other).find("model-a, not model-b"), std::string_view::npos) << other;
}

TEST_P(VectorIndexTest, DamageAnywhereIsAnErrorThatNamesTheFile) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "index";
  ASSERT_OK_AND_ASSIGN(const auto index, Build(300));
  ASSERT_OK(index->Save(path, "m"));
  ASSERT_OK_AND_ASSIGN(const std::string content, base::ReadFile(path));
  const size_t step = content.size() / 60 | 1;
  for (size_t at = 0; at < content.size(); at += at < 640 ? 9 : step) {
    std::string changed = content;
    changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
    folder.Write("changed", changed);
    const absl::Status status = VectorIndex::Open(folder.path() / "changed", "m").status();
    ASSERT_FALSE(status.ok()) << "byte " << at;
    ASSERT_NE(base::Message(status).find("changed: "), std::string_view::npos) << status;
    if (at % 2 != 0) continue;
    folder.Write("changed", std::string_view(content).substr(0, at));
    ASSERT_FALSE(VectorIndex::Open(folder.path() / "changed", "m").ok()) << "cut at " << at;
  }
}

TEST_P(VectorIndexTest, BuildsTheSameBytesWithAnyNumberOfThreads) {
  const TemporaryFolder folder;
  std::vector<std::string> contents;
  for (const int threads : {1, 3}) {
    base::ThreadPool pool(threads);
    ASSERT_OK_AND_ASSIGN(IndexSpec spec, IndexSpec::Parse(GetParam()));
    spec.hnsw.build_effort = 40;
    const auto keys = KeysFor(600);
    const auto vectors = ClusteredVectors(600, kDimension, 3);
    ASSERT_OK_AND_ASSIGN(
        const auto index,
        VectorIndex::Build(spec, {Metric::kInnerProduct, kDimension, keys, vectors}, pool));
    ASSERT_OK(index->Save(folder.path() / "index", "m"));
    ASSERT_OK_AND_ASSIGN(std::string content, base::ReadFile(folder.path() / "index"));
    contents.push_back(std::move(content));
  }
  EXPECT_TRUE(contents[0] == contents[1]);
}

TEST_P(VectorIndexTest, SearchesRunSideBySide) {
  ASSERT_OK_AND_ASSIGN(const auto index, Build(1000));
  std::vector<std::vector<ScoredPassage>> want(kQueries);
  for (size_t q = 0; q < kQueries; ++q) {
    ASSERT_OK_AND_ASSIGN(want[q], index->Search(Query(q), {}));
  }
  std::vector<size_t> wrong(3, 0);
  std::vector<std::thread> threads;
  threads.reserve(wrong.size());
  for (size_t& count : wrong) {
    threads.emplace_back([&] {
      for (size_t q = 0; q < kQueries; ++q) {
        const auto got = index->Search(Query(q), {});
        const bool same = got.ok() && std::equal(got->begin(), got->end(), want[q].begin(),
                                                 want[q].end(), [](const auto& a, const auto& b) {
                                                   return a.key == b.key && a.score == b.score;
                                                 });
        count += same ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<size_t>(3, 0));
}

TEST_P(VectorIndexTest, RowsAndQueriesThatDoNotFitAreRefused) {
  ASSERT_OK_AND_ASSIGN(const auto index, Build(kCount));
  for (const std::vector<float>& query :
       {std::vector<float>(31), std::vector<float>(), std::vector<float>(kDimension, NAN),
        std::vector<float>(kDimension, 1e20F)}) {
    EXPECT_EQ(index->Search(query, {}).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(index->SearchExactly(query, 5).status().code(), absl::StatusCode::kInvalidArgument);
  }
  ASSERT_OK_AND_ASSIGN(const IndexSpec spec, IndexSpec::Parse(GetParam()));
  std::vector<PassageKey> twice = keys_;
  twice[5] = twice[4];
  EXPECT_EQ(VectorIndex::Build(spec, {Metric::kInnerProduct, kDimension, twice, vectors_}, pool_)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  std::vector<float> wrong = vectors_;
  wrong[40] = INFINITY;
  EXPECT_EQ(VectorIndex::Build(spec, {Metric::kInnerProduct, kDimension, keys_, wrong}, pool_)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(VectorIndex::Build(spec, {Metric::kInnerProduct, 31, keys_, vectors_}, pool_).ok());
}

TEST_P(VectorIndexTest, AskingForMoreThanThereIsGivesAll) {
  ASSERT_OK_AND_ASSIGN(const auto index, Build(400));
  for (const size_t k : {size_t{400}, size_t{1000}, ~size_t{0} / 8}) {
    ASSERT_OK_AND_ASSIGN(
        const auto found,
        index->Search(Query(1), {.k = k, .effort = 0, .rescored = 0, .filter = {}}));
    EXPECT_EQ(found.size(), 400u);
  }
  ASSERT_OK_AND_ASSIGN(
      const auto some,
      index->Search(Query(1),
                    {.k = 3, .effort = ~size_t{0}, .rescored = ~size_t{0}, .filter = {}}));
  ASSERT_OK_AND_ASSIGN(const auto exact, index->SearchExactly(Query(1), 3));
  ASSERT_EQ(some.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(some[i].key, exact[i].key);
  ASSERT_OK_AND_ASSIGN(const auto none,
                       index->Search(Query(1), {.k = 0, .effort = 0, .rescored = 0, .filter = {}}));
  EXPECT_TRUE(none.empty());
}

TEST_P(VectorIndexTest, EqualVectorsAreAllFoundInTheOrderOfKeys) {
  ASSERT_OK_AND_ASSIGN(const IndexSpec spec, IndexSpec::Parse(GetParam()));
  const auto keys = KeysFor(500);
  const std::vector<float> vectors(500 * kDimension, 0.125F);
  ASSERT_OK_AND_ASSIGN(
      const auto index,
      VectorIndex::Build(spec, {Metric::kInnerProduct, kDimension, keys, vectors}, pool_));
  ASSERT_OK_AND_ASSIGN(const auto found,
                       index->Search(std::vector<float>(kDimension, 1),
                                     {.k = 100, .effort = 0, .rescored = 0, .filter = {}}));
  ASSERT_EQ(found.size(), 100u);
  EXPECT_TRUE(std::is_sorted(found.begin(), found.end(), RanksBefore));
}

TEST_P(VectorIndexTest, SomeRowsAreSearchedAsAFilterForThemWould) {
  ASSERT_OK_AND_ASSIGN(const auto index, Build(kCount));
  std::vector<uint32_t> rows;
  for (uint32_t row = 5; row < kCount; row += 11) rows.push_back(row);
  ASSERT_OK_AND_ASSIGN(const auto want, index->SearchExactly(Query(0), 10, [](uint32_t row) {
    return row % 11 == 5;
  }));
  ASSERT_OK_AND_ASSIGN(const auto got, index->SearchRows(Query(0), 10, rows));
  ASSERT_EQ(got.size(), 10u);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(got[i].key, want[i].key);
    EXPECT_EQ(got[i].score, want[i].score);
  }
  ASSERT_OK_AND_ASSIGN(const auto all, index->SearchRows(Query(0), kCount, rows));
  EXPECT_EQ(all.size(), rows.size());
}

class ExactFormatTest : public ::testing::TestWithParam<VectorFormat> {};

INSTANTIATE_TEST_SUITE_P(Formats, ExactFormatTest,
                         ::testing::Values(VectorFormat::kFp16, VectorFormat::kInt8),
                         [](const auto& format) {
                           return std::string(VectorFormatName(format.param));
                         });

TEST_P(ExactFormatTest, IsKeptByEveryIndexAndItsFile) {
  const TemporaryFolder folder;
  base::ThreadPool pool(2);
  const auto vectors = ClusteredVectors(600, kDimension, 1);
  const auto queries = ClusteredVectors(10, kDimension, 2);
  const VectorShape shape = {GetParam(), Metric::kInnerProduct, kDimension};
  for (const std::string name : {"Flat", "HNSW12,Flat", "HNSW12,SQ8", "IVF16,PQ16"}) {
    ASSERT_OK_AND_ASSIGN(VectorTable table, VectorTable::Create(shape));
    ASSERT_OK(table.Append(vectors));
    ASSERT_OK_AND_ASSIGN(const VectorTable plain, table.InMemory());
    VectorScorer reference(plain);
    ASSERT_OK_AND_ASSIGN(const IndexSpec spec, IndexSpec::Parse(name));
    ASSERT_OK_AND_ASSIGN(const auto built,
                         VectorIndex::Build(spec, KeysFor(600), std::move(table), pool));
    ASSERT_OK(built->Save(folder.path() / "index", "m"));
    ASSERT_OK_AND_ASSIGN(const auto opened, VectorIndex::Open(folder.path() / "index", "m"));
    EXPECT_EQ(opened->vectors().shape(), shape);
    for (size_t q = 0; q < 10; ++q) {
      const auto query = std::span(queries).subspan(q * kDimension, kDimension);
      reference.SetQuery(query);
      ASSERT_OK_AND_ASSIGN(const auto found,
                           opened->Search(query, {.k = 5, .effort = 64, .rescored = 50}));
      ASSERT_EQ(found.size(), 5u);
      for (const ScoredPassage& hit : found) EXPECT_EQ(hit.score, reference.Score(RowOf(hit.key)));
    }
  }
}

TEST(VectorIndexSpecTest, WhatCannotBeTrainedIsSaid) {
  base::ThreadPool pool(1);
  const auto keys = KeysFor(300);
  const auto vectors = ClusteredVectors(300, kDimension, 1);
  for (const auto& [name, expected] :
       {std::pair<std::string, std::string>{"IVF512,PQ8",
                                            "300 vectors, training takes at least 512"},
        {"IVF16,PQ5", "PQ of 5 blocks does not divide dimension 32"},
        {"OPQ8_64,IVF16,PQ8", "it can only reduce"},
        {"OPQ5,IVF16,PQ8", "OPQ of 5 blocks does not divide dimension 32"}}) {
    ASSERT_OK_AND_ASSIGN(const IndexSpec spec, IndexSpec::Parse(name));
    const absl::Status status =
        VectorIndex::Build(spec, {Metric::kInnerProduct, kDimension, keys, vectors}, pool).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(base::Message(status).find(expected), std::string_view::npos) << status;
  }
}

TEST(VectorIndexSpecTest, TheRotationOfOpqIsPartOfTheIndex) {
  constexpr size_t kFew = 800;
  const TemporaryFolder folder;
  base::ThreadPool pool(1);
  const auto keys = KeysFor(kFew);
  const auto vectors = ClusteredVectors(kFew, kDimension, 1);
  const auto queries = ClusteredVectors(20, kDimension, 2);
  ASSERT_OK_AND_ASSIGN(const IndexSpec spec, IndexSpec::Parse("OPQ4_16,IVF8,PQ8"));
  ASSERT_OK_AND_ASSIGN(
      const auto index,
      VectorIndex::Build(spec, {Metric::kInnerProduct, kDimension, keys, vectors}, pool));
  ASSERT_OK(index->Save(folder.path() / "index", "m"));
  ASSERT_OK_AND_ASSIGN(const auto opened, VectorIndex::Open(folder.path() / "index", "m"));
  size_t nearest_found = 0;
  for (size_t q = 0; q < 20; ++q) {
    const auto query = std::span(queries).subspan(q * kDimension, kDimension);
    const VectorSearch search = {.k = 10, .effort = 8, .rescored = 100, .filter = {}};
    ASSERT_OK_AND_ASSIGN(const auto found, index->Search(query, search));
    ASSERT_OK_AND_ASSIGN(const auto again, opened->Search(query, search));
    ASSERT_OK_AND_ASSIGN(const auto exact, index->SearchExactly(query, 10));
    for (size_t i = 0; i < 10; ++i) {
      ASSERT_EQ(found[i].key, again[i].key);
      nearest_found += static_cast<size_t>(std::any_of(
          exact.begin(), exact.end(), [&](const auto& hit) { return hit.key == found[i].key; }));
    }
  }
  EXPECT_GE(nearest_found, 190u);
}

TEST(VectorIndexSpecTest, AnEmptyIndexFindsNothing) {
  const TemporaryFolder folder;
  base::ThreadPool pool(1);
  for (const std::string name : {"Flat", "HNSW16,SQ8", "HNSW16,Flat"}) {
    ASSERT_OK_AND_ASSIGN(const IndexSpec spec, IndexSpec::Parse(name));
    ASSERT_OK_AND_ASSIGN(const auto index,
                         VectorIndex::Build(spec, {Metric::kL2, kDimension, {}, {}}, pool));
    ASSERT_OK(index->Save(folder.path() / "empty", "m"));
    ASSERT_OK_AND_ASSIGN(const auto opened, VectorIndex::Open(folder.path() / "empty", "m"));
    ASSERT_OK_AND_ASSIGN(const auto found, opened->Search(std::vector<float>(kDimension), {}));
    EXPECT_TRUE(found.empty());
  }
}

}  // namespace
}  // namespace gannet::indexer
