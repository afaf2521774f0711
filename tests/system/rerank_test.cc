// Re-ranking through the real binary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "tests/system/process.h"
#include "tests/testing/shared_data.h"

namespace gannet {
namespace {

using ::testing::HasSubstr;
using testing::Outcome;
using testing::RunGannet;
using testing::TemporaryFolder;

// Its checkpoint has a classifier of one label.
const std::string kModel = testing::TestData("tiny_bert").string();

std::vector<nlohmann::json> Lines(const std::string& text) {
  std::vector<nlohmann::json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

// The documents of each query of a run, in its order.
std::map<std::string, std::vector<std::string>> ReadIds(const std::filesystem::path& path) {
  std::map<std::string, std::vector<std::string>> ids;
  std::ifstream file(path);
  for (std::string query, q0, document, rank, score, tag;
       file >> query >> q0 >> document >> rank >> score >> tag;) {
    ids[query].push_back(document);
  }
  return ids;
}

TEST(RerankTest, AnswersQueriesWithPassagesInTheOrderOfTheirScores) {
  const TemporaryFolder folder;
  const auto input = folder.Write(
      "requests.jsonl",
      R"({"id":"q","query":"the sea","passages":["stone","","the blue sea",{"id":"d","text":"stone"}]})"
      "\n"
      R"({"query":"river","passages":[]})"
      "\n");
  const Outcome outcome = RunGannet({"rerank", "--model", kModel, "--input", input.string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const auto lines = Lines(outcome.output);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["id"], "q");
  const auto& hits = lines[0]["hits"];
  ASSERT_EQ(hits.size(), 4u);
  std::map<std::string, nlohmann::json> by_id;
  for (size_t i = 0; i < hits.size(); ++i) {
    EXPECT_EQ(hits[i]["rank"], i + 1);
    EXPECT_EQ(hits[i]["score"], hits[i]["stage_scores"]["cross-encoder"]);
    EXPECT_TRUE(hits[i]["stage_scores"].contains("cross-encoder.activation"));
    if (i > 0) {
      EXPECT_LE(hits[i]["score"], hits[i - 1]["score"]);
    }
    by_id[hits[i]["id"]] = hits[i];
  }
  EXPECT_EQ(by_id["0"]["score"], by_id["d"]["score"]);  // The same text,
  EXPECT_LT(by_id["0"]["rank"], by_id["d"]["rank"]);    // in the order of the input.
  EXPECT_TRUE(lines[1]["hits"].empty());

  const Outcome threads =
      RunGannet({"rerank", "--model", kModel, "--input", input.string(), "--threads", "1"});
  EXPECT_EQ(threads.output, outcome.output);
}

TEST(RerankTest, ALongPassageIsReadInWindowsAndTheBestOneIsNamed) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += i == 17 ? "river " : "stone ";
  const TemporaryFolder folder;
  const nlohmann::json request = {{"id", "q"}, {"query", "river"}, {"passages", {text, "sea"}}};
  const auto input = folder.Write("requests.jsonl", request.dump());
  const Outcome outcome =
      RunGannet({"rerank", "--model", kModel, "--input", input.string(), "--windows", "max",
                 "--window-words", "6", "--window-stride", "3"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  for (const auto& hit : Lines(outcome.output)[0]["hits"]) {
    const std::string passage = hit["id"] == "0" ? text : "sea";
    const auto& window = hit["window"];
    EXPECT_LE(window["first_byte"].get<size_t>() + window["bytes"].get<size_t>(), passage.size());
    EXPECT_EQ(window["count"], hit["id"] == "0" ? 11 : 1);
  }
}

TEST(RerankTest, ReRankingARunLeavesItsDocumentsAndRecallAsTheyAre) {
  const TemporaryFolder folder;
  std::string corpus, run, qrels = "query-id\tcorpus-id\tscore\n", queries;
  for (int d = 0; d < 40; ++d) {
    corpus += "{\"_id\":\"d" + std::to_string(d) + "\",\"title\":\"sea\",\"text\":\"a river of " +
              std::string(static_cast<size_t>(d % 7), 'x') + " stone\"}\n";
  }
  for (int q = 0; q < 5; ++q) {
    const std::string id = "q" + std::to_string(q);
    queries += "{\"_id\":\"" + id + "\",\"text\":\"river " + std::to_string(q) + "\"}\n";
    qrels += id + "\td" + std::to_string(3 * q) + "\t1\n" + id + "\td39\t1\n";
    for (int d = 0; d < 30; ++d) {
      run += id + " Q0 d" + std::to_string((d * 7 + q) % 40) + " " + std::to_string(d + 1) + " " +
             std::to_string(30 - d) + " bm25\n";
    }
  }
  folder.Write("data/corpus.jsonl", corpus);
  folder.Write("data/queries.jsonl", queries);
  folder.Write("data/qrels/test.tsv", qrels);
  const auto given = folder.Write("given.run", run);
  const auto output = folder.path() / "out.run";
  const std::vector<std::string> command = {"rerank",
                                            "--model",
                                            kModel,
                                            "--run",
                                            given.string(),
                                            "--dataset",
                                            (folder.path() / "data").string(),
                                            "--output",
                                            output.string()};
  const Outcome outcome = RunGannet(command);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;

  const auto before = ReadIds(given), after = ReadIds(output);
  ASSERT_EQ(after.size(), before.size());
  bool moved = false;
  for (const auto& [query, ids] : before) {
    const auto& reranked = after.at(query);
    EXPECT_EQ(std::set(ids.begin(), ids.end()), std::set(reranked.begin(), reranked.end()));
    moved = moved || ids != reranked;
  }
  EXPECT_TRUE(moved);
  std::istringstream table(outcome.output);
  std::map<std::string, std::pair<std::string, std::string>> figures;
  std::string name, first, second;
  std::getline(table, name);
  while (table >> name >> first >> second) figures[name] = {first, second};
  ASSERT_TRUE(figures.contains("Recall@100")) << outcome.output;
  EXPECT_EQ(figures["Recall@100"].first, figures["Recall@100"].second);
  EXPECT_GT(std::stod(figures["Recall@100"].first), 0);
}

TEST(RerankTest, WhatCannotBeDoneIsRefusedWithTheReason) {
  const auto errors = [](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"rerank", "--model", kModel};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = RunGannet(arguments);
    EXPECT_NE(outcome.exit_code, 0);
    return outcome.errors;
  };
  EXPECT_THAT(errors({}), HasSubstr("either --input or --run"));
  EXPECT_THAT(errors({"--run", "x"}), HasSubstr("--dataset"));
  EXPECT_THAT(errors({"--input", "/no/such/file"}), HasSubstr("/no/such/file"));
  EXPECT_THAT(errors({"--input", "x", "--duo", kModel}), HasSubstr("1 labels, expected 2"));
  EXPECT_THAT(errors({"--input", "x", "--instruction", "judge"}), HasSubstr("no instruction"));
}

// Terms that are stored give the order that terms of the texts themselves give.
TEST(RerankTest, PassagesOfACollectionAreJoinedAndNotReadAgain) {
  const TemporaryFolder folder;
  const std::string corpus =
      folder
          .Write("corpus.jsonl", R"({"_id":"d0","text":"a stone"})"
                                 "\n"
                                 R"({"_id":"d1","title":"the","text":"blue sea"})"
                                 "\n")
          .string();
  const std::string collection = (folder.path() / "c").string();
  const Outcome indexed = RunGannet({"index", "--collection", collection, "--model", kModel,
                                     "--input", corpus, "--terms", kModel, "--terms-layer", "2",
                                     "--terms-query-length", "5", "--terms-format", "fp32"});
  ASSERT_EQ(indexed.exit_code, 0) << indexed.errors;
  EXPECT_THAT(indexed.output, HasSubstr("10 terms of 2 documents"));
  const auto input = folder.Write(
      "requests.jsonl",
      R"({"query":"the sea","passages":[{"id":"d0","text":"-"},{"id":"d1","text":"-"},)"
      R"({"id":"x","title":"the","text":"blue sea"}]})"
      "\n");
  const Outcome outcome =
      RunGannet({"rerank", "--terms-collection", collection, "--input", input.string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const auto hits = Lines(outcome.output).at(0)["hits"];
  ASSERT_EQ(hits.size(), 3u);
  std::map<std::string, nlohmann::json> scores;
  for (const auto& hit : hits) scores[hit["id"]] = hit["stage_scores"];
  EXPECT_EQ(scores["d1"]["terms"], scores["x"]["terms"]);
  EXPECT_NE(scores["d0"]["terms"], scores["d1"]["terms"]);
  EXPECT_FALSE(scores["d1"].contains("terms.computed"));
  EXPECT_EQ(scores["x"]["terms.computed"], 1);

  // The same as a stage of a pipeline, alone and behind retrieval.
  const std::string stage = R"({"type":"terms","collection":")" + collection + "\"}";
  const auto alone = folder.Write("alone.json", R"({"stages":[)" + stage + "]}");
  const Outcome piped =
      RunGannet({"rerank", "--pipeline", alone.string(), "--input", input.string()});
  ASSERT_EQ(piped.exit_code, 0) << piped.errors;
  EXPECT_EQ(Lines(piped.output).at(0)["hits"], hits);
  const auto behind = folder.Write("behind.json", R"({"stages":[{"type":"dense"},)" + stage + "]}");
  const Outcome searched = RunGannet(
      {"search", "--collection", collection, "--pipeline", behind.string(), "--json", "the sea"});
  ASSERT_EQ(searched.exit_code, 0) << searched.errors;
  for (const auto& hit : nlohmann::json::parse(searched.output)["hits"]) {
    EXPECT_EQ(hit["stage_scores"]["terms"], scores[hit["id"]]["terms"]);
  }

  const auto errors = [](const std::vector<std::string>& arguments) {
    const Outcome failed = RunGannet(arguments);
    EXPECT_NE(failed.exit_code, 0);
    return failed.errors;
  };
  EXPECT_THAT(errors({"rerank", "--input", input.string()}),
              HasSubstr("expected --model, or --terms-collection"));
  EXPECT_THAT(errors({"index", "--collection", collection, "--model", kModel, "--input", corpus}),
              HasSubstr("keeps terms of model tiny_bert"));
  EXPECT_THAT(errors({"collection", "add-terms", collection, "--layer", "1"}),
              HasSubstr("the collection's terms have layer 2, not 1"));
  EXPECT_THAT(errors({"collection", "add-terms", collection, "--format", "compressed"}),
              HasSubstr("the collection's terms have format fp32, not fp16"));
}

// BM25 over the real SciFact, cut at 100, on its first queries.
TEST(RerankTest, TheRecallOfScifactStays) {
  GANNET_SHARED_OR_SKIP(run, "golden/lexical/scifact.bm25.run.xz");
  GANNET_SHARED_OR_SKIP(dataset, "data/scifact");
  const TemporaryFolder folder;
  const auto output = folder.path() / "out.run";
  const Outcome outcome = RunGannet({"rerank", "--model", kModel, "--run", run.string(),
                                     "--dataset", dataset.string(), "--output", output.string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("Recall@100    0.9253    0.9253"));
  size_t lines = 0;
  for (const auto& [query, ids] : ReadIds(output)) lines += ids.size();
  EXPECT_EQ(lines, 29'966u);  // Some queries have fewer than 100.
}

}  // namespace
}  // namespace gannet
