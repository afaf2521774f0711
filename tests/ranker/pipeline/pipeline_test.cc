#include "ranker/pipeline/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "ranker/pipeline/group.h"
#include "ranker/pipeline/pipeline_json.h"
#include "tests/ranker/rerank/foretold_models.h"
#include "tests/ranker/rerank/tiny_reranker.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/word_embedder.h"

namespace gannet::ranker {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Outcome = StageReport::Outcome;

// A clock that stands still until somebody works.
class StoppedClock {
 public:
  std::chrono::steady_clock::time_point now() const { return now_; }
  void Advance(milliseconds time) { now_ += time; }
  Pipeline::Now AsNow() {
    return [this] { return now_; };
  }

 private:
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
};

// Scores each candidate by the number that is its text, and takes some milliseconds for each. A
// text that is no number cannot be scored.
class NumberStage final : public RerankStage {
 public:
  NumberStage(std::string name, StoppedClock& clock, milliseconds each)
      : name_(std::move(name)), clock_(&clock), each_(each) {}

  const std::string& name() const override { return name_; }
  absl::Status Rerank(std::string_view query, std::span<Candidate> candidates,
                      base::ThreadPool&) const override {
    if (query == "bad") return absl::InvalidArgumentError("a bad query");
    for (Candidate& candidate : candidates) {
      clock_->Advance(each_);
      candidate.status = absl::OkStatus();
      candidate.tokens = {3, 2};
      candidate.masses = {{.bytes = {}, .mass = 1}};
      char* end = nullptr;
      const float score = std::strtof(candidate.text.c_str(), &end);
      if (end == candidate.text.c_str()) {
        candidate.status = absl::InvalidArgumentError("no number");
        continue;
      }
      candidate.score = score;
      candidate.stage_scores.push_back({name_, score});
    }
    OrderByScore(candidates);
    return absl::OkStatus();
  }

 private:
  const std::string name_;
  StoppedClock* const clock_;
  const milliseconds each_;
};

class PipelineTest : public ::testing::Test {
 protected:
  // A pipeline over number stages that take 10 ms a candidate.
  std::unique_ptr<Pipeline> Make(const std::string& json) {
    auto spec = ParsePipeline(json);
    EXPECT_TRUE(spec.ok()) << spec.status();
    std::vector<OpenedStage> stages;
    for (size_t i = spec->Retrieves() ? 1 : 0; i < spec->stages.size(); ++i) {
      stages.push_back(
          {nullptr, std::make_unique<NumberStage>(std::string(spec->stages[i].DisplayName()),
                                                  clock_, milliseconds(10))});
    }
    return std::make_unique<Pipeline>(*spec, std::move(stages), clock_.AsNow());
  }

  PipelineAnswer Rerank(const Pipeline& pipeline, const std::vector<std::string>& texts,
                        PipelineRequest request = {.query = "q", .k = 100}) {
    auto answer = pipeline.Rerank(Candidates(texts), request, pool_);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *std::move(answer) : PipelineAnswer();
  }

  StoppedClock clock_;
  base::ThreadPool pool_{1};
};

constexpr const char* kOne = R"({"stages": [{"type": "cross-encoder", "model": "m", "depth": 3}]})";
constexpr const char* kTwo = R"({"stages": [
    {"type": "cross-encoder", "model": "m", "depth": 3},
    {"type": "duo", "model": "m", "depth": 2}]})";

TEST_F(PipelineTest, StagesReorderTheirHeadsAndReportWhatTheyDid) {
  const auto pipeline = Make(kTwo);
  const PipelineAnswer answer = Rerank(*pipeline, {"1", "x", "3", "9"});
  EXPECT_EQ(Order(answer.hits), "d2 d0 d1 d3 ");
  ASSERT_EQ(answer.stages.size(), 2u);
  EXPECT_EQ(answer.stages[0].stage, "cross-encoder");
  EXPECT_EQ(answer.stages[0].outcome, Outcome::kRan);
  EXPECT_EQ(answer.stages[0].candidates_in, 3u);
  EXPECT_EQ(answer.stages[0].candidates_out, 4u);
  EXPECT_EQ(answer.stages[0].without_score, 1u);
  EXPECT_EQ(answer.stages[0].tokens.total, 9u);
  EXPECT_EQ(answer.stages[0].tokens.read, 6u);
  EXPECT_DOUBLE_EQ(answer.stages[0].seconds, 0.03);
  EXPECT_EQ(answer.stages[1].candidates_in, 2u);
  // Every hit has the scores of all stages that gave it one, and the tail those it came with.
  const auto names = [&](size_t i) {
    std::vector<std::string> stages;
    for (const StageScore& score : answer.hits[i].stage_scores) stages.push_back(score.stage);
    return stages;
  };
  EXPECT_THAT(names(0), ElementsAre("bm25", "cross-encoder", "duo"));
  EXPECT_THAT(names(2), ElementsAre("bm25"));
  EXPECT_THAT(names(3), ElementsAre("bm25"));
  EXPECT_TRUE(answer.hits[0].explanations.empty());
}

