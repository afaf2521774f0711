#include "eval/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gannet::eval {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Report Example() {
  Report report;
  report.provenance = {.dataset = "scifact",
                       .dataset_fingerprint = "d1",
                       .split = "test",
                       .documents = 5183,
                       .queries = 300,
                       .model = "minilm",
                       .model_fingerprint = "f2",
                       .max_tokens = 256,
                       .similarity = "cosine",
                       .precision = "fp32",
                       .depth = 100,
                       .rules = {},
                       .long_text = "windows",
                       .documents_read = {.in_windows = 1234,
                                          .cut = 2,
                                          .windows = 7000,
                                          .tokens_total = 90000,
                                          .tokens_read = 89000},
                       .queries_read = {.windows = 300, .tokens_total = 4000, .tokens_read = 4000}};
  report.evaluation.metrics = {{Measure::kNdcg, 10}, {Measure::kRecall, 100}};
  report.evaluation.means = {0.645082, 0.925};
  report.evaluation.missing_queries = 2;
  return report;
}

TEST(ReportTest, TextGivesFourDecimalsAndWhatTheyDependOn) {
  EXPECT_THAT(ReportText(Example()),
              AllOf(HasSubstr("nDCG@10      0.6451\n"), HasSubstr("Recall@100   0.9250\n"),
                    HasSubstr("scifact test, 5,183 documents, 300 queries, fingerprint d1"),
                    HasSubstr("minilm, fingerprint f2"),
                    HasSubstr("fp32, cosine similarity, at most 256 tokens"),
                    HasSubstr("long texts   windows\n"),
                    HasSubstr("5,183 in 7,000 windows, 1,234 of them in several, 2 cut; 89,000 of "
                              "90,000 tokens read"),
                    HasSubstr("300 in 300 windows, 0 of them in several, 0 cut; 4,000 of 4,000 "),
                    HasSubstr("a document with the query's id is dropped"),
                    HasSubstr("2 missing queries count as zero"), Not(HasSubstr("UTF-8"))));
}

TEST(ReportTest, BlocksAreNamedWhereTheModelReadsThem) {
  Report report = Example();
  EXPECT_THAT(ReportText(report), Not(HasSubstr("blocks")));
  report.provenance.documents_read.blocks = 12345;
  EXPECT_THAT(ReportText(report), HasSubstr("89,000 of 90,000 tokens read in 12,345 blocks\n"));
  EXPECT_EQ(nlohmann::json::parse(ReportJson(report))["long_text"]["documents"]["blocks"], 12345);
}

TEST(ReportTest, TextNamesRepairsAndStoredDocumentsOnlyWhereThereAreSome) {
  Report report = Example();
  report.provenance.replaced_sequences = 3;
  report.provenance.documents_stored_before = 5000;
  EXPECT_THAT(ReportText(report), AllOf(HasSubstr("3 ill-formed UTF-8 sequences replaced"),
                                        HasSubstr("5,000 more were stored before")));
}

TEST(ReportTest, NamesTheStagesOfAPipeline) {
  Report report = Example();
  EXPECT_FALSE(nlohmann::json::parse(ReportJson(report)).contains("stages"));
  report.stages = {{.stage = "dense", .type = "dense", .model = "", .depth = 100, .ran = 300},
                   {.stage = "mono",
                    .type = "cross-encoder",
                    .model = "minilm-ce",
                    .model_fingerprint = "f3",
                    .depth = 50,
                    .ran = 298,
                    .skipped = 2,
                    .seconds = 12.34,
                    .without_score = 1,
                    .dropped = 3,
                    .tokens_total = 2000,
                    .tokens_read = 1500}};
  EXPECT_THAT(ReportText(report),
              AllOf(HasSubstr("stage        dense, 100 candidates a query, 0.0 s\n"),
                    HasSubstr("stage        mono, 50 candidates a query, 12.3 s, cross-encoder "
                              "minilm-ce, fingerprint f3, 1,500 of 2,000 tokens read, skipped for "
                              "2 of 300 queries, 1 without a score, 3 dropped\n")));
  const nlohmann::json stage = nlohmann::json::parse(ReportJson(report))["stages"][1];
  EXPECT_EQ(stage["queries"]["skipped"], 2);
  EXPECT_EQ(stage["model"]["fingerprint"], "f3");
  EXPECT_EQ(stage["candidates"]["dropped"], 3);
  EXPECT_EQ(stage["tokens"]["read"], 1500);
}

TEST(ReportTest, JsonCarriesTheSameInFullPrecision) {
  const nlohmann::json json = nlohmann::json::parse(ReportJson(Example()));
  EXPECT_EQ(json["metrics"]["nDCG@10"], 0.645082);
  EXPECT_EQ(json["metrics"]["Recall@100"], 0.925);
  EXPECT_EQ(json["dataset"]["fingerprint"], "d1");
  EXPECT_EQ(json["dataset"]["documents"], 5183);
  EXPECT_EQ(json["model"]["fingerprint"], "f2");
  EXPECT_EQ(json["model"]["precision"], "fp32");
  EXPECT_EQ(json["cut"]["documents"], 2);
  EXPECT_EQ(json["long_text"]["strategy"], "windows");
  EXPECT_EQ(json["long_text"]["documents"]["windows"], 7000);
  EXPECT_EQ(json["long_text"]["documents"]["tokens_read"], 89000);
  EXPECT_EQ(json["long_text"]["queries"]["tokens_total"], 4000);
  EXPECT_EQ(json["rules"]["identical_ids"], "dropped");
  EXPECT_EQ(json["rules"]["depth"], 100);
  EXPECT_EQ(json["queries"]["missing"], 2);
}

TEST(ReportTest, JsonSurvivesANameThatIsNotUtf8) {
  Report report = Example();
  report.provenance.dataset = "caf\xe9";
  EXPECT_EQ(nlohmann::json::parse(ReportJson(report))["dataset"]["name"], "caf\uFFFD");
}

}  // namespace
}  // namespace gannet::eval
