#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "encoder/embed/embedder.h"
#include "tests/encoder/score/tiny_classifier.h"
#include "tests/testing/hierarchical_folder.h"
#include "tests/testing/m2bert_tensors.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::cli {
namespace {

using ::testing::HasSubstr;
using testing::HierarchicalFolder;
using testing::TemporaryFolder;
using Json = nlohmann::json;

const std::string kTinyBert = testing::kTinyBert.string();

struct Outcome {
  absl::Status status;
  std::string printed;
};

// Runs `gannet model ARGUMENTS`.
Outcome RunModel(std::vector<std::string> arguments) {
  CLI::App app;
  Action action;
  AddModelCommand(app, action);
  arguments.insert(arguments.begin(), "model");
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back.
  app.parse(arguments);
  ::testing::internal::CaptureStdout();
  const absl::Status status = action();
  std::fflush(stdout);
  return {status, ::testing::internal::GetCapturedStdout()};
}

// A copy of tests/data/tiny_bert without some of its files.
void CopyTinyBertWithout(const std::vector<std::string>& files, const TemporaryFolder& folder) {
  std::filesystem::copy(
      kTinyBert, folder.path(),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  for (const std::string& file : files) std::filesystem::remove_all(folder.path() / file);
}

Json Inspected(const std::filesystem::path& folder) {
  const Outcome outcome = RunModel({"inspect", folder.string(), "--precision", "fp32", "--json"});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  return Json::parse(outcome.printed, nullptr, false);
}

std::vector<std::string> AssumedAbout(const Json& inspected) {
  std::vector<std::string> about;
  for (const Json& assumption : inspected["assumptions"]) about.push_back(assumption["about"]);
  return about;
}

TEST(ModelInspectCommand, SaysWhatAModelIs) {
  const Json model = Inspected(kTinyBert);
  EXPECT_EQ(model["kind"], "embedder");
  EXPECT_EQ(model["family"], "bert");
  EXPECT_EQ(model["layers"], 3);
  EXPECT_EQ(model["hidden_size"], 32);
  EXPECT_EQ(model["positions"], 64);
  EXPECT_EQ(model["tokenizer"], "WordPiece");
  EXPECT_EQ(model["vocabulary"], 99);
  EXPECT_EQ(model["outputs"], 32);
  EXPECT_EQ(model["max_tokens"], 48);
  EXPECT_EQ(model["similarity"], "cosine");
  EXPECT_EQ(model["precision"], "fp32");
  EXPECT_THAT(model["compute_path"].get<std::string>(), HasSubstr("linear layers"));
  EXPECT_EQ(model["uses"]["pooling"], "mean, normalisation");
  EXPECT_EQ(model["weight_bytes"],
            std::filesystem::file_size(std::filesystem::path(kTinyBert) / "model.safetensors"));
  EXPECT_GT(model["parameters"], 10'000);
  EXPECT_EQ(model["fingerprint"].get<std::string>().size(), 32);
  EXPECT_THAT(AssumedAbout(model), ::testing::ElementsAre("prompts", "similarity"));
}

TEST(ModelInspectCommand, SaysWhatWasAssumed) {
  const TemporaryFolder folder;
  CopyTinyBertWithout({"modules.json", "1_Pooling", "sentence_bert_config.json"}, folder);
  const Json model = Inspected(folder.path());
  EXPECT_EQ(model["uses"]["pooling"], "mean");
  EXPECT_THAT(AssumedAbout(model),
              ::testing::ElementsAre("pooling", "longest input", "prompts", "similarity"));
  const Outcome text = RunModel({"inspect", folder.path().string()});
  EXPECT_THAT(text.printed, HasSubstr("mean, not normalised (no modules.json)"));
}

TEST(ModelInspectCommand, DescribesCodeEmbedders) {
  const TemporaryFolder folder;
  CopyTinyBertWithout({"modules.json", "1_Pooling"}, folder);
  folder.Write("gannet.json", R"({"model": "sea", "language": "none", "fusion": "max"})");
  const Json model = Inspected(folder.path());
  EXPECT_EQ(model["uses"]["split"], "line, windows of 32, every 16");
  EXPECT_EQ(model["uses"]["fusion"], "max, unbiased");
  EXPECT_EQ(model["similarity"], "dot");
  EXPECT_THAT(AssumedAbout(model), ::testing::Contains("grammar"));
  EXPECT_THAT(model["compute_path"].get<std::string>(),
              HasSubstr("libtree-sitter-none.so: code is split by line and without syntax"));
}

TEST(ModelInspectCommand, DescribesM2Bert) {
  const testing::M2BertShape shape;
  const TemporaryFolder folder;
  folder.Write("config.json", testing::M2BertConfig(shape));
  folder.Write("model.safetensors", testing::SafetensorsContent(testing::M2BertTensors(shape)));
  folder.Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nsea\n");
  const Json model = Inspected(folder.path());
  EXPECT_EQ(model["family"], "m2_bert");
  EXPECT_EQ(model["layers"], 2);
  EXPECT_EQ(model["heads"], 0);
  EXPECT_EQ(model["positions"], 40);
  EXPECT_EQ(model["max_tokens"], 40);
  EXPECT_EQ(model["uses"]["pooling"], "pooler");
  EXPECT_THAT(AssumedAbout(model), ::testing::IsSupersetOf({"pooling", "prompts", "family"}));
}

// No config.json lies beside a SMITH.
TEST(ModelInspectCommand, DescribesSmith) {
  const auto folder = HierarchicalFolder::Smith("attention");
  const Json model = Inspected(folder.path());
  EXPECT_EQ(model["kind"], "embedder");
  EXPECT_EQ(model["family"], "smith");
  EXPECT_EQ(model["layers"], 2);
  EXPECT_EQ(model["heads"], 2);
  EXPECT_EQ(model["hidden_size"], 16);
  EXPECT_EQ(model["positions"], 16);
  EXPECT_EQ(model["tokenizer"], "WordPiece");
  EXPECT_EQ(model["outputs"], 32);
  EXPECT_EQ(model["similarity"], "dot");
  EXPECT_EQ(model["max_tokens"], 40);
  EXPECT_EQ(model["uses"]["document encoder"], "2 layers, 2 attention heads");
  EXPECT_EQ(model["uses"]["blocks"], "5 of 8 tokens, each of whole sentences");
  EXPECT_EQ(model["uses"]["pooling"],
            "pooler, dense layer, ReLU and norm 1, of blocks and of the document (tower 1), behind "
            "attention of the blocks' vectors");
  EXPECT_GT(model["parameters"], 1'000);
  EXPECT_THAT(AssumedAbout(model), ::testing::ElementsAre("tower", "pad_token_id"));
  EXPECT_THAT(RunModel({"inspect", folder.path().string()}).printed,
              HasSubstr("tower          1 (not in gannet.json)"));
}

TEST(ModelInspectCommand, DescribesHmde) {
  const auto folder = HierarchicalFolder::Hmde();
  const Json model = Inspected(folder.path());
  EXPECT_EQ(model["family"], "hmde");
  EXPECT_EQ(model["uses"]["encoder"], "bert");
  EXPECT_EQ(model["uses"]["blocks"], "5 of 7 tokens, each a sentence");
  EXPECT_EQ(model["uses"]["pooling"], "cls of the tokens of a sentence, mean of the sentences");
  EXPECT_EQ(model["uses"]["queries"], "one block, read by the block encoder alone");
  EXPECT_THAT(AssumedAbout(model), ::testing::IsSupersetOf({"lower_pooling", "upper_pooling"}));
}

TEST(ModelInspectCommand, SaysWhatToWriteWhereGannetJsonIsMissing) {
  const auto error = [](const HierarchicalFolder& folder) {
    std::filesystem::remove(folder.path() / "gannet.json");
    return std::string(base::Message(RunModel({"inspect", folder.path().string()}).status));
  };
  EXPECT_THAT(error(HierarchicalFolder::Smith("normal")),
              HasSubstr("gannet.json: not there, and the weights are those of SMITH "));
  // Its lower model alone would open as a BERT.
  EXPECT_THAT(error(HierarchicalFolder::Hmde()),
              HasSubstr(R"(write {"model": "hmde", "upper_positional": true or false, )"));
}

TEST(ModelInspectCommand, DescribesCrossEncoders) {
  const testing::ChangedTinyBert folder(
      {{"config.json",
        testing::TinyBertConfig(R"("architectures": ["BertForSequenceClassification"])")}});
  std::filesystem::remove(folder.path() / "modules.json");
  const Json model = Inspected(folder.path());
  EXPECT_EQ(model["kind"], "cross-encoder");
  EXPECT_EQ(model["outputs"], 1);
  EXPECT_EQ(model["uses"]["activation"], "sigmoid");
  EXPECT_EQ(model["layers"], 3);
  EXPECT_THAT(AssumedAbout(model), ::testing::ElementsAre("activation"));
}

TEST(ModelInspectCommand, DescribesTablesOfTokenVectors) {
  GANNET_SHARED_OR_SKIP(folder, "models/potion-base-2M");
  const Json model = Inspected(folder);
  EXPECT_EQ(model["kind"], "embedder");
  EXPECT_EQ(model["family"], "");
  EXPECT_EQ(model["uses"]["pooling"], "mean of a table of token vectors, normalisation");
}

TEST(ModelInspectCommand, DescribesDecodersInGgufFiles) {
  GANNET_SHARED_OR_SKIP(file, "models/stories260K/stories260K.gguf");
  const Json model = Inspected(file);
  EXPECT_EQ(model["family"], "llama");
  EXPECT_GT(model["heads"], 0);
  EXPECT_THAT(AssumedAbout(model), ::testing::Contains("pooling"));
}

TEST(ModelInspectCommand, SaysWhatItLookedForInAFolderWithoutModel) {
  const TemporaryFolder folder;
  EXPECT_THAT(std::string(base::Message(RunModel({"inspect", folder.path().string()}).status)),
              HasSubstr("no model there (looked for gannet.json, modules.json"));
}

// Recorded vectors of two texts, each value moved by `error`.
std::string Recorded(const std::vector<std::string>& texts, float error) {
  const auto model = encoder::Embedder::Open(kTinyBert).value();
  base::ThreadPool pool(1);
  std::string lines;
  for (const std::string& text : texts) {
    const std::string_view view = text;
    const auto embedded =
        model->Embed(std::span(&view, 1), encoder::TextRole::kDocument, pool).value();
    std::vector<float> vector = embedded.values;
    vector[0] += error;
    lines += Json{{"text", text}, {"vector", vector}}.dump() + "\n";
  }
  return lines;
}

TEST(ModelCheckCommand, AcceptsTheVectorsThatTheModelMakes) {
  const TemporaryFolder folder;
  const auto golden = folder.Write("golden.jsonl", Recorded({"the sea", "", "a river"}, 0));
  const Outcome outcome = RunModel({"check", kTinyBert, "--golden", golden.string()});
  ASSERT_OK(outcome.status);
  EXPECT_THAT(outcome.printed, HasSubstr("3 texts: largest difference "));
}

TEST(ModelCheckCommand, RefusesOthers) {
  const TemporaryFolder folder;
  const auto golden = folder.Write("golden.jsonl", Recorded({"the sea"}, 0.25F));
  const auto check = [&](const std::string& tolerance) {
    return RunModel({"check", kTinyBert, "--golden", golden.string(), "--tolerance", tolerance});
  };
  const Outcome outcome = check("0.2");
  EXPECT_THAT(std::string(base::Message(outcome.status)),
              HasSubstr("the largest difference is 0.25, expected at most 0.2"));
  EXPECT_THAT(outcome.printed, HasSubstr("text 0: 0.25, cosine 0.9"));
  EXPECT_TRUE(check("0.3").status.ok());
}

TEST(ModelCheckCommand, SaysWhatIsWrongWithARecord) {
  const TemporaryFolder folder;
  const auto error = [&](std::string_view content) {
    const auto golden = folder.Write("golden.jsonl", content);
    return std::string(
        base::Message(RunModel({"check", kTinyBert, "--golden", golden.string()}).status));
  };
  EXPECT_THAT(error(""), HasSubstr("golden.jsonl: no texts in it"));
  EXPECT_THAT(error("{\"text\": \"a\", \"vector\": [1]}\n"),
              HasSubstr("text 0: the recorded vector has 1 values, the model's has 32"));
  EXPECT_THAT(error("\n{\"text\": \"a\"}\n"), HasSubstr("golden.jsonl: line 2: "));
}

TEST(ModelCheckCommand, ComparesMiniLmWithSentenceTransformers) {
  GANNET_SHARED_OR_SKIP(model, "models/all-MiniLM-L6-v2");
  GANNET_SHARED_OR_SKIP(golden, "golden/minilm");
  const Outcome outcome =
      RunModel({"check", model.string(), "--golden", (golden / "sentences.jsonl").string(),
                "--vectors", (golden / "vectors.safetensors").string(), "--tolerance", "2e-6"});
  ASSERT_OK(outcome.status);
  EXPECT_THAT(outcome.printed, HasSubstr("206 texts"));
}

}  // namespace
}  // namespace gannet::cli
