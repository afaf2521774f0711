#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/filter/filter.h"
#include "tests/indexer/collection/made_documents.h"
#include "tests/testing/shared_data.h"

// What filters cost in recall, on vectors that lie in clusters as those of texts do.
namespace gannet::indexer {
namespace {

using testing::TemporaryFolder;

constexpr size_t kDimension = 24, kDocuments = 12'000, kClusters = 60, kQueries = 30, kBest = 10;

class FilterRecallTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (std::vector<float>& center : centers_) center = RandomVector(random_, kDimension);
    ASSERT_OK_AND_ASSIGN(collection_, Collection::OpenOrCreate(
                                          folder_.path() / "c",
                                          MadeSchema(kDimension, VectorFormat::kFp32, "HNSW16")));
    std::vector<EmbeddedDocument> documents;
    for (size_t i = 0; i < kDocuments; ++i) {
      const size_t cluster = random_() % kClusters;
      documents.push_back(MadeDocument(
          fmt::format("d{}", i), "text",
          fmt::format(R"({{"scattered":{},"clustered":{}}})", i * 7919 % kDocuments,
                      cluster * (kDocuments / kClusters) + i % (kDocuments / kClusters)),
          Near(cluster), kDimension));
    }
    ASSERT_OK(collection_->Put(documents));
    ASSERT_OK(collection_->Publish(pool_).status());
    ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection_->Info());
    ASSERT_EQ(info.segments.size(), 1u);
    ASSERT_EQ(info.segments[0].index, "HNSW16,Flat");
  }

  std::vector<float> Near(size_t cluster) {
    std::vector<float> vector = RandomVector(random_, kDimension);
    for (size_t i = 0; i < kDimension; ++i) vector[i] = centers_[cluster][i] + 0.3F * vector[i];
    return vector;
  }

  // The share of the ten best that searches find among the documents with `field` below a bound.
  void Measure(const std::string& field, double selectivity) {
    const auto bound = static_cast<size_t>(selectivity * kDocuments);
    ASSERT_OK_AND_ASSIGN(const Filter filter,
                         Filter::Parse(fmt::format(R"({{"field":"{}","lt":{}}})", field, bound)));
    size_t found = 0, wanted = 0;
    SearchPlan plan = SearchPlan::kExact;
    for (size_t i = 0; i < kQueries; ++i) {
      const std::vector<float> query = Near(i % kClusters);
      CollectionSearch search{.k = kBest, .filter = &filter};
      ASSERT_OK_AND_ASSIGN(const SearchAnswer answer, collection_->Search(query, search));
      search.mode = SearchMode::kExact;
      ASSERT_OK_AND_ASSIGN(const SearchAnswer exact, collection_->Search(query, search));
      ASSERT_EQ(answer.documents.size(), exact.documents.size());
      plan = answer.plan;
      wanted += exact.documents.size();
      for (const ScoredDocument& want : exact.documents) {
        found += static_cast<size_t>(
            std::any_of(answer.documents.begin(), answer.documents.end(),
                        [&](const ScoredDocument& got) { return got.key == want.key; }));
      }
    }
    const double recall = static_cast<double>(found) / static_cast<double>(wanted);
    fmt::print("{} {:5.1f} %: recall@10 {:.3f}, {}\n", field, selectivity * 100, recall,
               plan == SearchPlan::kExact ? "exact" : "approximate");
    EXPECT_GE(recall, 0.95) << field << " " << selectivity;
    EXPECT_EQ(plan == SearchPlan::kApproximate, selectivity >= 0.3);
  }

  const TemporaryFolder folder_;
  base::ThreadPool pool_{2};
  std::mt19937 random_{42};
  std::vector<std::vector<float>> centers_{kClusters};
  std::unique_ptr<Collection> collection_;
};

// Documents that pass lie scattered among all, or fill some clusters while queries come from all.
TEST_F(FilterRecallTest, IsKeptAtEverySelectivity) {
  for (const char* field : {"scattered", "clustered"}) {
    for (const double selectivity : {0.001, 0.01, 0.1, 0.3, 0.5, 0.9}) {
      ASSERT_NO_FATAL_FAILURE(Measure(field, selectivity));
    }
  }
}

}  // namespace
}  // namespace gannet::indexer
