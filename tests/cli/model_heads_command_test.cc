#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/status.h"
#include "cli/commands.h"
#include "tests/testing/shared_data.h"

namespace gannet::cli {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

// Runs `gannet model heads` with these arguments; what it prints is its value.
absl::StatusOr<std::string> RunHeads(std::vector<std::string> arguments) {
  CLI::App app;
  Action action;
  AddModelCommand(app, action);
  arguments.insert(arguments.begin(), {"model", "heads"});
  std::ranges::reverse(arguments);  // CLI11 takes them from the back.
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

std::string Refusal(const std::string& queries) {
  const TemporaryFolder folder;
  const auto file = folder.Write("queries.jsonl", queries);
  return std::string(
      base::Message(RunHeads({folder.path().string(), "--queries", file.string()}).status()));
}

TEST(ModelHeadsCommandTest, BadLabelsAreRefusedByFileAndLine) {
  EXPECT_THAT(Refusal("{"), HasSubstr("queries.jsonl: line 1"));
  EXPECT_THAT(Refusal("\n{\"query\": 7, \"passages\": [], \"relevant\": []}"), HasSubstr("line 2"));
  EXPECT_THAT(Refusal(R"({"query": "q", "passages": ["a"]})"), HasSubstr("relevant"));
  EXPECT_THAT(Refusal(R"({"query": "q", "passages": [3], "relevant": [0]})"), HasSubstr("line 1"));
  EXPECT_THAT(Refusal(R"({"query": "q", "passages": ["a"], "relevant": [-1]})"), HasSubstr("-1"));
}

TEST(ModelHeadsCommandTest, BadFlagsAreRefusedByName) {
  const TemporaryFolder folder;
  const auto file = folder.Write("queries.jsonl", "");
  const std::vector<std::string> base = {testing::TestData("tiny_bert").string(), "--queries",
                                         file.string()};
  const auto refusal = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return std::string(base::Message(RunHeads(more).status()));
  };
  EXPECT_THAT(refusal({"--measure", "best"}), HasSubstr("measure: \"best\""));
  EXPECT_THAT(refusal({"--markup", "best"}), HasSubstr("markup: \"best\""));
  EXPECT_THAT(refusal({}), HasSubstr("not a causal decoder"));
}

TEST(ModelHeadsCommandTest, PrintsTheBestHeadsAndTheirSet) {
  GANNET_SHARED_OR_SKIP(model, "models/stories260K");
  const TemporaryFolder folder;
  const auto file = folder.Write(
      "queries.jsonl",
      R"({"query": "the red ball", "passages": ["The dog ran after the red ball.", )"
      R"({"title": "A boat", "text": "The boat sailed on the sea."}], "relevant": [0]})"
      "\n"
      R"({"query": "the boat", "passages": ["The dog ran after the red ball.", )"
      R"("The boat sailed on the sea."], "relevant": [1]})");
  for (const char* measure : {"ndcg", "mass", "contrast"}) {
    ASSERT_OK_AND_ASSIGN(const std::string printed,
                         RunHeads({model.string(), "--queries", file.string(), "--measure", measure,
                                   "--top", "3", "--threads", "1"}));
    EXPECT_EQ(std::ranges::count(printed, '\n'), 4) << printed;
    EXPECT_THAT(printed, ::testing::MatchesRegex(
                             "([0-4]-[0-7]\t[-.0-9]+\n)+[0-4]-[0-7],[0-4]-[0-7],[0-4]-[0-7]\n"));
  }
}

}  // namespace
}  // namespace gannet::cli
