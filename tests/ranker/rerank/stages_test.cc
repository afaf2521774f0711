#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/status.h"
#include "ranker/rerank/cross_encoder_stage.h"
#include "ranker/rerank/duo_stage.h"
#include "ranker/rerank/parade_stage.h"
#include "ranker/rerank/rerank_stage.h"
#include "tests/ranker/rerank/foretold_models.h"
#include "tests/testing/shared_data.h"

namespace gannet::ranker {
namespace {

// The score of a document is the number of its windows; the last one is the best. A window of "!"
// cannot be read.
class CountingParade final : public encoder::ParadeScorer {
 public:
  absl::StatusOr<std::vector<encoder::DocumentScore>> Score(
      std::string_view, std::span<const std::string_view> windows, std::span<const size_t> begins,
      base::ThreadPool&) const override {
    std::vector<encoder::DocumentScore> documents;
    for (size_t i = 0; i + 1 < begins.size(); ++i) {
      const size_t count = begins[i + 1] - begins[i];
      documents.push_back({.score = static_cast<float>(count),
                           .best_window = count - 1,
                           .tokens = {count, count},
                           .status = {}});
      if (windows[begins[i]] == "!") documents.back().status = absl::InternalError("not finite");
    }
    return documents;
  }
  const std::filesystem::path& folder() const override { return folder_; }

