#include "ranker/pipeline/pipeline_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::ranker {
namespace {

using ::testing::HasSubstr;

TEST(PipelineJsonTest, ReadsEveryField) {
  ASSERT_OK_AND_ASSIGN(const PipelineSpec spec, ParsePipeline(R"({
    "time_budget_ms": 250,
    "stages": [
      {"type": "dense", "depth": 200, "min_score": 0.25, "group_by": "author.name"},
      {"type": "cross-encoder", "name": "mono", "model": "m", "precision": "int8", "depth": 50,
       "max_tokens": 256, "instruction": "judge", "min_score": -1, "group_by": "_id",
       "time_budget_ms": 100, "windows": {"score": "sum", "words": 60, "stride": 30, "limit": 5}},
      {"type": "parade", "model": "p", "windows": {"words": 100}},
      {"type": "duo", "model": "d", "precision": "bf16"},
      {"type": "qrhead", "model": "q", "markup": "llama3", "sentence": "answer",
       "heads": "1-2,0-3", "max_words": 50, "order": "best-first", "too_many": "windows",
       "window_passages": 20, "reading": "blocks", "block_cache_mib": 64}]})"));
  EXPECT_TRUE(spec.Retrieves());
  EXPECT_EQ(spec.time_budget_ms, 250u);
  ASSERT_EQ(spec.stages.size(), 5u);
  EXPECT_EQ(spec.stages[0].depth, 200u);
  EXPECT_EQ(spec.stages[0].min_score, 0.25F);
  EXPECT_EQ(spec.stages[0].group_by, "author.name");
  EXPECT_EQ(spec.stages[0].DisplayName(), "dense");

  const StageSpec& mono = spec.stages[1];
  const auto& cross_encoder = std::get<CrossEncoderMethod>(mono.method);
  EXPECT_EQ(mono.DisplayName(), "mono");
  EXPECT_EQ(mono.depth, 50u);
  EXPECT_EQ(mono.min_score, -1.0F);
  EXPECT_EQ(mono.time_budget_ms, 100u);
  EXPECT_EQ(cross_encoder.model, "m");
  EXPECT_EQ(cross_encoder.precision, encoder::Precision::kInt8);
  EXPECT_EQ(cross_encoder.max_tokens, 256u);
  EXPECT_EQ(cross_encoder.instruction, "judge");
  EXPECT_EQ(cross_encoder.window_score, WindowScore::kSum);
  ASSERT_TRUE(cross_encoder.windows.has_value());
  EXPECT_EQ(cross_encoder.windows->words, 60u);
  EXPECT_EQ(cross_encoder.windows->stride, 30u);
  EXPECT_EQ(cross_encoder.windows->most, 5u);
  EXPECT_EQ(MostTexts(mono), 250u);

  const auto& parade = std::get<ParadeMethod>(spec.stages[2].method);
  EXPECT_EQ(parade.windows.words, 100u);
  EXPECT_EQ(parade.windows.stride, 100u);  // PARADE's own.
  EXPECT_EQ(std::get<DuoMethod>(spec.stages[3].method).precision, encoder::Precision::kBf16);
  EXPECT_EQ(MostTexts(spec.stages[3]), 30u * 29);

  const StageSpec& last = spec.stages[4];
  const auto& heads = std::get<InContextMethod>(last.method);
  EXPECT_EQ(last.DisplayName(), "qrhead");
  EXPECT_EQ(last.depth, 200u);  // As many as the method's authors re-rank.
  EXPECT_EQ(heads.options.recipe, "qrhead");
  EXPECT_EQ(heads.options.markup, "llama3");
  EXPECT_EQ(heads.options.sentence, "answer");
  EXPECT_EQ(heads.options.heads.ToString(), "0-3,1-2");
  EXPECT_EQ(heads.options.max_words, 50u);
  EXPECT_EQ(heads.options.order, DocumentOrder::kBestFirst);
  EXPECT_EQ(heads.too_many, InContextRequest::TooMany::kWindows);
  EXPECT_EQ(heads.window_passages, 20u);
  EXPECT_EQ(heads.reading, InContextRequest::Reading::kBlocks);
  EXPECT_EQ(heads.block_cache_mib, 64u);
}

TEST(PipelineJsonTest, WhatIsNotGivenHasTheDefaultOfItsType) {
  ASSERT_OK_AND_ASSIGN(const PipelineSpec spec, ParsePipeline(R"({"stages": [
      {"type": "cross-encoder", "model": "m"}, {"type": "core", "model": "c"}]})"));
  EXPECT_FALSE(spec.Retrieves());
  EXPECT_FALSE(spec.time_budget_ms.has_value());
  EXPECT_EQ(spec.stages[0].depth, 100u);
  EXPECT_FALSE(spec.stages[0].min_score.has_value());
  EXPECT_FALSE(std::get<CrossEncoderMethod>(spec.stages[0].method).windows.has_value());
  EXPECT_EQ(spec.stages[1].depth, 40u);
  EXPECT_TRUE(std::get<InContextMethod>(spec.stages[1].method).options.heads.IsAll());
}

