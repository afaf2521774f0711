#include "ranker/rerank/terms_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/status.h"
#include "encoder/score/stored_terms.h"
#include "indexer/store/record.h"
#include "indexer/store/store.h"
#include "ranker/rerank/passage_texts.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/word_embedder.h"

namespace gannet::ranker {
namespace {

using encoder::TermFormat;
using ::testing::HasSubstr;

// A collection with the documents d0, d1, ... and terms of tests/data/tiny_bert of all but the
// last.
class TermsStageTest : public ::testing::Test {
 protected:
  static std::unique_ptr<const encoder::TermEncoder> OpenModel(size_t join_layer) {
    encoder::TermEncoderOptions options;
    options.join_layer = join_layer;
    options.query_slots = 5;
    return *encoder::TermEncoder::Open(testing::TestData("tiny_bert"), options);
  }

  void MakeCollection(TermFormat format) {
    testing::WordEmbedder embedder;
    indexer::CollectionSchema schema = indexer::CollectionSchema::Of(embedder);
    schema.terms = indexer::TermSchema::Of(*model_, format);
    path_ = folder_.path() / encoder::TermFormatName(format);
    ASSERT_OK_AND_ASSIGN(collection_, indexer::Collection::OpenOrCreate(path_, schema));
    std::vector<indexer::EmbeddedDocument> documents;
    for (size_t i = 0; i < kTexts.size(); ++i) {
      const std::string id = "d" + std::to_string(i);
      const std::string_view text = kTexts[i];
      documents.push_back({.document = {id, "", kTexts[i], "{}"},
                           .passages = {{0, text.size(), 0, 1}},
                           .vectors = std::vector<float>(64, 0.125F)});
      if (i + 1 == kTexts.size()) continue;
      documents.back().terms = *encoder::EncodePackedTerms(*model_, {&text, 1}, format, pool_)[0];
    }
    ASSERT_OK(collection_->Put(documents));
  }

  static std::vector<Candidate> Candidates(const std::vector<std::string>& ids) {
    std::vector<Candidate> candidates;
    for (const std::string& id : ids) {
      candidates.push_back({.id = id,
                            .title = "",
                            .text = kTexts[static_cast<size_t>(id[1] - '0')],
                            .score = 0,
                            .stage_scores = {},
                            .status = {},
                            .window = {},
                            .tokens = {}});
    }
    return candidates;
  }

  // Of the candidates' texts, with nothing stored.
  std::map<std::string, float> Expected(std::string_view query,
                                        const std::vector<Candidate>& candidates) {
    std::vector<std::string_view> texts;
    for (const Candidate& candidate : candidates) texts.push_back(candidate.text);
    const auto scores = model_->Score(model_->EncodeQuery(query, pool_),
                                      model_->EncodePassages(texts, pool_), pool_);
    EXPECT_TRUE(scores.ok());
    std::map<std::string, float> by_id;
    for (size_t i = 0; i < texts.size(); ++i) by_id[candidates[i].id] = scores->scores[i];
    return by_id;
  }

  static const inline std::vector<std::string> kTexts = {
      "a stone", "the blue sea", "", "river sea river the sea a stone in the sea", "the sea"};