 private:
  const std::filesystem::path folder_ = "/models/counting";
};

std::unique_ptr<const CrossEncoderStage> MakeStage(const encoder::CrossEncoder& model,
                                                   CrossEncoderStageOptions options = {}) {
  auto stage = CrossEncoderStage::Make(model, std::move(options));
  EXPECT_TRUE(stage.ok()) << stage.status();
  return *std::move(stage);
}

TEST(CrossEncoderStageTest, OrdersByTheLogitAndKeepsAllScoresByName) {
  const OverlapEncoder model;
  const auto stage = MakeStage(model);
  base::ThreadPool pool(1);
  auto candidates = Candidates({"a stone", "sea water", "the blue sea", "the blue sea"});
  candidates[0].title = "the";
  const std::vector<StagePlan> plan = {{stage.get(), 100}};
  ASSERT_OK(RunStages("the blue sea", plan, candidates, pool));
  EXPECT_EQ(Order(candidates), "d2 d3 d0 d1 ");  // Equal ones in the order in which they came.
  EXPECT_EQ(candidates[0].score, 2);
  ASSERT_EQ(candidates[0].stage_scores.size(), 3u);
  EXPECT_EQ(candidates[0].stage_scores[0].stage, "bm25");
  EXPECT_EQ(candidates[0].stage_scores[1].stage, "cross-encoder");
  EXPECT_EQ(candidates[0].stage_scores[2].stage, "cross-encoder.activation");
  EXPECT_NEAR(candidates[0].stage_scores[2].score, 1 / (1 + std::exp(-2.0)), 1e-6);
  EXPECT_EQ(candidates[2].score, 0);  // The title is read, too.
  EXPECT_FALSE(candidates[0].window.has_value());
}

TEST(CrossEncoderStageTest, ACandidateThatIsNoTextSaysSoAndComesLast) {
  const OverlapEncoder model;
  const auto stage = MakeStage(model);
  base::ThreadPool pool(1);
  auto candidates = Candidates({"\xFF", "", "sea"});
  const std::vector<StagePlan> plan = {{stage.get(), 3}};
  ASSERT_OK(RunStages("sea", plan, candidates, pool));
  EXPECT_EQ(Order(candidates), "d2 d1 d0 ");
  EXPECT_EQ(candidates[2].status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(candidates[2].score, 10);
  EXPECT_EQ(candidates[2].stage_scores.size(), 1u);
  const absl::Status bad_query = RunStages("\xFF", plan, candidates, pool);
  EXPECT_NE(base::Message(bad_query).find("cross-encoder: the query is not"),
            std::string_view::npos);
}

constexpr std::string_view kLongText = "grey stones lie here the blue sea is far away sea sea";

std::vector<Candidate> RankLong(WindowScore score) {
  const OverlapEncoder model;
  const auto stage =
      MakeStage(model, {.windows = WindowOptions{.words = 3, .stride = 3}, .window_score = score});
  base::ThreadPool pool(1);
  auto candidates = Candidates({std::string(kLongText), "sea"});
  const std::vector<StagePlan> plan = {{stage.get(), 2}};
  EXPECT_TRUE(RunStages("the blue sea", plan, candidates, pool).ok());
  return candidates;
}

TEST(CrossEncoderStageTest, TheBestWindowOfALongTextIsPartOfTheAnswer) {
  const auto candidates = RankLong(WindowScore::kMax);
  // [grey stones lie] [here the blue] [sea is far] [away sea sea]
  EXPECT_EQ(Order(candidates), "d0 d1 ");
  EXPECT_EQ(candidates[0].score, 1);
  ASSERT_TRUE(candidates[0].window.has_value());
  EXPECT_EQ(candidates[0].window->index, 1u);
  EXPECT_EQ(candidates[0].window->count, 4u);
  EXPECT_EQ(kLongText.substr(candidates[0].window->first_byte, candidates[0].window->bytes),
            "here the blue");
  EXPECT_EQ(candidates[0].tokens.total, 11u);  // 3 + 3 + 3 + 2 different words.
  EXPECT_EQ(candidates[1].window->count, 1u);
}

TEST(CrossEncoderStageTest, FirstPLooksAtTheFirstWindowAndSumPAddsProbabilities) {
  const auto first = RankLong(WindowScore::kFirst);
  EXPECT_EQ(Order(first), "d1 d0 ");
  EXPECT_EQ(first[1].score, -1);
  EXPECT_EQ(first[1].window->index, 0u);
  const auto sum = RankLong(WindowScore::kSum);
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_EQ(Order(sum), "d0 d1 ");
  EXPECT_NEAR(sum[0].score, sigmoid(-1) + sigmoid(1) + 2 * sigmoid(0), 1e-6);
  EXPECT_EQ(sum[0].window->index, 1u);
  EXPECT_NEAR(sum[1].score, sigmoid(0), 1e-6);
}

TEST(CrossEncoderStageTest, ModelsAndWindowsThatCannotRankAreRefused) {
  const OverlapEncoder nli({"contradiction", "neutral", "entailment"});
  const absl::Status labels = CrossEncoderStage::Make(nli, {}).status();
  EXPECT_NE(base::Message(labels).find("3 labels (contradiction, neutral, entailment)"),
            std::string_view::npos)
      << labels;
  const OverlapEncoder model;
  EXPECT_FALSE(CrossEncoderStage::Make(model, {.windows = WindowOptions{.stride = 0}}).ok());
  EXPECT_FALSE(ParseWindowScore("mean").ok());
}

TEST(StagesTest, EachStageReordersItsHeadAndKeepsTheTail) {
  const OverlapEncoder model;
  const LengthDuo duo_model;
  const auto mono = MakeStage(model);
  const DuoStage duo(duo_model);
  base::ThreadPool pool(1);
  auto candidates = Candidates({"x", "a sea", "sea", "a very long sea", "the blue sea"});
  const std::vector<StagePlan> plan = {{mono.get(), 4}, {&duo, 2}, {&duo, 0}};
  ASSERT_OK(RunStages("the blue sea", plan, candidates, pool));
  // mono: d1 d2 d3 d0 | d4; duo on the first two: the longer first.
  EXPECT_EQ(Order(candidates), "d1 d2 d3 d0 d4 ");
  EXPECT_EQ(candidates[0].stage_scores.back().stage, "duo");
  EXPECT_EQ(candidates[0].score, 1);
  EXPECT_EQ(candidates[1].score, 0);
  EXPECT_EQ(candidates[2].stage_scores.back().stage, "cross-encoder.activation");
  EXPECT_EQ(candidates[4].stage_scores.size(), 1u);
  EXPECT_EQ(candidates[4].score, 6);

  std::vector<Candidate> none;
  EXPECT_TRUE(RunStages("q", plan, none, pool).ok());
}

TEST(StagesTest, DuoAddsThePreferencesOverAllOthers) {
  const LengthDuo model;
  const DuoStage duo(model);
  base::ThreadPool pool(1);
  auto candidates = Candidates({"xx", "xxx", "!", "x"});
  const std::vector<StagePlan> plan = {{&duo, 4}};
  ASSERT_OK(RunStages("q", plan, candidates, pool));
  EXPECT_EQ(Order(candidates), "d1 d0 d3 d2 ");
  EXPECT_FALSE(candidates[3].status.ok());
  EXPECT_FALSE(RunStages("", plan, candidates, pool).ok());
}

TEST(StagesTest, ParadeHandsOverTheWindowsAndNamesTheBest) {
  const CountingParade model;
  const ParadeStage stage(model, "parade", {.words = 2, .stride = 2});
  base::ThreadPool pool(1);
  auto candidates = Candidates({"a b", "!", "a b c d e", ""});
  const std::vector<StagePlan> plan = {{&stage, 4}};
  ASSERT_OK(RunStages("q", plan, candidates, pool));
  EXPECT_EQ(Order(candidates), "d2 d0 d3 d1 ");
  EXPECT_EQ(candidates[0].score, 3);
  EXPECT_EQ(candidates[0].window, (TextWindow{2, 3, 8, 1}));
  EXPECT_EQ(candidates[2].window, (TextWindow{0, 1, 0, 0}));  // An empty text is one window.
  EXPECT_FALSE(candidates[3].window.has_value());
  EXPECT_EQ(candidates[0].stage_scores.back().stage, "parade");
}

TEST(StagesTest, FallingScoresKeepTheOrderOfAListOfTwoScales) {
  auto candidates = Candidates({"", "", "", "", "", ""});
  const std::vector<float> given = {-1, -1, -3, 20, 18, 18};
  for (size_t i = 0; i < given.size(); ++i) candidates[i].score = given[i];
  const std::vector<float> falling = FallingScores(candidates);
  ASSERT_EQ(falling.size(), given.size());
  EXPECT_EQ(falling[0], -1);
  EXPECT_EQ(falling[2], -3);
  EXPECT_NEAR(falling[4], -5, 1e-5);
  for (size_t i = 1; i < falling.size(); ++i) EXPECT_LT(falling[i], falling[i - 1]) << i;
}

}  // namespace
}  // namespace gannet::ranker
