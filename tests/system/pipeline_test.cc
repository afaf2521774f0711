// Pipelines through the real binary: on the command line, in an evaluation, and over a socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/encoder/score/tiny_classifier.h"
#include "tests/ranker/rerank/tiny_reranker.h"
#include "tests/system/process.h"
#include "tests/testing/shared_data.h"

namespace gannet {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::RunGannet;

class PipelineSystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string corpus;
    const std::vector<std::string> texts = {"the cat sat",         "the dog ran",
                                            "the bird flew",       "a stone in the river",
                                            "the cat and the dog", "sea of text"};
    for (size_t i = 0; i < texts.size(); ++i) {
      corpus += json({{"_id", "d" + std::to_string(i)},
                      {"title", "bird"},
                      {"text", texts[i]},
                      {"half", i / 3}})
                    .dump() +
                "\n";
    }
    folder_.Write("data/corpus.jsonl", corpus);
    folder_.Write(
        "data/queries.jsonl",
        "{\"_id\": \"q1\", \"text\": \"the cat\"}\n{\"_id\": \"d2\", \"text\": \"bird\"}\n");
    folder_.Write("data/qrels/test.tsv", "h\nq1\td0\t1\nq1\td4\t1\nd2\td1\t1\n");
    const Outcome indexed = RunGannet({"index", "--collection", Collection(), "--model", kEmbedder,
                                       "--input", (folder_.path() / "data/corpus.jsonl").string()});
    ASSERT_EQ(indexed.exit_code, 0) << indexed.errors;
  }

  std::string Collection() const { return (folder_.path() / "collection").string(); }

  std::string WritePipeline(const std::string& name, const json& stages) const {
    return folder_.Write(name, json({{"stages", stages}}).dump()).string();
  }

  json CrossEncoder() const {
    return {{"type", "cross-encoder"},
            {"model", classifier_.path().string()},
            {"depth", 5},
            {"windows", {{"words", 2}, {"stride", 1}}}};
  }
  json Icr() const { return {{"type", "icr"}, {"model", decoder_.path().string()}, {"depth", 3}}; }
  // Dense retrieval, a cross-encoder over windows, attention in context.
  std::string Full() const {
    return WritePipeline("full.json", {{{"type", "dense"}, {"depth", 100}}, CrossEncoder(), Icr()});
  }

  json Search(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"search", "--collection", Collection(), "the cat",
                                          "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = RunGannet(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    return json::parse(outcome.output, nullptr, false);
  }

  static inline const std::string kEmbedder = testing::kTinyBert.string();

  const testing::TemporaryFolder folder_;
  // A re-ranker of two labels, and a decoder.
  const testing::ChangedTinyBert classifier_{
      {"config.json", testing::TinyBertConfig(R"("num_labels": 2,
          "id2label": {"0": "irrelevant", "1": "relevant"})")},
      {"model.safetensors", testing::TinyBertTensors(2)}};
  const ranker::TinyReranker decoder_;
};

TEST_F(PipelineSystemTest, SearchRanksByStagesAndExplains) {
  const json answer = Search({"--pipeline", Full(), "--explain", "-k", "4"});
  const json& hits = answer["hits"];
  ASSERT_EQ(hits.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    const json& scores = hits[i]["stage_scores"];
    EXPECT_TRUE(scores.contains("dense"));
    EXPECT_TRUE(scores.contains("cross-encoder"));
    EXPECT_EQ(scores.contains("icr"), i < 3);
    EXPECT_EQ(hits[i]["score"], scores[i < 3 ? "icr" : "cross-encoder"]);
    const json& window = hits[i]["explanations"][0]["window"];
    EXPECT_THAT(hits[i]["text"].get<std::string>(), HasSubstr(window["text"].get<std::string>()));
    if (i == 3) continue;
    double sum = 0;
    for (const json& token : hits[i]["explanations"][1]["tokens"]) {
      if (token["counted"]) sum += token["mass"].get<double>();
      if (token["part"] == "title") {
        EXPECT_EQ(token["text"], "bird");
      }
    }
    EXPECT_NEAR(sum, hits[i]["score"].get<double>(), 1e-6);
  }
  ASSERT_EQ(answer["stages"].size(), 3u);
  EXPECT_EQ(answer["stages"][0]["candidates_out"], 6);
  EXPECT_EQ(answer["stages"][1]["candidates_in"], 5);
  EXPECT_EQ(answer["stages"][2]["skipped"], false);

  const Outcome table = RunGannet(
      {"search", "--collection", Collection(), "the cat", "--pipeline", Full(), "--explain"});
  EXPECT_THAT(table.output, AllOf(HasSubstr("cross-encoder: window "), HasSubstr("icr: "),
                                  HasSubstr("icr: 3 candidates in ")));
}

TEST_F(PipelineSystemTest, GroupsAndLeastScoresDropHits) {
  const std::string grouped =
      WritePipeline("grouped.json", {{{"type", "dense"}, {"group_by", "half"}}});
  const json answer = Search({"--pipeline", grouped});
  EXPECT_EQ(answer["hits"].size(), 2u);
  EXPECT_EQ(answer["stages"][0]["grouped"], 4);
  json high = CrossEncoder();
  high["min_score"] = 1e6;
  const json none =
      Search({"--pipeline", WritePipeline("high.json", {{{"type", "dense"}, {"depth", 5}}, high})});
  EXPECT_TRUE(none["hits"].empty());
  EXPECT_EQ(none["stages"][1]["below_min_score"], 5);
}