  const testing::TemporaryFolder folder_;
  std::filesystem::path path_;
  base::ThreadPool pool_{2};
  const std::unique_ptr<const encoder::TermEncoder> model_ = OpenModel(2);
  std::unique_ptr<indexer::Collection> collection_;
};

TEST_F(TermsStageTest, StoredTermsGiveTheScoresOfTheModelThatReadsThePairs) {
  for (const auto& [format, tolerance] :
       {std::pair(TermFormat::kFp32, 0.0F), std::pair(TermFormat::kFp16, 2e-3F),
        std::pair(TermFormat::kInt8, 5e-2F)}) {
    MakeCollection(format);
    ASSERT_OK_AND_ASSIGN(const auto stage, TermsStage::Make(*model_, *collection_));
    std::vector<Candidate> candidates = Candidates({"d0", "d1", "d2", "d3", "d4"});
    const auto expected = Expected("the sea", candidates);
    ASSERT_OK(stage->Rerank("the sea", candidates, pool_));
    for (size_t i = 0; i < candidates.size(); ++i) {
      const Candidate& candidate = candidates[i];
      ASSERT_OK(candidate.status);
      EXPECT_NEAR(candidate.score, expected.at(candidate.id), tolerance);
      if (i > 0) {
        EXPECT_LE(candidate.score, candidates[i - 1].score);
      }
      EXPECT_EQ(candidate.stage_scores[0].stage, "terms");
      EXPECT_EQ(candidate.stage_scores[0].score, candidate.score);
      // Only the last document has no terms of its own.
      ASSERT_EQ(candidate.stage_scores.size(), candidate.id == "d4" ? 2u : 1u);
      EXPECT_EQ(candidate.stage_scores.back().stage,
                candidate.id == "d4" ? "terms.computed" : "terms");
      const std::string_view text = candidate.text;
      EXPECT_EQ(candidate.tokens.total,
                model_->EncodeQuery("the sea", pool_).tokens.total +
                    model_->EncodePassages({&text, 1}, pool_)[0].tokens.total);
    }
  }
}

TEST_F(TermsStageTest, ComputedTermsGiveTheVeryScoreOfStoredOnes) {
  MakeCollection(TermFormat::kInt8);
  ASSERT_OK_AND_ASSIGN(const auto stage, TermsStage::Make(*model_, *collection_));
  std::vector<Candidate> candidates = Candidates({"d3", "d1", "d1"});
  candidates[2].id = "elsewhere";
  std::vector<Candidate> alone = {candidates[1]};
  ASSERT_OK(stage->Rerank("sea", candidates, pool_));
  std::map<std::string, float> scores;
  for (const Candidate& candidate : candidates) scores[candidate.id] = candidate.score;
  EXPECT_EQ(scores.at("elsewhere"), scores.at("d1"));
  base::ThreadPool one(1);
  ASSERT_OK(stage->Rerank("sea", alone, one));
  EXPECT_EQ(alone[0].score, scores.at("d1"));
}

TEST_F(TermsStageTest, DamagedTermsAreAnErrorOfTheirCandidateAlone) {
  MakeCollection(TermFormat::kFp32);
  collection_.reset();
  {
    ASSERT_OK_AND_ASSIGN(const auto store, indexer::Store::OpenForWriting(path_ / "store"));
    indexer::StoreBatch batch(*store);
    batch.Put(indexer::Family::kTerms, indexer::EncodeKey(1), "no terms");
    ASSERT_OK(store->Commit(batch));
  }
  ASSERT_OK_AND_ASSIGN(collection_, indexer::Collection::Open(path_));
  ASSERT_OK_AND_ASSIGN(const auto stage, TermsStage::Make(*model_, *collection_));
  std::vector<Candidate> candidates = Candidates({"d1", "d0", "d4"});
  candidates[2].id = "unreadable";
  candidates[2].text = "\xff";
  const auto expected = Expected("sea", {candidates[1]});
  ASSERT_OK(stage->Rerank("sea", candidates, pool_));
  EXPECT_EQ(candidates[0].id, "d0");
  EXPECT_EQ(candidates[0].score, expected.at("d0"));
  EXPECT_EQ(candidates[1].id, "d1");
  EXPECT_THAT(base::Message(candidates[1].status), HasSubstr("terms of document 1"));
  EXPECT_THAT(base::Message(candidates[2].status), HasSubstr("not well-formed"));
  EXPECT_TRUE(candidates[1].stage_scores.empty());

  const absl::Status query = stage->Rerank("\xff", candidates, pool_);
  EXPECT_THAT(base::Message(query), HasSubstr("query: not well-formed"));
}

TEST_F(TermsStageTest, ACollectionWithOtherTermsIsRefused) {
  MakeCollection(TermFormat::kFp16);
  const auto other = OpenModel(1);
  const absl::Status refused = TermsStage::Make(*other, *collection_).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(base::Message(refused), HasSubstr("layer 2"));
  EXPECT_THAT(base::Message(refused), HasSubstr("not those of tiny_bert, layer 1"));
}

}  // namespace
}  // namespace gannet::ranker