TEST_F(PipelineTest, KCutsTheAnswerAndNothingIsNoError) {
  const auto pipeline = Make(kTwo);
  EXPECT_EQ(Order(Rerank(*pipeline, {"1", "2", "3"}, {.query = "q", .k = 2}).hits), "d2 d1 ");
  const PipelineAnswer none = Rerank(*pipeline, {});
  EXPECT_TRUE(none.hits.empty());
  EXPECT_EQ(none.stages.size(), 2u);
  EXPECT_EQ(none.stages[0].candidates_in, 0u);
}

TEST_F(PipelineTest, AnErrorOfAStageNamesIt) {
  const auto pipeline = Make(kTwo);
  const auto answer = pipeline->Rerank(Candidates({"1"}), {.query = "bad"}, pool_);
  EXPECT_EQ(base::Message(answer.status()), "cross-encoder: a bad query");
}

TEST_F(PipelineTest, ScoresBelowTheLeastAreDroppedButNotWhatHasNone) {
  const auto pipeline = Make(R"({"stages": [
      {"type": "cross-encoder", "model": "m", "depth": 4, "min_score": 2}]})");
  const PipelineAnswer answer = Rerank(*pipeline, {"1", "2", "x", "0.5", "0"});
  EXPECT_EQ(Order(answer.hits), "d1 d2 d4 ");  // d2 could not be scored, d4 lies below the depth.
  EXPECT_EQ(answer.stages[0].below_min_score, 2u);
  EXPECT_EQ(answer.stages[0].candidates_out, 3u);
}

TEST_F(PipelineTest, ASkippedStageDropsNothingForItsScore) {
  const auto pipeline = Make(R"({"stages": [
      {"type": "cross-encoder", "model": "m", "min_score": 100, "time_budget_ms": 15}]})");
  EXPECT_EQ(Rerank(*pipeline, {"1", "2"}).hits.size(), 0u);  // Its cost is not known yet.
  const PipelineAnswer second = Rerank(*pipeline, {"1", "2"});
  EXPECT_EQ(Order(second.hits), "d0 d1 ");
  EXPECT_EQ(second.stages[0].outcome, Outcome::kSkipped);
}

TEST_F(PipelineTest, TheBestOfEachGroupIsKept) {
  auto candidates = Candidates({"1", "5", "3", "4", "2", "6"});
  candidates[0].metadata_json = R"({"by": {"name": "a"}})";
  candidates[1].metadata_json = R"({"by": {"name": ["x", "y"]}})";
  candidates[2].metadata_json = R"({"by": {"name": "a"}})";
  candidates[3].metadata_json = R"({"by": {"name": ["y", "x"]}})";
  candidates[4].metadata_json = R"({"by": {"name": 7}})";
  candidates[5].metadata_json = "no JSON";
  const auto pipeline = Make(R"({"stages": [
      {"type": "cross-encoder", "model": "m", "group_by": "by.name"}]})");
  ASSERT_OK_AND_ASSIGN(const PipelineAnswer answer,
                       pipeline->Rerank(candidates, {.query = "q", .k = 9}, pool_));
  EXPECT_EQ(Order(answer.hits), "d5 d1 d2 d4 ");
  EXPECT_EQ(answer.stages[0].grouped, 2u);
}

TEST_F(PipelineTest, PassagesOfOneDocumentBecomeOne) {
  auto candidates = Candidates({"1", "5", "3"});
  candidates[2].id = "d0";
  EXPECT_EQ(KeepBestOfGroups(kGroupByDocument, candidates), 1u);
  EXPECT_EQ(Order(candidates), "d0 d1 ");
  EXPECT_EQ(candidates[0].text, "1");
}

