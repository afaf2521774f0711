#include "ranker/rerank/icr_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/ranker/rerank/foretold_models.h"
#include "tests/ranker/rerank/tiny_reranker.h"
#include "tests/testing/shared_data.h"

namespace gannet::ranker {
namespace {

using ::testing::HasSubstr;

class InContextStageTest : public ::testing::Test {
 protected:
  InContextStage Stage(InContextStageOptions options = {}, const InContextOptions& reading = {}) {
    auto reranker = tiny_.Open(reading);
    EXPECT_TRUE(reranker.ok()) << reranker.status();
    return {*std::move(reranker), std::move(options)};
  }

  const TinyReranker tiny_;
  base::ThreadPool pool_{1};
};

TEST_F(InContextStageTest, GivesTheScoresAndTheOrderOfTheReranker) {
  const InContextStage stage = Stage({.name = "attention"});
  auto candidates = Candidates({"the cat sat", "the bird flew", "", "cat"});
  const std::vector<InContextPassage> passages = {
      {.text = "the cat sat"}, {.text = "the bird flew"}, {.text = ""}, {.text = "cat"}};
  ASSERT_OK_AND_ASSIGN(const auto reranker, tiny_.Open());
  ASSERT_OK_AND_ASSIGN(const InContextResult want,
                       reranker->Rerank("the bird", passages, {}, &pool_));
  ASSERT_OK(stage.Rerank("the bird", candidates, pool_));
  for (size_t i = 0; i < candidates.size(); ++i) {
    EXPECT_EQ(candidates[i].id, fmt::format("d{}", want.order[i]));
    EXPECT_EQ(candidates[i].score, static_cast<float>(want.passages[want.order[i]].score));
    EXPECT_EQ(candidates[i].stage_scores.back().stage, "attention");
    EXPECT_EQ(candidates[i].tokens.total, want.passages[want.order[i]].tokens);
    EXPECT_EQ(candidates[i].masses.size(), candidates[i].tokens.read);
  }
}

TEST_F(InContextStageTest, WordsThatAreNotReadAreTokensThatAreNotRead) {
  const InContextStage stage = Stage({}, {.max_words = 2});
  auto candidates = Candidates({"the cat sat ran flew"});
  ASSERT_OK(stage.Rerank("the bird", candidates, pool_));
  EXPECT_EQ(candidates[0].tokens.total, candidates[0].tokens.read + 3);
}

TEST_F(InContextStageTest, ACandidateThatIsNoTextComesLast) {
  const InContextStage stage = Stage();
  auto candidates = Candidates({"\xFF", "cat", "dog"});
  ASSERT_OK(stage.Rerank("bird", candidates, pool_));
  EXPECT_EQ(candidates[2].id, "d0");
  EXPECT_FALSE(candidates[2].status.ok());
  EXPECT_EQ(candidates[2].score, 10);
  EXPECT_TRUE(candidates[0].status.ok());
  std::vector<Candidate> none;
  EXPECT_TRUE(stage.Rerank("bird", none, pool_).ok());
  EXPECT_FALSE(stage.Rerank(" ", candidates, pool_).ok());
}

TEST_F(InContextStageTest, IdenticalPassagesInBlocksGiveTheSameFromTheCache) {
  const InContextStage stage =
      Stage({.reading = InContextRequest::Reading::kBlocks, .block_cache_bytes = size_t{1} << 20});
  auto candidates = Candidates({"the cat", "the cat", "the cat"});
  ASSERT_OK(stage.Rerank("the bird", candidates, pool_));
  auto again = Candidates({"the cat", "the cat", "the cat"});
  ASSERT_OK(stage.Rerank("the bird", again, pool_));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(candidates[i].id, again[i].id);
    EXPECT_EQ(candidates[i].score, again[i].score);
  }
}

TEST_F(InContextStageTest, TooManyAreRefusedWithTheNumberThatFitsOrReadInWindows) {
  const TinyReranker small(nlohmann::json{{"max_position_embeddings", 128}});
  std::vector<std::string> texts(40, "the cat sat");
  for (const auto too_many :
       {InContextRequest::TooMany::kRefuse, InContextRequest::TooMany::kWindows}) {
    ASSERT_OK_AND_ASSIGN(auto reranker, small.Open());
    const InContextStage stage(std::move(reranker), {.too_many = too_many});
    auto candidates = Candidates(texts);
    const absl::Status status = stage.Rerank("the cat", candidates, pool_);
    if (too_many == InContextRequest::TooMany::kWindows) {
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_EQ(candidates.size(), 40u);
    } else {
      EXPECT_THAT(std::string(base::Message(status)), HasSubstr(" fit"));
      EXPECT_EQ(candidates[0].id, "d0");
    }
  }
}

}  // namespace
}  // namespace gannet::ranker
