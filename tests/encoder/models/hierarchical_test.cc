#include "encoder/models/hierarchical.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "encoder/checkpoint/gannet_file.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/run/text_blocks.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::encoder {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;
using Json = nlohmann::json;

Json ReadJson(const std::filesystem::path& path) {
  Json parsed;
  std::ifstream(path) >> parsed;
  return parsed;
}

absl::StatusOr<HierarchicalModel> LoadModel(const std::filesystem::path& folder) {
  GANNET_ASSIGN_OR_RETURN(const auto file, GannetFile::Read(folder));
  if (!file) return absl::NotFoundError("no gannet.json");
  return HierarchicalModel::Load(folder, *file, {});
}

void ExpectNear(std::span<const float> got, std::span<const float> want, float tolerance,
                const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], tolerance) << what << " " << i;
  }
}

// gannet.json of the golden SMITH, in the release's names.
Json SmithFile(const std::string& mode, int tower) {
  const Json bert = {{"vocab_size", 60},        {"hidden_size", 16},
                     {"num_hidden_layers", 2},  {"num_attention_heads", 2},
                     {"intermediate_size", 32}, {"hidden_act", "gelu"},
                     {"type_vocab_size", 2},    {"hidden_dropout_prob", 0.1}};
  Json file = {{"model", "smith"},
               {"max_sent_length_by_word", 8},
               {"max_doc_length_by_sentence", 6},
               {"loop_sent_number_per_doc", 5},
               {"doc_rep_combine_mode", mode},
               {"doc_rep_combine_attention_size", 12},
               {"tower", tower},
               {"sent_bert_config", bert},
               {"doc_bert_config", bert}};
  file["sent_bert_config"]["max_position_embeddings"] = 16;
  file["doc_bert_config"]["max_position_embeddings"] = 8;
  return file;
}

