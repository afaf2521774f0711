#include "ranker/searcher.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/word_embedder.h"

namespace gannet::ranker {
namespace {

using testing::TemporaryFolder;
using testing::WordEmbedder;

class SearcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(collection_, indexer::Collection::OpenOrCreate(
                                          folder_.path(), indexer::CollectionSchema::Of(model_)));
    const std::vector<std::string_view> texts = {"gannets dive from great height",
                                                 "the sea is cold", "stone by the river"};
    ASSERT_OK_AND_ASSIGN(const auto vectors,
                         model_.Embed(texts, encoder::TextRole::kDocument, pool_));
    std::vector<indexer::EmbeddedDocument> documents;
    for (size_t i = 0; i < texts.size(); ++i) {
      documents.push_back({.document = {"d" + std::to_string(i), "", std::string(texts[i]), "{}"},
                           .passages = {{.bytes = texts[i].size()}},
                           .vectors = {vectors[i].begin(), vectors[i].end()}});
    }
    ASSERT_OK(collection_->Put(documents));
  }

  const TemporaryFolder folder_;
  WordEmbedder model_;
  base::ThreadPool pool_{2};
  std::unique_ptr<indexer::Collection> collection_;
};

TEST_F(SearcherTest, HitsComeBestFirstWithTheirStageScores) {
  ASSERT_OK_AND_ASSIGN(const Searcher searcher, Searcher::Make(model_, *collection_));
  const std::vector<std::string_view> queries = {"cold sea", "gannets dive", "river stone river"};
  ASSERT_OK_AND_ASSIGN(const auto results, searcher.Search(queries, 2, pool_));
  ASSERT_EQ(results.size(), 3u);
  const std::vector<std::string> best = {"d1", "d0", "d2"};
  for (size_t q = 0; q < 3; ++q) {
    ASSERT_EQ(results[q].hits.size(), 2u);
    EXPECT_EQ(results[q].hits[0].id, best[q]);
    EXPECT_GE(results[q].hits[0].score, results[q].hits[1].score);
    ASSERT_EQ(results[q].hits[0].stage_scores.size(), 1u);
    EXPECT_EQ(results[q].hits[0].stage_scores[0].stage, "dense");
    EXPECT_EQ(results[q].hits[0].stage_scores[0].score, results[q].hits[0].score);
  }
  EXPECT_EQ(results[2].query_tokens.total, 3u);
}

TEST_F(SearcherTest, MoreHitsThanDocumentsGivesThemAll) {
  ASSERT_OK_AND_ASSIGN(const Searcher searcher, Searcher::Make(model_, *collection_));
  const std::vector<std::string_view> queries = {"sea"};
  ASSERT_OK_AND_ASSIGN(const auto results, searcher.Search(queries, 100, pool_));
  EXPECT_EQ(results[0].hits.size(), 3u);
  EXPECT_EQ(searcher.Search(queries, 0, pool_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SearcherTest, AQueryThatCannotBeEmbeddedLeavesTheOthersTheirHits) {
  ASSERT_OK_AND_ASSIGN(const Searcher searcher, Searcher::Make(model_, *collection_));
  const std::vector<std::string_view> queries = {"cold sea", "unspeakable", "gannets dive"};
  ASSERT_OK_AND_ASSIGN(const auto results, searcher.Search(queries, 2, pool_));
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[1].status.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(results[1].hits.empty());
  EXPECT_TRUE(results[0].status.ok());
  EXPECT_EQ(results[0].hits.at(0).id, "d1");
  EXPECT_TRUE(results[2].status.ok());
  EXPECT_EQ(results[2].hits.at(0).id, "d0");
}

TEST_F(SearcherTest, AnotherModelIsRefusedNamingBoth) {
  const WordEmbedder other("0therF1ngerprint");
  const absl::Status status = Searcher::Make(other, *collection_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(base::Message(status).find("0therF1ngerprint"), std::string_view::npos);
  EXPECT_NE(base::Message(status).find("f0"), std::string_view::npos);
}

}  // namespace
}  // namespace gannet::ranker
