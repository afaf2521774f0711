#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/thread_pool.h"
#include "gannet/v1/gannet.pb.h"
#include "ranker/pipeline/pipeline_json.h"
#include "service/pipeline_catalog.h"
#include "service/pipeline_message.h"
#include "service/rerank_handler.h"
#include "service/search_handler.h"
#include "tests/service/memory_collection.h"
#include "tests/testing/shared_data.h"

namespace gannet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const std::string kModel = testing::TestData("tiny_bert").string();

// Searches and re-rankings of a server with the pipelines "full" (which retrieves) and "mono".
class PipelineHandlersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Add("full", R"({"stages": [{"type": "dense", "depth": 3},
        {"type": "cross-encoder", "model": ")" +
                    kModel + R"(", "windows": {"words": 1, "stride": 1}}]})");
    Add("mono", R"({"stages": [{"type": "cross-encoder", "model": ")" + kModel + "\"}]}");
  }

  void Add(const std::string& name, const std::string& json) {
    ASSERT_OK_AND_ASSIGN(const auto spec, ranker::ParsePipeline(json));
    ASSERT_OK(pipelines_.Add(name, spec));
  }

  static v1::SearchRequest SearchRequest() {
    v1::SearchRequest request;
    request.set_collection("animals");
    request.set_query("cat");
    request.set_pipeline_name("full");
    return request;
  }

  static v1::RerankRequest RerankRequest() {
    v1::RerankRequest request;
    request.set_query("sea");
    for (const char* text : {"stone", "the sea", "river"}) request.add_passages()->set_text(text);
    request.set_pipeline_name("mono");
    return request;
  }

  static CallTime Now() { return {.arrival = CallTime::Clock::now(), .deadline = {}}; }

  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request,
                                            const CallTime& time = Now()) const {
    GANNET_ASSIGN_OR_RETURN(const auto plan, search_.Prepare(request, time));
    v1::SearchResponse response;
    GANNET_RETURN_IF_ERROR(search_.Run(plan, response));
    return response;
  }

  absl::StatusOr<v1::RerankResponse> Rerank(const v1::RerankRequest& request) const {
    GANNET_ASSIGN_OR_RETURN(const auto plan, rerank_.Prepare(request, Now()));
    v1::RerankResponse response;
    GANNET_RETURN_IF_ERROR(rerank_.Run(plan, response));
    return response;
  }

  // That a request is refused at the door, before any model works.
  template <typename Handler, typename Request>
  void ExpectRefused(const Handler& handler, const Request& request, absl::StatusCode code,
                     std::string_view message) const {
    const absl::Status status = handler.Prepare(request, Now()).status();
    EXPECT_EQ(status.code(), code);
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(std::string(message)));
    EXPECT_THAT(model_->embedded(), IsEmpty());
  }

  const std::shared_ptr<const LetterModel> model_ = std::make_shared<LetterModel>();
  const Catalog catalog_ = AnimalCatalog(model_);
  ranker::ModelRegistry models_;
  PipelineCatalog pipelines_{models_, {.max_depth = 5, .max_stage_texts = 20}};
  base::ThreadPool pool_{1};
  const SearchHandler search_{catalog_, pipelines_, {}, pool_};
  const RerankHandler rerank_{pipelines_, {.max_passages = 4, .max_query_bytes = 16}, pool_};
};

