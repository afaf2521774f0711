#include "eval/retrieve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/unimplemented_collection.h"

namespace gannet::eval {
namespace {

using ::testing::ElementsAre;

// Embeds a text as its length and 1, one without a byte not at all; says that texts of more than
// nine bytes were cut.
class LengthEmbedder : public encoder::Embedder {
 public:
  absl::StatusOr<encoder::Embeddings> Embed(std::span<const std::string_view> texts,
                                            encoder::TextRole role,
                                            base::ThreadPool&) const override {
    if (role != encoder::TextRole::kQuery) return absl::InternalError("not a query");
    encoder::Embeddings embeddings{.dimension = 2, .values = {}, .tokens = {}};
    for (const std::string_view text : texts) {
      embeddings.values.push_back(static_cast<float>(text.size()));
      embeddings.values.push_back(1);
      embeddings.errors.push_back(text.empty() ? absl::InternalError("empty") : absl::OkStatus());
      embeddings.tokens.push_back({.total = text.size(), .read = std::min(text.size(), size_t{9})});
    }
    return embeddings;
  }
  size_t dimension() const override { return 2; }
  size_t max_tokens() const override { return 9; }
  encoder::Similarity similarity() const override { return encoder::Similarity::kDot; }
  const std::filesystem::path& folder() const override { return folder_; }
  const std::string& name() const override { return name_; }
  const std::string& fingerprint() const override { return name_; }

 private:
  std::filesystem::path folder_ = "/models/length";
  std::string name_ = "length";
};

// Documents d0, d1, ...; the score of dK falls with the distance of K from the query's length.
class LineCollection : public testing::UnimplementedCollection {
 public:
  explicit LineCollection(const encoder::Embedder& model)
      : schema_(indexer::CollectionSchema::Of(model)) {}

  const indexer::CollectionSchema& schema() const override { return schema_; }
  uint64_t size() const override { return 20; }
  absl::StatusOr<indexer::SearchAnswer> Search(
      std::span<const float> query, const indexer::CollectionSearch& search) const override {
    indexer::SearchAnswer answer;
    std::vector<indexer::ScoredDocument>& found = answer.documents;
    for (uint64_t key = 0; key < size(); ++key) {
      found.push_back({key, -std::abs(query[0] - static_cast<float>(key))});
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.score > b.score; });
    found.resize(std::min<size_t>(search.k, found.size()));
    return answer;
  }
  absl::StatusOr<std::string> GetId(indexer::DocumentKey key) const override {
    return "d" + std::to_string(key);
  }

 private:
  indexer::CollectionSchema schema_;
};

class RetrieveTest : public ::testing::Test {
 protected:
  absl::StatusOr<Retrieval> Run(const std::vector<Query>& queries, const RetrieveOptions& options) {
    absl::StatusOr<ranker::Searcher> searcher = ranker::Searcher::Make(model_, collection_);
    if (!searcher.ok()) return searcher.status();
    return Retrieve(*searcher, queries, options, pool_,
                    [&](uint64_t done) { progress_.push_back(done); });
  }

  static std::vector<std::string> Ids(const Ranking& ranking) {
    std::vector<std::string> ids;
    for (const RetrievedDocument& document : ranking.documents) ids.push_back(document.id);
    return ids;
  }

  const LengthEmbedder model_;
  const LineCollection collection_{model_};
  base::ThreadPool pool_{2};
  std::vector<uint64_t> progress_;
};

TEST_F(RetrieveTest, AnswersEveryQueryInOrderBlockByBlock) {
  const std::vector<Query> queries = {{"q1", "abc"}, {"q2", "a"}, {"q3", "ten bytes."}};
  ASSERT_OK_AND_ASSIGN(const Retrieval retrieval, Run(queries, {.depth = 2, .block_queries = 2}));
  ASSERT_EQ(retrieval.run.rankings.size(), 3u);
  EXPECT_EQ(retrieval.run.rankings[0].query_id, "q1");
  EXPECT_THAT(Ids(retrieval.run.rankings[0]), ElementsAre("d3", "d2"));
  EXPECT_THAT(Ids(retrieval.run.rankings[1]), ElementsAre("d1", "d0"));
  EXPECT_THAT(Ids(retrieval.run.rankings[2]), ElementsAre("d10", "d9"));
  EXPECT_EQ(retrieval.run.rankings[2].documents[1].score, -1);
  EXPECT_EQ(retrieval.queries.cut, 1u);
  EXPECT_THAT(progress_, ElementsAre(2u, 3u));
}

TEST_F(RetrieveTest, ADroppedIdenticalIdLeavesTheDepthAsItIs) {
  const std::vector<Query> queries = {{"d3", "abc"}};
  ASSERT_OK_AND_ASSIGN(const Retrieval dropped,
                       Run(queries, {.depth = 3, .identical_ids = IdenticalIds::kDrop}));
  EXPECT_THAT(Ids(dropped.run.rankings[0]), ElementsAre("d2", "d4", "d1"));
  ASSERT_OK_AND_ASSIGN(const Retrieval kept,
                       Run(queries, {.depth = 3, .identical_ids = IdenticalIds::kKeep}));
  EXPECT_THAT(Ids(kept.run.rankings[0]), ElementsAre("d3", "d2", "d4"));
}

TEST_F(RetrieveTest, ASmallCollectionGivesWhatItHas) {
  ASSERT_OK_AND_ASSIGN(const Retrieval retrieval, Run({{"q", "a"}}, {.depth = 100}));
  EXPECT_EQ(retrieval.run.rankings[0].documents.size(), 20u);
}

TEST_F(RetrieveTest, AQueryThatCannotBeAnsweredIsNamed) {
  const absl::Status status = Run({{"q1", "abc"}, {"q2", ""}}, {.depth = 2}).status();
  EXPECT_EQ(base::Message(status), "query q2: empty");
}

TEST_F(RetrieveTest, NoQueriesGiveAnEmptyRun) {
  ASSERT_OK_AND_ASSIGN(const Retrieval retrieval, Run({}, {}));
  EXPECT_TRUE(retrieval.run.rankings.empty());
}

}  // namespace
}  // namespace gannet::eval
