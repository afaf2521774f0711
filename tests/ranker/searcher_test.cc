#include "ranker/searcher.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "ranker/found_passage.h"
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

TEST_F(SearcherTest, ALongQueryHasTheMeanOfItsWindows) {
  ASSERT_OK_AND_ASSIGN(const Searcher searcher, Searcher::Make(model_, *collection_));
  std::string query = "gannets dive from great height";
  for (int i = 0; i < 12; ++i) query += " filler" + std::to_string(i);
  query += " cold sea";  // The model reads 16 words.
  const std::vector<std::string_view> queries = {query};
  ASSERT_OK_AND_ASSIGN(const auto results, searcher.Search(queries, 2, pool_));
  EXPECT_EQ(results[0].query_windows, 2u);
  EXPECT_EQ(results[0].query_tokens.read, 19u);
  ASSERT_EQ(results[0].hits.size(), 2u);
  EXPECT_EQ(results[0].hits[0].id, "d0");
  EXPECT_EQ(results[0].hits[1].id, "d1");
}

TEST_F(SearcherTest, HitsNameTheirPassageAsAPartOfTheText) {
  const std::string text = "waves and wind and waves; the lighthouse stands alone";
  const std::vector<std::string_view> parts = {"The lamp waves and wind and waves",
                                               "the lighthouse stands alone"};
  ASSERT_OK_AND_ASSIGN(const auto vectors,
                       model_.Embed(parts, encoder::TextRole::kDocument, pool_));
  const size_t title = std::string_view("The lamp ").size();
  const std::vector<indexer::EmbeddedDocument> documents = {
      {.document = {"lamp", "The lamp", text, "{}"},
       .passages = {{.bytes = parts[0].size()},
                    {.first_byte = title + text.find("the light"), .bytes = parts[1].size()}},
       .vectors = vectors.values}};
  ASSERT_OK(collection_->Put(documents));
  ASSERT_OK_AND_ASSIGN(const Searcher searcher, Searcher::Make(model_, *collection_));
  const std::vector<std::string_view> queries = {"lighthouse alone", "wind and waves"};
  ASSERT_OK_AND_ASSIGN(const auto results, searcher.Search(queries, 1, pool_));
  const indexer::Document& document = documents[0].document;
  ASSERT_OK_AND_ASSIGN(const FoundPassage second,
                       LocatePassage(*collection_, results[0].hits[0], document));
  EXPECT_EQ(second, (FoundPassage{1, 2, text.find("the light"), parts[1].size()}));
  ASSERT_OK_AND_ASSIGN(const FoundPassage first,
                       LocatePassage(*collection_, results[1].hits[0], document));
  EXPECT_EQ(first, (FoundPassage{0, 2, 0, parts[0].size() - title}));

  Hit stray = results[0].hits[0];
  stray.passage = 2;
  EXPECT_EQ(LocatePassage(*collection_, stray, document).status().code(),
            absl::StatusCode::kDataLoss);
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
