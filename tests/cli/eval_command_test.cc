#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "eval/run_file.h"
#include "indexer/collection.h"
#include "tests/testing/shared_data.h"

namespace gannet::cli {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;
using Json = nlohmann::json;

// Runs `gannet eval` with these arguments; what it prints is its value.
absl::StatusOr<std::string> RunEval(std::vector<std::string> arguments) {
  CLI::App app;
  Action action;
  AddEvalCommand(app, action);
  arguments.insert(arguments.begin(), "eval");
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back.
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  ::testing::internal::CaptureStdout();
  const absl::Status status = action();
  std::fflush(stdout);
  const std::string printed = ::testing::internal::GetCapturedStdout();
  if (!status.ok()) return status;
  return printed;
}

// A dataset of three documents whose queries are the documents' own texts.
class EvalCommandTest : public ::testing::Test {
 protected:
  EvalCommandTest() {
    folder_.Write("tiny/corpus.jsonl",
                  "{\"_id\": \"wing\", \"title\": \"\", \"text\": \"the wing of a gannet\"}\n"
                  "{\"_id\": \"stone\", \"title\": \"\", \"text\": \"stones on the shore\"}\n"
                  "{\"_id\": \"fish\", \"title\": \"A fish\", \"text\": \"in deep water\"}\n");
    folder_.Write("tiny/queries.jsonl",
                  "{\"_id\": \"q1\", \"text\": \"the wing of a gannet\"}\n"
                  "{\"_id\": \"fish\", \"text\": \"A fish in deep water\"}\n");
    folder_.Write("tiny/qrels/test.tsv", "h\nq1\twing\t1\nfish\tfish\t1\n");
    // The qrels are complete without the document that the query itself is.
    folder_.Write("tiny/qrels/own.tsv", "h\nq1\twing\t1\n");
  }

  std::vector<std::string> Arguments(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"--dataset", (folder_.path() / "tiny").string(),
                                          "--model",   testing::TestData("tiny_bert").string(),
                                          "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  Json RunForJson(std::vector<std::string> more) const {
    more.push_back("--json");
    const auto printed = RunEval(Arguments(std::move(more)));
    EXPECT_TRUE(printed.ok()) << printed.status();
    return Json::parse(printed.value_or("{}"));
  }