TEST_F(PipelineHandlersTest, ASearchThroughAPipelineHasAllItsScoresAndReports) {
  v1::SearchRequest request = SearchRequest();
  request.set_explain(true);
  request.set_view(v1::DOCUMENT_VIEW_FULL);
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse response, Search(request));
  ASSERT_EQ(response.hits_size(), 3);
  for (const v1::Hit& hit : response.hits()) {
    ASSERT_EQ(hit.stage_scores_size(), 3);
    EXPECT_EQ(hit.stage_scores(0).stage(), "dense");
    EXPECT_EQ(hit.stage_scores(1).stage(), "cross-encoder");
    EXPECT_EQ(hit.stage_scores(1).score(), hit.score());
    EXPECT_EQ(hit.stage_scores(2).stage(), "cross-encoder.activation");
    ASSERT_EQ(hit.explanations_size(), 1);
    EXPECT_EQ(hit.explanations(0).stage(), "cross-encoder");
    EXPECT_LE(hit.explanations(0).window().first_byte() + hit.explanations(0).window().bytes(),
              hit.text().size());
    EXPECT_EQ(hit.explanations(0).window().count(), hit.id() == "act" ? 2u : 1u);
    EXPECT_GT(hit.tokens().read(), 0u);
    EXPECT_FALSE(hit.text().empty());
  }
  EXPECT_GE(response.hits(0).score(), response.hits(1).score());
  ASSERT_EQ(response.stages_size(), 2);
  EXPECT_FALSE(response.stages(1).skipped());
  EXPECT_EQ(response.stages(1).candidates_in(), 3u);
  EXPECT_EQ(response.query_tokens().total(), 3u);
  EXPECT_EQ(response.collection(), "animals");
  EXPECT_LE(response.timings().encode_us(), response.timings().total_us());
}

TEST(PipelineMessageTest, TokensCarryWhatWasReadInHowManyWindowsAndBlocks) {
  const v1::TokenCount message = WriteTokens({.total = 50, .read = 40, .blocks = 3}, 1);
  EXPECT_EQ(message.total(), 50u);
  EXPECT_EQ(message.read(), 40u);
  EXPECT_EQ(message.windows(), 1u);
  EXPECT_EQ(message.blocks(), 3u);
}

TEST_F(PipelineHandlersTest, WithoutExplainAndWithIdsOnlyThereIsNeither) {
  v1::SearchRequest request = SearchRequest();
  request.set_view(v1::DOCUMENT_VIEW_ID_ONLY);
  request.set_k(1);
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse response, Search(request));
  ASSERT_EQ(response.hits_size(), 1);
  EXPECT_EQ(response.hits(0).explanations_size(), 0);
  EXPECT_EQ(response.hits(0).title(), "");
  EXPECT_EQ(response.hits(0).metadata_json(), "");
}

TEST_F(PipelineHandlersTest, APipelineOfTheRequestRanksAsTheNamedOneDoes) {
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse named, Search(SearchRequest()));
  v1::SearchRequest request = SearchRequest();
  ASSERT_OK_AND_ASSIGN(*request.mutable_pipeline(),
                       WritePipeline(R"({"stages": [{"type": "dense", "depth": 3},
                           {"type": "cross-encoder", "depth": 5, "model": ")" +
                                     kModel + R"(", "windows": {"words": 1, "stride": 1,
                           "limit": 4}}]})"));
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse own, Search(request));
  ASSERT_EQ(own.hits_size(), named.hits_size());
  for (int i = 0; i < own.hits_size(); ++i) {
    EXPECT_EQ(own.hits(i).SerializeAsString(), named.hits(i).SerializeAsString());
  }
}

TEST_F(PipelineHandlersTest, TheDeadlineOfACallIsABudget) {
  CallTime over = Now();
  over.deadline = over.arrival - std::chrono::seconds(1);
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse response, Search(SearchRequest(), over));
  EXPECT_EQ(response.hits_size(), 3);  // As they were retrieved.
  EXPECT_FALSE(response.stages(0).skipped());
  EXPECT_TRUE(response.stages(1).skipped());
  EXPECT_EQ(response.stages(1).reason(), "no time is left");

  CallTime time = Now();
  ASSERT_OK(time.Limit(1000));
  EXPECT_EQ(*time.deadline - time.arrival, std::chrono::seconds(1));
  ASSERT_OK(time.Limit(5000));
  EXPECT_EQ(*time.deadline - time.arrival, std::chrono::seconds(1));
}