// The checkpoint that TensorFlow 2.21 wrote of the golden weights, with a gannet.json.
class SmithFolder {
 public:
  explicit SmithFolder(const Json& file) {
    for (const auto& entry : std::filesystem::directory_iterator(testing::TestData("smith_tf"))) {
      std::filesystem::copy(entry.path(), path() / entry.path().filename());
    }
    folder_.Write("gannet.json", file.dump());
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

// The rows of `tower` in the golden inputs, and the blocks of each without their padding.
struct GoldenDocument {
  PackedBatch blocks;
  size_t read = 0;
};
std::vector<GoldenDocument> GoldenDocuments(const Json& inputs, const std::string& rows) {
  constexpr size_t kTokens = 8, kBlocks = 5;
  std::vector<GoldenDocument> documents;
  for (const size_t row : inputs[rows].get<std::vector<size_t>>()) {
    const auto ids = inputs["input_ids"][row].get<std::vector<TokenId>>();
    const auto mask = inputs["input_mask"][row].get<std::vector<int>>();
    GoldenDocument& document = documents.emplace_back();
    for (size_t s = 0; s < kBlocks; ++s) {
      std::vector<TokenId> block;
      for (size_t i = s * kTokens; i < (s + 1) * kTokens; ++i) {
        if (mask[i] != 0) block.push_back(ids[i]);
      }
      if (!block.empty()) document.blocks.Append(block, std::vector<uint8_t>(block.size()));
    }
    document.read = document.blocks.sequences();
  }
  return documents;
}

struct GoldenTower {
  std::string name;  // In the outputs.
  std::string rows;
  int tower;
};
const std::vector<GoldenTower>& GoldenTowers() {
  static const std::vector<GoldenTower> towers = {{"tower1", "tower1_rows", 1},
                                                  {"tower2", "tower2_rows", 2},
                                                  {"tower2_sharing_dense", "tower2_rows", 1}};
  return towers;
}

// One of the golden outputs, [2, ...], cut to document `i`.
std::vector<float> Golden(const SafetensorsFile& outputs, const std::string& name, size_t i) {
  const std::vector<float> values = ToFloats(outputs.tensors().at(name));
  const auto half = static_cast<ptrdiff_t>(values.size() / 2);
  const auto begin = values.begin() + static_cast<ptrdiff_t>(i) * half;
  return {begin, begin + half};
}

std::vector<float> First(size_t size, std::vector<float> values) {
  values.resize(size);
  return values;
}

TEST(SmithTest, BlockAndDocumentVectorsEqualTheReference) {
  GANNET_SHARED_OR_SKIP(golden, "golden/smith");
  ASSERT_OK_AND_ASSIGN(const auto outputs, SafetensorsFile::Open(golden / "outputs.safetensors"));
  const Json inputs = ReadJson(golden / "inputs.json");
  constexpr size_t d = 16;
  for (const auto& [name, rows, tower] : GoldenTowers()) {
    const SmithFolder folder(SmithFile("normal", tower));
    ASSERT_OK_AND_ASSIGN(const HierarchicalModel model, LoadModel(folder.path()));
    const std::vector<GoldenDocument> documents = GoldenDocuments(inputs, rows);
    for (size_t i = 0; i < documents.size(); ++i) {
      const std::vector<float> blocks = model.EncodeBlocks(documents[i].blocks, nullptr);
      const size_t size = documents[i].read * d;
      ASSERT_EQ(blocks.size(), size);
      ExpectNear(blocks, First(size, Golden(outputs, name + ".sent_reps", i)), 2e-5F,
                 name + ".sent_reps");
      ExpectNear(model.DocumentRows(blocks),
                 First(size, Golden(outputs, name + ".doc_seq_output", i)), 2e-5F,
                 name + ".doc_seq_output");
    }
  }
}

TEST(SmithTest, RepresentationsOfEveryModeEqualTheReference) {
  GANNET_SHARED_OR_SKIP(golden, "golden/smith");
  ASSERT_OK_AND_ASSIGN(const auto outputs, SafetensorsFile::Open(golden / "outputs.safetensors"));
  const Json inputs = ReadJson(golden / "inputs.json");
  for (const std::string mode : {"normal", "sum_concat", "mean_concat", "attention"}) {
    std::map<std::string, std::vector<std::vector<float>>> of_tower;
    for (const auto& [name, rows, tower] : GoldenTowers()) {
      const SmithFolder folder(SmithFile(mode, tower));
      ASSERT_OK_AND_ASSIGN(const HierarchicalModel model, LoadModel(folder.path()));
      EXPECT_EQ(model.dimension(), mode == "normal" ? 16U : 32U);
      const std::vector<GoldenDocument> documents = GoldenDocuments(inputs, rows);
      for (size_t i = 0; i < documents.size(); ++i) {
        const std::vector<float> blocks = model.EncodeBlocks(documents[i].blocks, nullptr);
        const std::span<const float> document = blocks;
        of_tower[name].push_back(model.EncodeDocuments({&document, 1}, nullptr));
        ExpectNear(of_tower[name].back(), Golden(outputs, name + ".rep." + mode, i),
                   mode == "normal" ? 2e-5F : 5e-4F, name + ".rep." + mode);
      }
    }
    for (size_t i = 0; i < 2; ++i) {
      double logit = 0;
      for (size_t c = 0; c < of_tower["tower1"][i].size(); ++c) {
        logit += 6.0 * of_tower["tower1"][i][c] * of_tower["tower2"][i][c];
      }
      const float want = Golden(outputs, "logits." + mode, i).front();
      EXPECT_NEAR(logit, want, mode == "sum_concat" ? 2e-5 * std::abs(want) : 5e-4) << mode;
      EXPECT_NEAR(1 / (1 + std::exp(-logit)), Golden(outputs, "score." + mode, i).front(), 5e-4);
    }
  }
}

// Blocks of padding alone, which the reference encodes as all others, are the missing ones of a
// document without blocks.
TEST(SmithTest, BlocksOfPaddingEqualTheReference) {
  GANNET_SHARED_OR_SKIP(golden, "golden/smith");
  ASSERT_OK_AND_ASSIGN(const auto outputs, SafetensorsFile::Open(golden / "outputs.safetensors"));
  const SmithFolder folder(SmithFile("mean_concat", 2));
  ASSERT_OK_AND_ASSIGN(const HierarchicalModel model, LoadModel(folder.path()));
  const std::span<const float> no_blocks;
  const std::vector<float> empty = model.EncodeDocuments({&no_blocks, 1}, nullptr);
  ASSERT_EQ(empty.size(), 32U);
  // The first document of tower 2 has one block, and four of padding.
  const std::vector<float> reps = Golden(outputs, "tower2.sent_reps", 0);
  ExpectNear(std::span(empty).first(16), std::span(reps).subspan(4 * 16, 16), 5e-4F, "padding");
  double squares = 0;
  for (const float v : std::span(empty).last(16)) squares += static_cast<double>(v) * v;
  EXPECT_NEAR(squares, 1, 1e-5);
}

TEST(SmithTest, TheSameVariablesInSafetensorsMakeTheSameModel) {
  GANNET_SHARED_OR_SKIP(golden, "golden/smith");
  const Json file = SmithFile("attention", 2);
  const SmithFolder bundle(file);
  const TemporaryFolder safetensors;
  std::filesystem::copy(golden / "model.safetensors", safetensors.path() / "model.safetensors");
  safetensors.Write("gannet.json", file.dump());
  ASSERT_OK_AND_ASSIGN(const HierarchicalModel first, LoadModel(bundle.path()));
  ASSERT_OK_AND_ASSIGN(const HierarchicalModel second, LoadModel(safetensors.path()));
  PackedBatch blocks;
  blocks.Append(std::vector<TokenId>{2, 7, 48, 3, 3}, std::vector<uint8_t>(5));
  const std::vector<float> vectors = first.EncodeBlocks(blocks, nullptr);
  EXPECT_EQ(vectors, second.EncodeBlocks(blocks, nullptr));
  const std::span<const float> document = vectors;
  EXPECT_EQ(first.EncodeDocuments({&document, 1}, nullptr),
            second.EncodeDocuments({&document, 1}, nullptr));
}

// The blocks of all of 64, at the published 32 tokens each, as the reference fills them.
TEST(SmithTest, BlocksAreFilledAsTheReferenceFillsThem) {
  GANNET_SHARED_OR_SKIP(path, "golden/smith/greedy_blocks.json");
  const BlockShape shape{.tokens = 32, .blocks = 64, .separators = 2};
  for (const Json& test : ReadJson(path)["cases"]) {
    std::vector<std::vector<TokenId>> sentences;
    TokenId next = 5;
    for (const size_t length : test["sentence_lengths"].get<std::vector<size_t>>()) {
      sentences.emplace_back();
      for (size_t i = 0; i < length; ++i) sentences.back().push_back(next++);
    }
    std::vector<size_t> counts(shape.blocks);
    std::vector<TokenId> first_two;  // Padded, as they stand in the reference's input.
    const std::vector<std::vector<TokenId>> blocks = FillBlocks(sentences, shape);
    for (size_t s = 0; s < shape.blocks; ++s) {
      std::vector<TokenId> padded(shape.tokens);
      if (s < blocks.size()) {
        const size_t kept = std::min(blocks[s].size(), shape.capacity());
        counts[s] = 1 + kept + shape.separators;
        padded[0] = 2;
        std::copy_n(blocks[s].begin(), kept, padded.begin() + 1);
        padded[kept + 1] = padded[kept + 2] = 3;
      }
      if (s < 2) first_two.insert(first_two.end(), padded.begin(), padded.end());
    }
    EXPECT_EQ(counts, test["block_real_token_counts"].get<std::vector<size_t>>())
        << test["sentence_lengths"];
    EXPECT_EQ(first_two, test["first_ids"].get<std::vector<TokenId>>()) << test["sentence_lengths"];
  }
}

std::string SmithError(const std::string& field, const Json& value) {
  Json file = SmithFile("normal", 1);
  file[Json::json_pointer(field)] = value;
  const SmithFolder folder(file);
  const absl::Status status = LoadModel(folder.path()).status();
  EXPECT_FALSE(status.ok()) << field << value;
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("gannet.json: ")) << status;
  return std::string(base::Message(status));
}

TEST(SmithTest, EveryFieldIsChecked) {
  EXPECT_THAT(SmithError("/towr", 1), HasSubstr("towr: no such field; expected model, "));
  EXPECT_THAT(SmithError("/tower", 3), HasSubstr("tower: 3, expected 1 or 2"));
  EXPECT_THAT(SmithError("/tower", "first"), HasSubstr("tower: expected a whole number"));
  EXPECT_THAT(SmithError("/doc_rep_combine_mode", "max"), HasSubstr("expected normal, sum_concat"));
  EXPECT_THAT(SmithError("/max_sent_length_by_word", 3), HasSubstr("3, expected 4 to the 16"));
  EXPECT_THAT(SmithError("/max_sent_length_by_word", 17), HasSubstr("17, expected 4 to the 16"));
  EXPECT_THAT(SmithError("/max_sent_length_by_word", 0), HasSubstr("a whole number from 1"));
  EXPECT_THAT(SmithError("/loop_sent_number_per_doc", 7), HasSubstr("7, expected at most"));
  EXPECT_THAT(SmithError("/pad_token_id", 60), HasSubstr("pad_token_id: 60 is no token"));
  EXPECT_THAT(SmithError("/pad_token_id", -1), HasSubstr("pad_token_id: -1 is no token"));
  EXPECT_THAT(SmithError("/sent_bert_config", 1),
              HasSubstr("sent_bert_config: expected an object"));
  EXPECT_THAT(SmithError("/sent_bert_config/hidden_act", "relu"),
              HasSubstr("sent_bert_config.hidden_act: \"relu\" is not supported, expected gelu"));
  EXPECT_THAT(SmithError("/doc_bert_config/hidden_size", 8),
              HasSubstr("doc_bert_config.hidden_size: 8, but that of sent_bert_config is 16"));
  EXPECT_THAT(SmithError("/doc_bert_config/num_heads", 8),
              HasSubstr("doc_bert_config.num_heads: no such field"));
  EXPECT_THAT(SmithError("/doc_bert_config/num_attention_heads", 3),
              HasSubstr("doc_bert_config.num_attention_heads: 3 heads do not divide"));
  EXPECT_THAT(SmithError("/sent_bert_config/vocab_size", nullptr),
              HasSubstr("sent_bert_config.vocab_size: missing"));
}

TEST(SmithTest, AMissingTensorIsNamedWithTheFile) {
  Json file = SmithFile("normal", 1);
  file["sent_bert_config"]["num_hidden_layers"] = 3;
  const SmithFolder folder(file);
  EXPECT_THAT(std::string(base::Message(LoadModel(folder.path()).status())),
              HasSubstr("model.ckpt-7.index: no tensor bert.encoder.layer.2."));
}

Json HmdeFile(const Json& test) {
  return {{"model", "hmde"},
          {"sentence_tokens", 7},
          {"document_positions", 6},
          {"lower_pooling", test["lower_pooling"]},
          {"upper_pooling", test["upper_pooling"]},
          {"upper_positional", test["upper_positional"]},
          {"dcls_token_id", 24},
          {"upper_config",
           {{"hidden_size", 8},
            {"num_hidden_layers", 2},
            {"num_attention_heads", 4},
            {"intermediate_size", 16}}}};
}

// tests/data/hmde with a gannet.json.
class HmdeFolder {
 public:
  explicit HmdeFolder(const Json& file) {
    for (const char* name : {"config.json", "model.safetensors"}) {
      std::filesystem::copy(testing::TestData("hmde") / name, path() / name);
    }
    folder_.Write("gannet.json", file.dump());
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

// [CLS] tokens [SEP], of at most 7.
PackedBatch HmdeBlocks(const std::vector<std::vector<TokenId>>& sentences, size_t most) {
  PackedBatch batch;
  for (const std::vector<TokenId>& sentence : sentences) {
    if (batch.sequences() == most) break;
    std::vector<TokenId> ids = {2};
    ids.insert(ids.end(), sentence.begin(),
               sentence.begin() + static_cast<ptrdiff_t>(std::min<size_t>(sentence.size(), 5)));
    ids.push_back(3);
    batch.Append(ids, std::vector<uint8_t>(ids.size()));
  }
  return batch;
}

TEST(HmdeTest, EveryConfigurationEqualsTheReferenceInDoublePrecision) {
  const Json expected = ReadJson(testing::TestData("hmde") / "expected.json");
  const auto documents =
      expected["documents_as_sentences"].get<std::vector<std::vector<std::vector<TokenId>>>>();
  ASSERT_EQ(expected["cases"].size(), 8U);
  for (const Json& test : expected["cases"]) {
    const HmdeFolder folder(HmdeFile(test));
    ASSERT_OK_AND_ASSIGN(const HierarchicalModel model, LoadModel(folder.path()));
    EXPECT_EQ(model.shape().blocks, 5U);
    for (size_t i = 0; i < documents.size(); ++i) {
      const std::string what =
          fmt::format("{} {} {} {}", test["lower_pooling"].dump(), test["upper_pooling"].dump(),
                      test["upper_positional"].dump(), i);
      std::vector<TokenId> whole;
      for (const auto& sentence : documents[i]) {
        whole.insert(whole.end(), sentence.begin(), sentence.end());
      }
      ExpectNear(model.EncodeBlocks(HmdeBlocks({whole}, 1), nullptr),
                 test["queries"][i].get<std::vector<float>>(), 2e-6F, "query of " + what);
      std::vector<float> blocks;
      if (!documents[i].empty()) {
        blocks = model.EncodeBlocks(HmdeBlocks(documents[i], model.shape().blocks), nullptr);
      }
      const std::span<const float> document = blocks;
      ExpectNear(model.EncodeDocuments({&document, 1}, nullptr),
                 test["documents"][i].get<std::vector<float>>(), 2e-6F, what);
    }
  }
}

TEST(HmdeTest, EveryFieldIsChecked) {
  const Json good =
      HmdeFile({{"lower_pooling", "cls"}, {"upper_pooling", "mean"}, {"upper_positional", true}});
  const auto error = [&](const std::string& field, const Json& value) {
    Json file = good;
    file[Json::json_pointer(field)] = value;
    const HmdeFolder folder(file);
    return std::string(base::Message(LoadModel(folder.path()).status()));
  };
  EXPECT_THAT(error("/lower", "cls"), HasSubstr("gannet.json: lower: no such field"));
  EXPECT_THAT(error("/lower_pooling", "max"), HasSubstr("\"max\", expected cls or mean"));
  EXPECT_THAT(error("/upper_pooling", "cls"), HasSubstr("\"cls\", expected dcls or mean"));
  EXPECT_THAT(error("/upper_positional", nullptr), HasSubstr("upper_positional: missing"));
  EXPECT_THAT(error("/upper_positional", 1), HasSubstr("expected true or false, found 1"));
  EXPECT_THAT(error("/dcls_token_id", 25), HasSubstr("upper_embeddings.word_embeddings.weight: "
                                                     "shape [25, 8], expected one with a row 25"));
  EXPECT_THAT(error("/dcls_token_id", nullptr), HasSubstr("dcls_token_id: missing"));
  EXPECT_THAT(error("/sentence_tokens", 2), HasSubstr("sentence_tokens: 2, expected 3 or more"));
  EXPECT_THAT(error("/sentence_tokens", 13), HasSubstr("13, but the lower model reads 12"));
  EXPECT_THAT(error("/document_positions", 1), HasSubstr("1, expected 2 or more"));
  EXPECT_THAT(error("/document_positions", 7), HasSubstr("a row 6 of 8 values"));
  EXPECT_THAT(error("/upper_config/hidden_size", 16), HasSubstr("16, but the lower model's is 8"));
  EXPECT_THAT(error("/upper_config/pooling", 1), HasSubstr("upper_config.pooling: no such field"));
}

// The lower model may be RoBERTa's: the vector of a query is its first token vector.
TEST(HmdeTest, TheLowerModelMayBeOfRobertasFamily) {
  GANNET_SHARED_OR_SKIP(golden, "golden/families/roberta");
  ASSERT_OK_AND_ASSIGN(const auto lower, SafetensorsFile::Open(golden / "model.safetensors"));
  const Json config = ReadJson(golden / "config.json");
  const size_t d = config["hidden_size"];
  ASSERT_OK_AND_ASSIGN(const auto upper,
                       SafetensorsFile::Open(testing::TestData("hmde") / "model.safetensors"));
  testing::FloatTensors tensors;
  for (const auto& [name, tensor] : lower.tensors()) {
    if (!IsFloating(tensor.dtype)) continue;
    tensors["lower_model.roberta." + name] = {tensor.shape, ToFloats(tensor)};
  }
  // The upper encoder's of the tiny model, widened with zeros.
  for (const auto& [name, tensor] : upper.tensors()) {
    if (!name.starts_with("upper_")) continue;
    Shape shape = tensor.shape;
    for (size_t& extent : shape) extent = extent == 8 ? d : extent;
    size_t elements = 1;
    for (const size_t extent : shape) elements *= extent;
    tensors[name] = {shape, std::vector<float>(elements)};
  }
  const TemporaryFolder folder;
  folder.Write("model.safetensors", testing::SafetensorsContent(tensors));
  folder.Write("config.json", config.dump());
  Json file =
      HmdeFile({{"lower_pooling", "cls"}, {"upper_pooling", "mean"}, {"upper_positional", true}});
  file["upper_config"]["hidden_size"] = d;
  folder.Write("gannet.json", file.dump());
  ASSERT_OK_AND_ASSIGN(const HierarchicalModel model, LoadModel(folder.path()));
  ASSERT_OK_AND_ASSIGN(const auto plain, Model::Load(golden, {}));
  PackedBatch batch;
  batch.Append(std::vector<TokenId>{0, 7, 9, 2}, std::vector<uint8_t>(4));
  std::vector<float> first;
  plain->Run(batch, nullptr, {.output = SequenceRows::kFirst}, first);
  EXPECT_EQ(model.EncodeBlocks(batch, nullptr), first);
}

}  // namespace
}  // namespace gannet::encoder