  const TemporaryFolder folder_;
};

TEST_F(EvalCommandTest, FindsEachTextByItself) {
  const Json json = RunForJson({"--split", "own"});
  EXPECT_EQ(json["metrics"]["nDCG@10"], 1.0);
  EXPECT_EQ(json["metrics"]["Recall@100"], 1.0);
  EXPECT_EQ(json["metrics"]["MAP@100"], 1.0);
  EXPECT_EQ(json["metrics"]["MRR@10"], 1.0);
  EXPECT_EQ(json["dataset"]["name"], "tiny");
  EXPECT_EQ(json["dataset"]["documents"], 3);
  EXPECT_EQ(json["dataset"]["queries"], 1);
  EXPECT_EQ(json["model"]["max_tokens"], 48);
  EXPECT_EQ(json["model"]["fingerprint"].get<std::string>().size(), 32u);
}

TEST_F(EvalCommandTest, VectorsAreShortenedOnRequestAndACollectionRemembersIt) {
  const std::string collection = (folder_.path() / "short").string();
  const Json json = RunForJson({"--split", "own", "--dimension", "8", "--collection", collection});
  EXPECT_EQ(json["metrics"]["nDCG@10"], 1.0);
  EXPECT_NE(json["model"]["fingerprint"], RunForJson({"--split", "own"})["model"]["fingerprint"]);
  ASSERT_OK_AND_ASSIGN(const auto opened, indexer::Collection::Open(collection));
  EXPECT_EQ(opened->schema().dimension, 8u);
  EXPECT_EQ(opened->schema().model_options.dimension, 8u);
  EXPECT_EQ(opened->schema().model_options.truncation, encoder::Truncation::kNormalize);
  EXPECT_FALSE(RunEval(Arguments({"--dimension", "33"})).ok());
  EXPECT_FALSE(RunEval(Arguments({"--dimension", "8", "--truncation", "half"})).ok());
}

TEST_F(EvalCommandTest, TheIdenticalIdRuleIsAFlag) {
  EXPECT_EQ(RunForJson({})["metrics"]["nDCG@10"], 0.5);
  EXPECT_EQ(RunForJson({"--keep-identical-ids"})["metrics"]["nDCG@10"], 1.0);
}

TEST_F(EvalCommandTest, WritesTheRunThatItScored) {
  const auto path = folder_.path() / "out.run";
  RunForJson({"--run", path.string()});
  ASSERT_OK_AND_ASSIGN(const eval::Run run, eval::ReadRun(path));
  ASSERT_EQ(run.rankings.size(), 2u);
  EXPECT_EQ(run.rankings[0].query_id, "q1");
  EXPECT_EQ(run.rankings[0].documents.size(), 3u);
  EXPECT_EQ(run.rankings[0].documents[0].id, "wing");
  EXPECT_NEAR(run.rankings[0].documents[0].score, 1, 1e-6);
  EXPECT_EQ(run.rankings[1].query_id, "fish");
  EXPECT_EQ(run.rankings[1].documents.size(), 2u);
}

TEST_F(EvalCommandTest, ANamedCollectionIsKeptAndUsedAgain) {
  const std::string collection = (folder_.path() / "collection").string();
  const Json first = RunForJson({"--collection", collection});
  EXPECT_EQ(first["cut"]["documents_stored_before"], 0);
  const Json second = RunForJson({"--collection", collection});
  EXPECT_EQ(second["cut"]["documents_stored_before"], 3);
  EXPECT_EQ(second["metrics"], first["metrics"]);
}

TEST_F(EvalCommandTest, ACollectionOfOtherDocumentsIsRefused) {
  const std::string collection = (folder_.path() / "collection").string();
  RunForJson({"--collection", collection});
  folder_.Write("tiny/corpus.jsonl", "{\"_id\": \"egg\", \"text\": \"an egg\"}\n");
  EXPECT_THAT(std::string(RunEval(Arguments({"--collection", collection})).status().message()),
              HasSubstr("holds 4 documents"));
}

TEST_F(EvalCommandTest, TheTemporaryCollectionIsRemoved) {
  const auto temporary = folder_.path() / "temporary";
  std::filesystem::create_directory(temporary);
  ::setenv("TMPDIR", temporary.c_str(), 1);
  RunForJson({});
  ::unsetenv("TMPDIR");
  EXPECT_TRUE(std::filesystem::is_empty(temporary));
}

TEST_F(EvalCommandTest, FewerDocumentsThanTheMetricsLookAtAreRefused) {
  EXPECT_EQ(RunEval(Arguments({"-k", "10"})).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(EvalCommandTest, PrintsFiguresAndWhatTheyDependOn) {
  ASSERT_OK_AND_ASSIGN(const std::string printed, RunEval(Arguments()));
  EXPECT_THAT(printed, HasSubstr("nDCG@10      0.5000\n"));
  EXPECT_THAT(printed, HasSubstr("tiny test, 3 documents, 2 queries, fingerprint "));
}

TEST_F(EvalCommandTest, LongTextsAreReadAsTheFlagsSay) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "stone ";
  folder_.Write("tiny/corpus.jsonl",
                "{\"_id\": \"wing\", \"title\": \"\", \"text\": \"" + text + "the wing\"}\n");
  const Json windows = RunForJson({"--split", "own"});
  EXPECT_EQ(windows["long_text"]["strategy"], "windows");
  EXPECT_EQ(windows["long_text"]["documents"]["in_windows"], 1);
  EXPECT_EQ(windows["long_text"]["documents"]["windows"], 2);
  EXPECT_EQ(windows["cut"]["documents"], 0);
  const Json cut = RunForJson({"--split", "own", "--long-text", "truncate"});
  EXPECT_EQ(cut["cut"]["documents"], 1);
  EXPECT_EQ(cut["long_text"]["documents"]["tokens_read"], 48);
  const Json sized = RunForJson({"--split", "own", "--long-text", "mean", "--window-size", "16",
                                 "--window-stride", "16", "--sentence-windows"});
  EXPECT_EQ(sized["long_text"]["strategy"],
            "mean of windows of 16 tokens, every 16, ending with sentences");
  EXPECT_GT(sized["long_text"]["documents"]["windows"], 3);
  for (const auto& [flags, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--long-text", "maxp"}, "\"maxp\" is not known"},
           {{"--window-stride", "4"}, "window stride 4 without a window size"},
           {{"--window-unit", "lines"}, "unit of windows \"lines\""}}) {
    EXPECT_THAT(std::string(RunEval(Arguments(flags)).status().message()), HasSubstr(message));
  }
}

TEST_F(EvalCommandTest, ATaskOfLocoIsEvaluated) {
  folder_.Write("loco/documents.jsonl",
                "{\"pid\":\"p1\",\"passage\":\"the wing of a gannet\",\"dataset\":\"qmsum\"}\n"
                "{\"pid\":\"p2\",\"passage\":\"stones on the shore\",\"dataset\":\"qmsum\"}\n"
                "{\"pid\":\"p1\",\"passage\":\"no\",\"dataset\":\"other\"}\n");
  folder_.Write("loco/queries.jsonl",
                R"({"qid":"q","query":"the wing of a gannet","answer_pids":["p1"],)"
                R"("dataset":"qmsum"})"
                "\n");
  const std::string model = testing::TestData("tiny_bert").string();
  const std::string loco = (folder_.path() / "loco").string();
  ASSERT_OK_AND_ASSIGN(const std::string printed,
                       RunEval({"--dataset", loco, "--model", model, "--task", "qmsum", "--json"}));
  const Json json = Json::parse(printed);
  EXPECT_EQ(json["metrics"]["nDCG@10"], 1.0);
  EXPECT_EQ(json["dataset"]["split"], "qmsum");
  EXPECT_EQ(json["dataset"]["documents"], 2);
  EXPECT_THAT(std::string(RunEval({"--dataset", loco, "--model", model}).status().message()),
              HasSubstr("there are: qmsum"));
}

TEST_F(EvalCommandTest, ATaskOfLocoIsEvaluatedFromParquet) {
  const std::string model = testing::TestData("tiny_bert").string();
  const std::string loco = testing::TestData("parquet/loco").string();
  ASSERT_OK_AND_ASSIGN(const std::string printed, RunEval({"--dataset", loco, "--model", model,
                                                           "--task", "qasper_title", "--json"}));
  const Json json = Json::parse(printed);
  EXPECT_EQ(json["metrics"]["nDCG@10"], 1.0);
  EXPECT_EQ(json["dataset"]["documents"], 1);
}

struct BeirFigures {
  const char* dataset;
  double ndcg_at_10;
  double recall_at_100;
};

class SlowBeirFiguresTest : public ::testing::TestWithParam<BeirFigures> {};

TEST_P(SlowBeirFiguresTest, AllMiniLmReachesThem) {
  GANNET_SHARED_OR_SKIP(dataset, std::string("data/") + GetParam().dataset);
  GANNET_SHARED_OR_SKIP(model, "models/all-MiniLM-L6-v2");
  // As sentence-transformers reads them: cut at 256 tokens.
  ASSERT_OK_AND_ASSIGN(const std::string printed,
                       RunEval({"--dataset", dataset.string(), "--model", model.string(),
                                "--long-text", "truncate", "--json"}));
  const Json json = Json::parse(printed);
  EXPECT_NEAR(json["metrics"]["nDCG@10"].get<double>(), GetParam().ndcg_at_10, 0.001);
  EXPECT_NEAR(json["metrics"]["Recall@100"].get<double>(), GetParam().recall_at_100, 0.001);
  EXPECT_EQ(json["model"]["max_tokens"], 256);
}

INSTANTIATE_TEST_SUITE_P(MiniLm, SlowBeirFiguresTest,
                         ::testing::Values(BeirFigures{"scifact", .6451, .9250},
                                           BeirFigures{"nfcorpus", .3159, .3115}),
                         [](const auto& test) { return test.param.dataset; });

}  // namespace
}  // namespace gannet::cli