TEST_F(PipelineTest, AStageThatWouldOverrunTheBudgetIsSkippedAndSaysWhy) {
  const auto pipeline = Make(kTwo);
  PipelineRequest request{.query = "q", .k = 9, .deadline = clock_.now() + milliseconds(40)};
  // The first time nobody knows what they cost: they run, and take 30 + 20 ms.
  EXPECT_EQ(Rerank(*pipeline, {"1", "2", "3"}, request).stages[1].outcome, Outcome::kRan);

  request.deadline = clock_.now() + milliseconds(40);
  const PipelineAnswer second = Rerank(*pipeline, {"1", "2", "3"}, request);
  EXPECT_EQ(second.stages[0].outcome, Outcome::kRan);
  ASSERT_EQ(second.stages[1].outcome, Outcome::kSkipped);
  EXPECT_EQ(second.stages[1].reason, "it would take about 20 ms, and 10 ms are left");
  EXPECT_EQ(second.stages[1].candidates_out, 3u);
  EXPECT_EQ(second.stages[1].seconds, 0);
  EXPECT_EQ(Order(second.hits), "d2 d1 d0 ");
  EXPECT_EQ(second.hits[0].stage_scores.back().stage, "cross-encoder");

  request.deadline = clock_.now();
  const PipelineAnswer late = Rerank(*pipeline, {"1", "2"}, request);
  EXPECT_EQ(late.stages[0].reason, "no time is left");
  EXPECT_EQ(Order(late.hits), "d0 d1 ");
}

TEST_F(PipelineTest, FewerCandidatesMayFitTheBudget) {
  const auto pipeline = Make(R"({"time_budget_ms": 25, "stages": [
      {"type": "cross-encoder", "model": "m"}]})");
  Rerank(*pipeline, {"1"});  // 10 ms.
  EXPECT_EQ(Rerank(*pipeline, {"1", "2", "3"}).stages[0].outcome, Outcome::kSkipped);
  EXPECT_EQ(Rerank(*pipeline, {"1", "2"}).stages[0].outcome, Outcome::kRan);
}

TEST_F(PipelineTest, AStageHasABudgetOfItsOwn) {
  const auto pipeline = Make(R"({"stages": [
      {"type": "cross-encoder", "model": "m", "time_budget_ms": 25}]})");
  Rerank(*pipeline, {"1"});
  const PipelineAnswer answer = Rerank(*pipeline, {"1", "2", "3"});
  EXPECT_EQ(answer.stages[0].reason, "it would take about 30 ms, and its budget is 25 ms");
}

TEST_F(PipelineTest, AStageThatWasSkippedIsTriedAgainSomeTime) {
  const auto pipeline = Make(R"({"time_budget_ms": 25, "stages": [
      {"type": "cross-encoder", "model": "m"}]})");
  Rerank(*pipeline, {"1", "2", "3"});
  int skipped = 0;
  while (Rerank(*pipeline, {"1", "2", "3"}).stages[0].outcome == Outcome::kSkipped) ++skipped;
  EXPECT_EQ(skipped, 19);  // 30 ms · 0.99^19 < 25 ms.
}

TEST(CostEstimateTest, FollowsTheLatestMeasurements) {
  CostEstimate cost;
  EXPECT_FALSE(cost.Predict(5).has_value());
  cost.Measured(0, 100);
  EXPECT_FALSE(cost.Predict(5).has_value());
  cost.Measured(10, 1);
  EXPECT_DOUBLE_EQ(*cost.Predict(5), 0.5);
  cost.Measured(10, 2);
  EXPECT_DOUBLE_EQ(*cost.Predict(10), 1.2);
  for (int i = 0; i < 100; ++i) cost.Measured(1, 3);
  EXPECT_NEAR(*cost.Predict(1), 3, 1e-6);
}

TEST_F(PipelineTest, AFirstStageThatRetrievesIsPassedOverForPassagesThatAreGiven) {
  const auto pipeline = Make(R"({"stages": [
      {"type": "dense", "min_score": 100, "group_by": "_id"},
      {"type": "cross-encoder", "model": "m"}]})");
  const PipelineAnswer answer = Rerank(*pipeline, {"1", "2"});
  EXPECT_EQ(Order(answer.hits), "d1 d0 ");
  EXPECT_EQ(answer.stages[0].reason, "the passages came with the query");
  EXPECT_EQ(answer.stages[1].outcome, Outcome::kRan);
}

TEST_F(PipelineTest, ExplanationsAreKeptOfEveryStage) {
  const auto pipeline = Make(kTwo);
  const PipelineAnswer answer =
      Rerank(*pipeline, {"1", "x", "3"},
             {.query = "q", .k = 9, .explain = PipelineRequest::Explain::kYes});
  ASSERT_EQ(answer.hits[0].explanations.size(), 2u);
  EXPECT_EQ(answer.hits[0].explanations[0].stage, "cross-encoder");
  EXPECT_EQ(answer.hits[0].explanations[1].stage, "duo");
  EXPECT_EQ(answer.hits[0].explanations[1].masses.size(), 1u);
  EXPECT_TRUE(answer.hits[2].explanations.empty());  // It has no score.
}