struct BadPipeline {
  const char* name;
  std::string json;
  const char* error;
};

std::string Stage(const std::string& fields) {
  return R"({"stages": [{"type": "dense"}, {)" + fields + "}]}";
}
std::string CrossEncoder(const std::string& fields) {
  return Stage(R"("type": "cross-encoder", "model": "m", )" + fields);
}
std::string InContext(const std::string& fields) {
  return Stage(R"("type": "icr", "model": "m", )" + fields);
}

class BadPipelineTest : public ::testing::TestWithParam<BadPipeline> {};

TEST_P(BadPipelineTest, IsRefusedWithThePlace) {
  const absl::Status status = ParsePipeline(GetParam().json).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadPipelineTest,
    ::testing::Values(
        BadPipeline{"NotJson", "{", "pipeline: not JSON"},
        BadPipeline{"NotAnObject", "[]", "pipeline: expected an object, found a list"},
        BadPipeline{"Nested", std::string(60'000, '['), "pipeline: not JSON"},
        BadPipeline{"DeepList",
                    R"({"stages": )" + std::string(20'000, '[') + std::string(20'000, ']') + "}",
                    "pipeline.stages[0]: expected an object, found a list"},
        BadPipeline{"TooLong", std::string(70'000, ' '), "70000 bytes, at most 65536"},
        BadPipeline{"NoStages", "{}", "pipeline.stages: 0 stages, must be from 1 to 16"},
        BadPipeline{"EmptyStages", R"({"stages": []})", "pipeline.stages: 0 stages"},
        BadPipeline{"StagesNoList", R"({"stages": {}})", "pipeline.stages: expected a list"},
        BadPipeline{"StageNoObject", R"({"stages": ["dense"]})",
                    "pipeline.stages[0]: expected an object, found \"dense\""},
        BadPipeline{"UnknownField", R"({"stages": [{"type": "dense"}], "k": 3})",
                    "pipeline.k: unknown, expected one of stages, time_budget_ms"},
        BadPipeline{"NoType", R"({"stages": [{}]})", "pipeline.stages[0].type: missing"},
        BadPipeline{"UnknownType", R"({"stages": [{"type": "colbert"}]})",
                    "pipeline.stages[0].type: \"colbert\", expected one of dense, cross-encoder"},
        BadPipeline{"TypeNoString", R"({"stages": [{"type": 1}]})",
                    "pipeline.stages[0].type: expected a string, found 1"},
        BadPipeline{"FieldOfAnotherType", R"({"stages": [{"type": "dense", "model": "m"}]})",
                    "pipeline.stages[0].model: unknown"},
        BadPipeline{"DenseTwice", R"({"stages": [{"type": "dense"}, {"type": "dense"}]})",
                    "pipeline.stages[1].type: \"dense\" retrieves"},
        BadPipeline{"NoModel", Stage(R"("type": "duo")"), "pipeline.stages[1].model: missing"},
        BadPipeline{"TermsOfNothing", Stage(R"("type": "terms", "model": "m")"),
                    "pipeline.stages[1].collection: missing"},
        BadPipeline{"TermsPrecision", Stage(R"("type": "terms", "precision": "int8")"),
                    "pipeline.stages[1].precision: unknown, expected one of collection, depth"},
        BadPipeline{"DepthZero", CrossEncoder(R"("depth": 0)"),
                    "pipeline.stages[1].depth: 0, must be from 1 to 1000000"},
        BadPipeline{"DepthNegative", CrossEncoder(R"("depth": -1)"),
                    "pipeline.stages[1].depth: expected a whole number"},
        BadPipeline{"DepthFraction", CrossEncoder(R"("depth": 1.5)"),
                    "pipeline.stages[1].depth: expected a whole number"},
        BadPipeline{"DepthText", CrossEncoder(R"("depth": "10")"),
                    "pipeline.stages[1].depth: expected a whole number"},
        BadPipeline{"DuoDepth", Stage(R"("type": "duo", "model": "m", "depth": 201)"),
                    "pipeline.stages[1].depth: 201, must be from 2 to 200"},
        BadPipeline{"ScoreText", CrossEncoder(R"("min_score": "NaN")"),
                    "pipeline.stages[1].min_score: expected a number, found \"NaN\""},
        BadPipeline{"ScoreInfinite", CrossEncoder(R"("min_score": 1e300)"),
                    "pipeline.stages[1].min_score: expected a number"},
        BadPipeline{"Precision", CrossEncoder(R"("precision": "fp8")"),
                    "pipeline.stages[1].precision: precision \"fp8\": expected fp32"},
        BadPipeline{"BudgetZero", CrossEncoder(R"("time_budget_ms": 0)"),
                    "pipeline.stages[1].time_budget_ms: 0, must be from 1"},
        BadPipeline{"BudgetLarge", CrossEncoder(R"("time_budget_ms": 4294967296)"),
                    "pipeline.stages[1].time_budget_ms: expected a whole number from 0 to"},
        BadPipeline{"PipelineBudget", R"({"stages": [{"type": "dense"}], "time_budget_ms": 0})",
                    "pipeline.time_budget_ms: 0, must be from 1"},
        BadPipeline{"DenseBudget", R"({"stages": [{"type": "dense", "time_budget_ms": 5}]})",
                    "pipeline.stages[0].time_budget_ms: retrieval is never skipped"},
        BadPipeline{"WindowWords", CrossEncoder(R"("windows": {"words": 0})"),
                    "pipeline.stages[1].windows.words: 0, must be from 1"},
        BadPipeline{"WindowScore", CrossEncoder(R"("windows": {"score": "mean"})"),
                    "pipeline.stages[1].windows.score: window score \"mean\""},
        BadPipeline{"WindowField", CrossEncoder(R"("windows": {"size": 3})"),
                    "pipeline.stages[1].windows.size: unknown, expected one of limit, score"},
        BadPipeline{"ParadeScore",
                    Stage(R"("type": "parade", "model": "m", "windows": {"score": "max"})"),
                    "pipeline.stages[1].windows.score: unknown"},
        BadPipeline{"Markup", InContext(R"("markup": "llama2")"),
                    "pipeline.stages[1].markup: markup: \"llama2\" is not among"},
        BadPipeline{"Sentence", InContext(R"("sentence": "guess")"),
                    "pipeline.stages[1].sentence: sentence: \"guess\""},
        BadPipeline{"Heads", InContext(R"("heads": "3")"),
                    "pipeline.stages[1].heads: heads: \"3\" is not LAYER-HEAD"},
        BadPipeline{"Order", InContext(R"("order": "worst")"),
                    "pipeline.stages[1].order: expected best-first or best-last, found"},
        BadPipeline{"WindowPassages", InContext(R"("window_passages": 5)"),
                    "pipeline.stages[1].window_passages: without"},
        BadPipeline{"WindowedLimit", InContext(R"("too_many": "windows", "min_score": 0)"),
                    "pipeline.stages[1].min_score: scores of different windows"},
        BadPipeline{"CacheOfExact", InContext(R"("block_cache_mib": 5)"),
                    "pipeline.stages[1].block_cache_mib: only with"},
        BadPipeline{"SameName", R"({"stages": [{"type": "cross-encoder", "model": "a"},
                    {"type": "cross-encoder", "model": "b"}]})",
                    "pipeline.stages[1].name: \"cross-encoder\" is what stages[0] is called"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace gannet::ranker