TEST_F(PipelineHandlersTest, RefusesSearchesByThePlaceOfWhatIsWrong) {
  using enum absl::StatusCode;
  v1::SearchRequest request = SearchRequest();
  request.set_pipeline_name("nothing");
  ExpectRefused(search_, request, kNotFound, "no pipeline \"nothing\"; there are: full, mono");
  request.set_pipeline_name(std::string(5000, 'x'));
  ExpectRefused(search_, request, kNotFound, "no pipeline has a name of 5000 bytes");
  request.set_pipeline_name("mono");
  ExpectRefused(search_, request, kInvalidArgument, "a search begins with \"dense\"");
  request = SearchRequest();
  request.set_time_budget_ms(0);
  ExpectRefused(search_, request, kInvalidArgument, "time_budget_ms: 0, must be at least 1");
  request = SearchRequest();
  request.clear_pipeline_name();
  request.set_time_budget_ms(5);
  ExpectRefused(search_, request, kInvalidArgument, "time_budget_ms: only a pipeline");
  request.clear_time_budget_ms();
  request.set_explain(true);
  ExpectRefused(search_, request, kInvalidArgument, "explain: only a pipeline");
}

TEST_F(PipelineHandlersTest, RefusesPipelinesOfRequestsByThePlaceOfWhatIsWrong) {
  using enum absl::StatusCode;
  v1::SearchRequest request = SearchRequest();
  request.mutable_pipeline();
  ExpectRefused(search_, request, kInvalidArgument, "pipeline.stages: 0 stages");
  v1::PipelineStage& dense = *request.mutable_pipeline()->add_stages();
  ExpectRefused(search_, request, kInvalidArgument, "pipeline.stages[0].type: missing");
  dense.set_type("dense");
  dense.set_depth(6);
  ExpectRefused(search_, request, kInvalidArgument,
                "pipeline.stages[0].depth: 6, this server retrieves at most 5");
  dense.set_depth(5);
  v1::PipelineStage& stage = *request.mutable_pipeline()->add_stages();
  stage.set_type("cross-encoder");
  stage.set_depth(0);
  stage.set_model(kModel);
  ExpectRefused(search_, request, kInvalidArgument,
                "pipeline.stages[1].depth: 0, must be from 1 to 1000000");
  stage.set_depth(21);
  ExpectRefused(search_, request, kInvalidArgument,
                "pipeline.stages[1].depth: 21 candidates make up to 21 texts to read, this server "
                "reads at most 20");
  stage.set_depth(10);
  stage.mutable_windows()->set_limit(3);
  ExpectRefused(search_, request, kInvalidArgument, "up to 30 texts");
  stage.clear_windows();
  stage.set_min_score(std::numeric_limits<float>::quiet_NaN());
  ExpectRefused(search_, request, kInvalidArgument, "pipeline.stages[1].min_score: expected");
  stage.clear_min_score();
  stage.set_markup("plain");
  ExpectRefused(search_, request, kInvalidArgument, "pipeline.stages[1].markup: unknown");
  stage.clear_markup();
  stage.set_precision("bf16");
  ExpectRefused(search_, request, kNotFound, "pipeline.stages[1].model: ");
  stage.clear_precision();
  stage.set_model("/etc");
  ExpectRefused(search_, request, kNotFound, "pipeline.stages[1].model: \"/etc\" is not open");
  stage.set_type("icr");
  stage.set_reading("blocks");
  stage.set_block_cache_mib(1);
  ExpectRefused(search_, request, kInvalidArgument, "only the server's own pipelines keep");
  stage.set_instruction(std::string(70'000, 'x'));
  ExpectRefused(search_, request, kInvalidArgument, "bytes, at most 65536");
}

TEST_F(PipelineHandlersTest, ReRanksThePassagesOfARequest) {
  v1::RerankRequest request = RerankRequest();
  request.mutable_passages(1)->set_id("b");
  request.mutable_passages(1)->set_score(2.5);
  ASSERT_OK_AND_ASSIGN(const v1::RerankResponse response, Rerank(request));
  ASSERT_EQ(response.hits_size(), 3);
  std::vector<std::string> ids;
  for (const v1::RerankedPassage& hit : response.hits()) {
    ids.push_back(hit.id());
    if (hit.id() != "b") continue;
    EXPECT_EQ(hit.stage_scores(0).stage(), "input");
    EXPECT_EQ(hit.stage_scores(0).score(), 2.5);
  }
  EXPECT_THAT(ids, ::testing::UnorderedElementsAre("0", "b", "2"));
  EXPECT_GE(response.hits(0).score(), response.hits(2).score());
  ASSERT_EQ(response.stages_size(), 1);
  EXPECT_EQ(response.stages(0).candidates_in(), 3u);
  request.set_k(1);
  ASSERT_OK_AND_ASSIGN(const v1::RerankResponse one, Rerank(request));
  ASSERT_EQ(one.hits_size(), 1);
  EXPECT_EQ(one.hits(0).id(), response.hits(0).id());
}

TEST_F(PipelineHandlersTest, PassagesTakeThePlaceOfRetrieval) {
  v1::RerankRequest request = RerankRequest();
  request.set_pipeline_name("full");
  ASSERT_OK_AND_ASSIGN(const v1::RerankResponse response, Rerank(request));
  EXPECT_TRUE(response.stages(0).skipped());
  EXPECT_FALSE(response.stages(1).skipped());
  EXPECT_THAT(model_->embedded(), IsEmpty());
}

TEST_F(PipelineHandlersTest, RefusesReRankingsByTheField) {
  using enum absl::StatusCode;
  v1::RerankRequest request = RerankRequest();
  request.set_query("  ");
  ExpectRefused(rerank_, request, kInvalidArgument, "query: must not be empty");
  request.set_query("seventeen letters");
  ExpectRefused(rerank_, request, kInvalidArgument, "query: 17 bytes");
  request = RerankRequest();
  request.set_k(0);
  ExpectRefused(rerank_, request, kInvalidArgument, "k: 0");
  request = RerankRequest();
  request.clear_pipeline_name();
  ExpectRefused(rerank_, request, kInvalidArgument, "expected pipeline_name or pipeline");
  request = RerankRequest();
  request.mutable_passages(2)->set_metadata_json("[]");
  ExpectRefused(rerank_, request, kInvalidArgument, "passages[2].metadata_json: ");
  request = RerankRequest();
  request.add_passages();
  request.add_passages();
  ExpectRefused(rerank_, request, kInvalidArgument, "passages: 5, this server re-ranks at most 4");
}

TEST_F(PipelineHandlersTest, NamesAreCheckedAndGivenOnce) {
  ASSERT_OK_AND_ASSIGN(const auto spec,
                       ranker::ParsePipeline(R"({"stages": [{"type": "dense"}]})"));
  EXPECT_EQ(pipelines_.Add("mono", spec).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(pipelines_.Add("", spec).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(pipelines_.Add("\xFF", spec).code(), absl::StatusCode::kInvalidArgument);
  const absl::Status missing = pipelines_.Add(
      "missing", {.stages = {{.method = ranker::DuoMethod{.model = "/no/such"}, .depth = 5}}});
  EXPECT_THAT(std::string(base::Message(missing)),
              StartsWith("pipeline \"missing\": pipeline.stages[0].model: "));
}

TEST(PipelineMessageTest, ReportsAndExplanationsComeBackAsTheyWere) {
  using Part = ranker::TokenMass::Part;
  const ranker::Explanation explanation{
      .stage = "icr",
      .window = ranker::TextWindow{.index = 1, .count = 3, .first_byte = 5, .bytes = 7},
      .masses = {{.part = Part::kMarker, .bytes = {}, .mass = -0.5, .counted = false},
                 {.part = Part::kTitle, .bytes = {1, 3}, .mass = 0.25},
                 {.part = Part::kText, .bytes = {0, 4}, .mass = 1e-9}}};
  const ranker::Explanation back = ReadExplanation(WriteExplanation(explanation));
  EXPECT_EQ(back.stage, "icr");
  EXPECT_EQ(back.window, explanation.window);
  ASSERT_EQ(back.masses.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back.masses[i].part, explanation.masses[i].part);
    EXPECT_EQ(back.masses[i].bytes, explanation.masses[i].bytes);
    EXPECT_EQ(back.masses[i].mass, explanation.masses[i].mass);
    EXPECT_EQ(back.masses[i].counted, explanation.masses[i].counted);
  }
  const ranker::StageReport report{.stage = "duo",
                                   .outcome = ranker::StageReport::Outcome::kSkipped,
                                   .reason = "why",
                                   .seconds = 0.25,
                                   .candidates_in = 1,
                                   .candidates_out = 2,
                                   .without_score = 3,
                                   .below_min_score = 4,
                                   .grouped = 5,
                                   .tokens = {7, 6}};
  const ranker::StageReport report_back = ReadReport(WriteReport(report));
  EXPECT_EQ(report_back.stage, report.stage);
  EXPECT_EQ(report_back.outcome, report.outcome);
  EXPECT_EQ(report_back.reason, report.reason);
  EXPECT_EQ(report_back.seconds, report.seconds);
  EXPECT_EQ(report_back.candidates_in, 1u);
  EXPECT_EQ(report_back.candidates_out, 2u);
  EXPECT_EQ(report_back.without_score, 3u);
  EXPECT_EQ(report_back.below_min_score, 4u);
  EXPECT_EQ(report_back.grouped, 5u);
  EXPECT_EQ(report_back.tokens.total, 7u);
  EXPECT_EQ(report_back.tokens.read, 6u);
}

TEST(PipelineMessageTest, TheMessageIsTheJsonFieldByField) {
  const std::string json = R"({"time_budget_ms": 9, "stages": [
      {"type": "dense", "name": "n", "depth": 7, "min_score": 0.1, "group_by": "g"},
      {"type": "cross-encoder", "model": "m", "precision": "int8", "max_tokens": 5,
       "instruction": "i", "time_budget_ms": 3,
       "windows": {"score": "sum", "words": 4, "stride": 2, "limit": 6}},
      {"type": "qrhead", "model": "q", "markup": "llama3", "sentence": "answer", "heads": "1-2",
       "max_words": 50, "order": "best-first", "too_many": "windows", "window_passages": 20,
       "reading": "blocks", "block_cache_mib": 64}]})";
  ASSERT_OK_AND_ASSIGN(const v1::Pipeline message, WritePipeline(json));
  ASSERT_OK_AND_ASSIGN(const ranker::PipelineSpec spec, ReadPipeline(message));
  ASSERT_EQ(spec.stages.size(), 3u);
  EXPECT_EQ(spec.time_budget_ms, 9u);
  EXPECT_EQ(spec.stages[0].name, "n");
  EXPECT_EQ(spec.stages[0].min_score, 0.1F);
  const auto& mono = std::get<ranker::CrossEncoderMethod>(spec.stages[1].method);
  EXPECT_EQ(mono.instruction, "i");
  EXPECT_EQ(mono.windows->most, 6u);
  const auto& heads = std::get<ranker::InContextMethod>(spec.stages[2].method);
  EXPECT_EQ(heads.options.heads.ToString(), "1-2");
  EXPECT_EQ(heads.block_cache_mib, 64u);
  EXPECT_THAT(std::string(base::Message(WritePipeline("{}").status())),
              HasSubstr("pipeline.stages: 0 stages"));
}

}  // namespace
}  // namespace gannet::service