// Over a real collection, with a model of words.
class PipelineSearchTest : public PipelineTest {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(collection_, indexer::Collection::OpenOrCreate(
                                          folder_.path(), indexer::CollectionSchema::Of(model_)));
    const std::vector<std::string_view> texts = {"1 sea", "2 sea sea", "3 stone", "4 sea stone"};
    ASSERT_OK_AND_ASSIGN(const auto vectors,
                         model_.Embed(texts, encoder::TextRole::kDocument, pool_));
    std::vector<indexer::EmbeddedDocument> documents;
    for (size_t i = 0; i < texts.size(); ++i) {
      documents.push_back({.document = {"d" + std::to_string(i), "t", std::string(texts[i]),
                                        R"({"odd": )" + std::to_string(i % 2) + "}"},
                           .passages = {{.bytes = texts[i].size()}},
                           .vectors = {vectors[i].begin(), vectors[i].end()}});
    }
    ASSERT_OK(collection_->Put(documents));
  }

  const testing::TemporaryFolder folder_;
  testing::WordEmbedder model_;
  std::unique_ptr<indexer::Collection> collection_;
};

TEST_F(PipelineSearchTest, RetrievesAndRanksTheDocuments) {
  const auto pipeline = Make(R"({"stages": [
      {"type": "dense", "name": "vectors", "depth": 3}, {"type": "cross-encoder", "model": "m"}]})");
  ASSERT_OK_AND_ASSIGN(const Searcher searcher, Searcher::Make(model_, *collection_));
  ASSERT_OK_AND_ASSIGN(const PipelineAnswer answer,
                       pipeline->Search(searcher, {.query = "sea"}, pool_));
  EXPECT_EQ(Order(answer.hits), "d3 d1 d0 ");
  EXPECT_EQ(answer.hits[0].text, "4 sea stone");
  EXPECT_EQ(answer.hits[0].title, "t");
  EXPECT_EQ(answer.hits[0].metadata_json, R"({"odd": 1})");
  ASSERT_EQ(answer.hits[0].stage_scores.size(), 2u);
  EXPECT_EQ(answer.hits[0].stage_scores[0].stage, "vectors");
  EXPECT_EQ(answer.stages[0].stage, "vectors");
  EXPECT_EQ(answer.stages[0].candidates_out, 3u);
  EXPECT_EQ(answer.query_tokens.total, 1u);
}

TEST_F(PipelineSearchTest, LeavesOutTheQuerysOwnDocumentAndAFilteredOne) {
  const auto pipeline = Make(R"({"stages": [{"type": "dense", "depth": 2, "group_by": "odd"}]})");
  ASSERT_OK_AND_ASSIGN(const Searcher searcher, Searcher::Make(model_, *collection_));
  ASSERT_OK_AND_ASSIGN(const PipelineAnswer answer,
                       pipeline->Search(searcher, {.query = "2 sea sea", .left_out = "d1"}, pool_));
  // d0 and d3 are the next two, and one is odd, one is not.
  EXPECT_EQ(Order(answer.hits), "d0 d3 ");
  EXPECT_EQ(answer.stages[0].grouped, 0u);
}

TEST_F(PipelineSearchTest, LowSimilarityAndBadQueries) {
  const auto pipeline = Make(R"({"stages": [{"type": "dense", "min_score": 0.99}]})");
  ASSERT_OK_AND_ASSIGN(const Searcher searcher, Searcher::Make(model_, *collection_));
  ASSERT_OK_AND_ASSIGN(const PipelineAnswer answer,
                       pipeline->Search(searcher, {.query = "3 stone"}, pool_));
  EXPECT_EQ(Order(answer.hits), "d2 ");
  EXPECT_EQ(answer.stages[0].below_min_score, 3u);
  const auto unspeakable = pipeline->Search(searcher, {.query = "unspeakable"}, pool_);
  EXPECT_THAT(std::string(base::Message(unspeakable.status())), HasSubstr("query: "));
  const auto no_retrieval = Make(kOne)->Search(searcher, {.query = "sea"}, pool_);
  EXPECT_EQ(base::Message(no_retrieval.status()),
            "pipeline.stages[0].type: \"cross-encoder\", but a search begins with \"dense\"");
}

const std::string kTinyBert = testing::TestData("tiny_bert").string();

