#include <fmt/format.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "cli/commands.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/checkpoint/tensor.h"
#include "eval/run_file.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::cli {
namespace {

using testing::TemporaryFolder;
using Json = nlohmann::json;

constexpr size_t kFunctions = 24;
constexpr size_t kVocabulary = 50'265;  // Of RoBERTa's tokenizer.

// A SEA model of RoBERTa's golden layers, and as many random token vectors as RoBERTa's tokenizer
// has entries.
void WriteSea(const std::filesystem::path& golden, const TemporaryFolder& folder) {
  const auto weights =
      encoder::SafetensorsFile::Open(golden / "families/roberta/model.safetensors").value();
  testing::FloatTensors tensors;
  for (const auto& [name, tensor] : weights.tensors()) {
    tensors["encoder." + name] = {tensor.shape, encoder::ToFloats(tensor)};
  }
  std::ifstream config_file(golden / "families/roberta/config.json");
  Json config = Json::parse(config_file);
  config["vocab_size"] = kVocabulary;
  const size_t d = config["hidden_size"];
  tensors["encoder.embeddings.word_embeddings.weight"] =
      testing::RandomTensor({kVocabulary, d}, 1, 0.5F);
  tensors["fusion_layer.embedding_common.0.weight"] = testing::RandomTensor({1, d}, 2);
  tensors["fusion_layer.embedding_common.0.bias"] = testing::RandomTensor({1}, 3);
  folder.Write("sea/config.json", config.dump());
  folder.Write("sea/model.safetensors", testing::SafetensorsContent(tensors));
  folder.Write("sea/tokenizer.json",
               base::ReadFile(golden / "tokenizers/roberta/tokenizer.json").value());
  folder.Write("sea/gannet.json", R"({"model": "sea", "language": "java", "window": 24, "step": 12,
                                      "without_grammar": "token"})");
}

// The first lines of a file of the data set that are of `language`.
std::string FirstOf(const std::filesystem::path& file, std::string_view language) {
  std::ifstream stream(file);
  std::string kept;
  size_t lines = 0;
  for (std::string line; lines < kFunctions && std::getline(stream, line);) {
    const std::string id = Json::parse(line)["_id"];
    if (id.find(fmt::format("{}-maxmin-", language)) == std::string::npos) continue;
    kept += line + "\n";
    ++lines;
  }
  return kept;
}

std::string FirstLines(const std::filesystem::path& file, size_t count) {
  std::ifstream stream(file);
  std::string kept;
  for (std::string line; count > 0 && std::getline(stream, line); --count) kept += line + "\n";
  return kept;
}

// With random weights the figures mean nothing, but every document is split, encoded and found.
TEST(EvalCode, ASeaModelAnswersCodeSearch) {
  GANNET_SHARED_OR_SKIP(golden, "golden");
  GANNET_SHARED_OR_SKIP(data, "data/csn_maxmin");
  const TemporaryFolder folder;
  ::setenv("GANNET_GRAMMARS", folder.path().c_str(), 1);  // Which has none.
  WriteSea(golden, folder);
  folder.Write("code/corpus.jsonl", FirstOf(data / "corpus.jsonl", "java"));
  folder.Write("code/queries.jsonl", FirstOf(data / "queries.jsonl", "java"));
  folder.Write("code/qrels/test.tsv", FirstLines(data / "qrels/java.tsv", 1 + kFunctions));

  CLI::App app;
  Action action;
  AddEvalCommand(app, action);
  const std::string run = (folder.path() / "run").string();
  std::vector<std::string> arguments = {"eval",
                                        "--dataset",
                                        (folder.path() / "code").string(),
                                        "--model",
                                        (folder.path() / "sea").string(),
                                        "--run",
                                        run,
                                        "--json"};
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back.
  app.parse(arguments);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const absl::Status status = action();
  std::fflush(stdout);
  const Json report = Json::parse(::testing::internal::GetCapturedStdout(), nullptr, false);
  const std::string said = ::testing::internal::GetCapturedStderr();
  ASSERT_OK(status);
  EXPECT_NE(said.find("libtree-sitter-java.so: code is split by token and without syntax"),
            std::string::npos)
      << said;
  EXPECT_EQ(report["dataset"]["documents"], kFunctions);
  EXPECT_EQ(report["model"]["similarity"], "dot");
  EXPECT_EQ(report["model"]["max_tokens"], 80);
  EXPECT_EQ(report["cut"]["documents"], 0) << report;  // Windows have what the whole has not.
  EXPECT_EQ(report["metrics"]["Recall@100"], 1.0);
  ASSERT_OK_AND_ASSIGN(const eval::Run ranked, eval::ReadRun(run));
  EXPECT_EQ(ranked.rankings.size(), kFunctions);
}

}  // namespace
}  // namespace gannet::cli
