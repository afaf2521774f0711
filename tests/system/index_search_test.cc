// From a corpus file to an answer, through the real binary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/system/process.h"
#include "tests/testing/shared_data.h"

namespace gannet {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::RunGannet;
using testing::TemporaryFolder;

const std::string kModel = testing::TestData("tiny_bert").string();

class IndexSearchTest : public ::testing::Test {
 protected:
  Outcome Index(std::string_view corpus, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"index",
                                          "--collection",
                                          Collection(),
                                          "--model",
                                          kModel,
                                          "--input",
                                          folder_.Write("corpus.jsonl", corpus).string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunGannet(arguments);
  }

  std::string Collection() const { return (folder_.path() / "collection").string(); }

  const TemporaryFolder folder_;
};

constexpr std::string_view kCorpus =
    "{\"_id\":\"a\",\"title\":\"Sea\",\"text\":\"the sea and the stone\",\"depth\":12}\n"
    "{\"_id\":\"b\",\"title\":\"Bird\",\"text\":\"a bird\"}\n"
    "{\"_id\":\"c\",\"title\":\"River\",\"text\":\"the river of text\"}\n";

TEST_F(IndexSearchTest, AnswersWithTheDocumentItself) {
  const Outcome indexed = Index(kCorpus);
  ASSERT_EQ(indexed.exit_code, 0) << indexed.errors;
  EXPECT_THAT(indexed.output, HasSubstr("3 documents read (jsonl)"));
  EXPECT_THAT(indexed.errors, HasSubstr("indexing 100 %")) << "plain lines where no terminal is";

  const Outcome found = RunGannet(
      {"search", "--collection", Collection(), "Sea the sea and the stone", "-k", "2", "--json"});
  ASSERT_EQ(found.exit_code, 0) << found.errors;
  const nlohmann::json answer = nlohmann::json::parse(found.output);
  ASSERT_EQ(answer["hits"].size(), 2u);
  EXPECT_EQ(answer["hits"][0]["id"], "a");
  EXPECT_NEAR(answer["hits"][0]["score"].get<double>(), 1.0, 1e-5);
  EXPECT_EQ(answer["hits"][0]["metadata"]["depth"], 12);
  EXPECT_EQ(answer["query_tokens"]["read"], answer["query_tokens"]["total"]);

  const Outcome table = RunGannet({"search", "--collection", Collection(), "sea"});
  EXPECT_THAT(table.output, HasSubstr("3 hits in "));
}

std::string Repeated(std::string_view word, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += word;
  return text;
}

TEST_F(IndexSearchTest, ALongQueryIsReadInWindowsOrCutAsTheDocumentsAre) {
  const std::string query = Repeated("sea ", 60);
  ASSERT_EQ(Index(kCorpus).exit_code, 0);
  const Outcome found = RunGannet({"search", "--collection", Collection(), query, "--json"});
  const nlohmann::json answer = nlohmann::json::parse(found.output);
  EXPECT_EQ(answer["query_tokens"]["total"], 62);
  EXPECT_EQ(answer["query_tokens"]["read"], 62);
  EXPECT_EQ(answer["query_tokens"]["windows"], 2);

  std::filesystem::remove_all(Collection());
  ASSERT_EQ(Index(kCorpus, {"--long-text", "truncate"}).exit_code, 0);
  const Outcome cut = RunGannet({"search", "--collection", Collection(), query, "--json"});
  EXPECT_EQ(nlohmann::json::parse(cut.output)["query_tokens"]["read"], 48);
}

TEST_F(IndexSearchTest, TheWindowThatAnswersIsFoundAndShown) {
  const std::string corpus = "{\"_id\":\"long\",\"title\":\"Stones\",\"text\":\"" +
                             Repeated("stone ", 50) + "the bird of the river\"}\n";
  const Outcome indexed = Index(corpus + std::string(kCorpus), {"--window-size", "12"});
  ASSERT_EQ(indexed.exit_code, 0) << indexed.errors;
  EXPECT_THAT(indexed.output, HasSubstr("1 documents were read in 6 windows"));
  const Outcome found = RunGannet(
      {"search", "--collection", Collection(), "the bird of the river", "-k", "4", "--json"});
  const nlohmann::json answer = nlohmann::json::parse(found.output);
  for (const auto& hit : answer["hits"]) {
    if (hit["id"] != "long") continue;
    EXPECT_EQ(hit["passage"]["count"], 6);
    EXPECT_EQ(hit["passage"]["index"], 5);
    const std::string text = hit["passage"]["text"];
    EXPECT_TRUE(text.ends_with("the bird of the river")) << text;
    EXPECT_EQ(hit["text"].get<std::string>().substr(hit["passage"]["first_byte"]), text);
  }
  const Outcome other = Index(corpus, {"--long-text", "truncate"});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.errors, HasSubstr("made with long texts as windows of 12 tokens, not as "
                                      "truncated"));
  EXPECT_EQ(Index(corpus).exit_code, 0) << "a job without flags goes by the collection's";
}