TEST(ModelRegistryTest, OpensAFolderOnceForAllThatReadItAlike) {
  size_t opened = 0;
  ModelRegistry models({.opened = [&](std::string_view, std::string_view) { ++opened; }});
  const CrossEncoderMethod method{.model = kTinyBert};
  const CrossEncoderMethod slashed{.model = kTinyBert + "/."};
  const CrossEncoderMethod shorter{.model = kTinyBert, .max_tokens = 16};
  ASSERT_OK_AND_ASSIGN(const auto first, models.Get(method, ModelAccess::kOpen));
  ASSERT_OK_AND_ASSIGN(const auto again, models.Get(slashed, ModelAccess::kOpen));
  ASSERT_OK_AND_ASSIGN(const auto other, models.Get(shorter, ModelAccess::kOpen));
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
  EXPECT_EQ(opened, 2u);
  EXPECT_TRUE(models.Get(method, ModelAccess::kOpenedOnly).ok());
  ASSERT_OK_AND_ASSIGN(const std::string fingerprint, models.Fingerprint(method));
  EXPECT_EQ(fingerprint.size(), 32u);
  EXPECT_EQ(models.Fingerprint(DuoMethod{.model = "other"}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(ModelRegistryTest, WhatIsNotOpenStaysShutForRequests) {
  ModelRegistry models;
  ASSERT_TRUE(models.Get(CrossEncoderMethod{.model = kTinyBert}, ModelAccess::kOpen).ok());
  for (const CrossEncoderMethod& method :
       {CrossEncoderMethod{.model = "/etc"},
        CrossEncoderMethod{.model = kTinyBert, .precision = encoder::Precision::kBf16}}) {
    const auto refused = models.Get(method, ModelAccess::kOpenedOnly);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(base::Message(refused.status())),
                HasSubstr("there are the models " + kTinyBert));
  }
  const auto duo =
      Pipeline::Make({.stages = {{.method = DuoMethod{.model = kTinyBert}, .depth = 5}}}, models,
                     ModelAccess::kOpen);
  EXPECT_THAT(
      std::string(base::Message(duo.status())),
      ::testing::AllOf(HasSubstr("pipeline.stages[0].model: "), HasSubstr("1 labels, expected 2")));
}

TEST(PipelineOfModelsTest, CrossEncoderOverWindowsThenAttentionInContext) {
  const TinyReranker decoder;
  ASSERT_OK_AND_ASSIGN(
      const PipelineSpec spec,
      ParsePipeline(fmt::format(R"({{"stages": [
      {{"type": "cross-encoder", "model": "{}", "windows": {{"words": 2, "stride": 2}}}},
      {{"type": "icr", "model": "{}", "depth": 3}},
      {{"type": "core", "model": "{}", "depth": 2, "heads": "0-1"}}]}})",
                                kTinyBert, decoder.path().string(), decoder.path().string())));
  size_t opened = 0;
  ModelRegistry models({.opened = [&](std::string_view, std::string_view) { ++opened; }});
  ASSERT_OK_AND_ASSIGN(const auto pipeline, Pipeline::Make(spec, models, ModelAccess::kOpen));
  EXPECT_EQ(opened, 2u);  // One decoder reads for icr and core.
  base::ThreadPool pool(2);
  const PipelineRequest request{
      .query = "the cat", .k = 9, .explain = PipelineRequest::Explain::kYes};
  const auto candidates = Candidates({"the cat sat", "sat", "the dog ran . the dog sat", "bird"});
  ASSERT_OK_AND_ASSIGN(const PipelineAnswer answer, pipeline->Rerank(candidates, request, pool));
  ASSERT_EQ(answer.hits.size(), 4u);
  const Candidate& best = answer.hits[0];
  ASSERT_EQ(best.explanations.size(), 3u);
  ASSERT_TRUE(best.explanations[0].window.has_value());
  EXPECT_LE(best.explanations[0].window->first_byte + best.explanations[0].window->bytes,
            best.text.size());
  EXPECT_EQ(best.explanations[1].stage, "icr");
  double sum = 0;
  for (const TokenMass& token : best.explanations[1].masses) {
    if (token.counted) sum += token.mass;
    EXPECT_LE(token.bytes.end, best.text.size());
  }
  float icr_score = 0;
  for (const StageScore& score : best.stage_scores) {
    if (score.stage == "icr") icr_score = score.score;
  }
  EXPECT_NEAR(sum, icr_score, 1e-6);
  EXPECT_EQ(answer.hits[3].explanations.size(), 1u);  // The tail of icr.
}

}  // namespace
}  // namespace gannet::ranker