TEST_F(PipelineSystemTest, RerankByAPipelineGivesWhatTheFlagsGive) {
  const std::string input =
      folder_
          .Write("requests.jsonl",
                 R"({"id":"q","query":"the cat","passages":["the cat sat","the dog ran","",)"
                 R"({"id":"d","text":"a river of text"}]})")
          .string();
  const Outcome flags =
      RunGannet({"rerank", "--input", input, "--model", classifier_.path().string(), "--depth", "5",
                 "--windows", "max", "--window-words", "2", "--window-stride", "1"});
  ASSERT_EQ(flags.exit_code, 0) << flags.errors;
  const Outcome pipeline = RunGannet({"rerank", "--input", input, "--pipeline",
                                      WritePipeline("mono.json", json::array({CrossEncoder()}))});
  ASSERT_EQ(pipeline.exit_code, 0) << pipeline.errors;
  EXPECT_EQ(json::parse(pipeline.output)["hits"], json::parse(flags.output)["hits"]);
  EXPECT_EQ(json::parse(pipeline.output)["stages"][0]["candidates_in"], 4);

  const Outcome both =
      RunGannet({"rerank", "--input", input, "--pipeline", Full(), "--model", "m"});
  EXPECT_EQ(both.exit_code, 2);
  const Outcome full = RunGannet({"rerank", "--input", input, "--pipeline", Full(), "--explain"});
  ASSERT_EQ(full.exit_code, 0) << full.errors;
  EXPECT_EQ(json::parse(full.output)["hits"][0]["explanations"].size(), 2u);
  EXPECT_EQ(json::parse(full.output)["stages"][0]["skipped"], true);
}

TEST_F(PipelineSystemTest, EvaluatesAPipeline) {
  const std::vector<std::string> arguments = {
      "eval", "--dataset", (folder_.path() / "data").string(), "--model", kEmbedder, "--json"};
  const Outcome plain = RunGannet(arguments);
  ASSERT_EQ(plain.exit_code, 0) << plain.errors;
  std::vector<std::string> through = arguments;
  through.insert(through.end(), {"--pipeline", Full()});
  const Outcome ranked = RunGannet(through);
  ASSERT_EQ(ranked.exit_code, 0) << ranked.errors;
  const json before = json::parse(plain.output), after = json::parse(ranked.output);
  EXPECT_EQ(after["metrics"]["Recall@100"], before["metrics"]["Recall@100"]);
  EXPECT_FALSE(before.contains("stages"));
  ASSERT_EQ(after["stages"].size(), 3u);
  EXPECT_EQ(after["stages"][1]["queries"]["ran"], 2);
  EXPECT_EQ(after["stages"][1]["model"]["fingerprint"].get<std::string>().size(), 32u);

  through.back() = WritePipeline("short.json", {{{"type", "dense"}, {"depth", 50}}});
  const Outcome refused = RunGannet(through);
  EXPECT_THAT(refused.errors, HasSubstr("pipeline.stages[0].depth: 50, but 100 documents"));
}

TEST_F(PipelineSystemTest, AServerRanksByNameAndByTheRequestsOwnPipeline) {
  testing::Process server({"serve", "--collection", "tiny=" + Collection(), "--pipeline",
                           "full=" + Full(), "--listen", "127.0.0.1:0"});
  const std::string ready = server.ReadLine();
  const std::string prefix = "listening on ";
  ASSERT_EQ(ready.substr(0, prefix.size()), prefix) << server.ErrorOutput();
  const std::string address =
      ready.substr(prefix.size(), ready.find(": ", prefix.size()) - prefix.size());
  const auto ask = [&](const std::string& pipeline, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"search",     "--server", address,  "--collection",
                                          "tiny",       "the cat",  "--json", "--explain",
                                          "--pipeline", pipeline};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunGannet(arguments);
  };
  const json local = Search({"--pipeline", Full(), "--explain"});
  const Outcome named = ask("full");
  ASSERT_EQ(named.exit_code, 0) << named.errors;
  EXPECT_EQ(json::parse(named.output)["hits"], local["hits"]);
  const Outcome own = ask(WritePipeline("own.json", {{{"type", "dense"}}, CrossEncoder(), Icr()}),
                          {"--time-budget-ms", "60000"});
  ASSERT_EQ(own.exit_code, 0) << own.errors;
  EXPECT_EQ(json::parse(own.output)["hits"], local["hits"]);

  const Outcome stranger = ask(WritePipeline(
      "stranger.json", {{{"type", "dense"}}, {{"type", "cross-encoder"}, {"model", kEmbedder}}}));
  EXPECT_EQ(stranger.exit_code, 1);
  EXPECT_THAT(stranger.errors, HasSubstr("is not open for cross-encoder"));
  EXPECT_THAT(ask("none").errors, HasSubstr("no pipeline \"none\"; there are: full"));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

TEST_F(PipelineSystemTest, ABadPipelineIsRefusedWithFileAndPlace) {
  const std::string bad = WritePipeline("bad.json", {{{"type", "dense"}, {"depht", 5}}});
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"search", "--collection", Collection(), "cat", "--pipeline", bad},
        {"rerank", "--input", "x", "--pipeline", bad},
        {"serve", "--collection", "tiny=" + Collection(), "--pipeline", "p=" + bad},
        {"eval", "--dataset", (folder_.path() / "data").string(), "--model", kEmbedder,
         "--pipeline", bad}}) {
    const Outcome outcome = RunGannet(command);
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.errors, HasSubstr("bad.json: pipeline.stages[0].depht: unknown"));
  }
}

}  // namespace
}  // namespace gannet