TEST_F(IndexSearchTest, ABadLineStopsTheJobAndIsNamed) {
  const Outcome stopped = Index(std::string(kCorpus) + "{\"_id\":\"a\"}\n");
  EXPECT_EQ(stopped.exit_code, 1);
  EXPECT_THAT(stopped.errors, AllOf(HasSubstr("corpus.jsonl:4: id \"a\" was there before"),
                                    HasSubstr("the collection holds 3 documents")));
  const Outcome skipped = Index(std::string(kCorpus) + "oops\n", {"--skip-bad-lines"});
  EXPECT_EQ(skipped.exit_code, 0);
  EXPECT_THAT(skipped.output,
              AllOf(HasSubstr("1 bad records were skipped"), HasSubstr("corpus.jsonl:4"),
                    HasSubstr("went on behind 3 records")));
}

TEST_F(IndexSearchTest, ErrorsNameWhatIsWrong) {
  const Outcome no_collection = RunGannet({"search", "--collection", Collection(), "sea"});
  EXPECT_EQ(no_collection.exit_code, 1);
  EXPECT_THAT(no_collection.errors, HasSubstr(Collection() + ": no collection here"));

  ASSERT_EQ(Index(kCorpus).exit_code, 0);
  const Outcome empty_query = RunGannet({"search", "--collection", Collection(), "  "});
  EXPECT_EQ(empty_query.exit_code, 1);
  EXPECT_THAT(empty_query.errors, HasSubstr("the query is empty"));

  const Outcome no_model = RunGannet({"index", "--collection", Collection(), "--model",
                                      "/nonexistent/m", "--input", "/nonexistent/c"});
  EXPECT_EQ(no_model.exit_code, 1);
  EXPECT_THAT(no_model.errors, HasSubstr("/nonexistent/m"));

  const Outcome no_input = RunGannet(
      {"index", "--collection", Collection(), "--model", kModel, "--input", "/nonexistent/c"});
  EXPECT_EQ(no_input.exit_code, 1);
  EXPECT_THAT(no_input.errors, HasSubstr("/nonexistent/c"));

  EXPECT_EQ(RunGannet({"search", "--collection", Collection()}).exit_code, 2) << "no query: usage";
  EXPECT_EQ(RunGannet({"fly"}).exit_code, 2);
  EXPECT_EQ(RunGannet({"--version"}).exit_code, 0);
}

TEST_F(IndexSearchTest, AFilterLeavesOnlyWhatItHoldsFor) {
  ASSERT_EQ(Index(kCorpus).exit_code, 0);
  const auto ids = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"search", "--collection", Collection(), "sea", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome found = RunGannet(arguments);
    EXPECT_EQ(found.exit_code, 0) << found.errors;
    const nlohmann::json answer = nlohmann::json::parse(found.output);
    std::vector<std::string> sorted;
    for (const auto& hit : answer["hits"]) sorted.push_back(hit["id"]);
    std::ranges::sort(sorted);
    return sorted;
  };
  EXPECT_THAT(ids({"--filter", R"({"field":"depth","gte":12})"}), ElementsAre("a"));
  EXPECT_THAT(ids({"--filter", R"({"not":{"field":"depth","exists":true}})", "--exact"}),
              ElementsAre("b", "c"));
  EXPECT_THAT(ids({"--exact"}), ElementsAre("a", "b", "c"));
  const Outcome wrong = RunGannet({"search", "--collection", Collection(), "sea", "--filter",
                                   R"({"and":[{"field":"depth","above":1}]})"});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.errors, HasSubstr("filter.and[0].above: unknown, expected one of equals"));
}

TEST_F(IndexSearchTest, AnotherModelIsRefusedNamingBothFingerprints) {
  ASSERT_EQ(Index(kCorpus).exit_code, 0);
  const auto other = folder_.path() / "other";
  std::filesystem::copy(kModel, other, std::filesystem::copy_options::recursive);
  folder_.Write("other/sentence_bert_config.json", R"({"max_seq_length":16})");
  const Outcome refused =
      RunGannet({"index", "--collection", Collection(), "--model", other.string(), "--input",
                 (folder_.path() / "corpus.jsonl").string()});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("made with model tiny_bert (fingerprint "),
                                    HasSubstr("not with other (fingerprint ")));
}

}  // namespace
}  // namespace gannet
