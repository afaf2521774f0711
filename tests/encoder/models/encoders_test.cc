#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/models/model.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::encoder {
namespace {

using Json = nlohmann::json;
using testing::FloatTensors;
using testing::RandomTensor;
using testing::TemporaryFolder;

Json ReadJson(const std::filesystem::path& path) {
  Json json;
  std::ifstream(path) >> json;
  return json;
}

PackedBatch OneSequence(const std::vector<TokenId>& ids) {
  PackedBatch batch;
  batch.Append(ids, std::vector<uint8_t>(ids.size()));
  return batch;
}

std::vector<float> TokenVectors(const Model& model, const std::vector<TokenId>& ids) {
  std::vector<float> hidden;
  const PackedBatch batch = OneSequence(ids);
  EXPECT_TRUE(model.Check(batch).ok()) << model.Check(batch);
  model.Forward(batch, nullptr, hidden, nullptr);
  return hidden;
}

// config.json of each family with nothing unusual, 4 layers of 2 heads and 8 values.
Json BertConfigOf(const std::string& type) {
  return {{"model_type", type},       {"vocab_size", 20},       {"max_position_embeddings", 16},
          {"type_vocab_size", 2},     {"hidden_size", 8},       {"num_hidden_layers", 4},
          {"num_attention_heads", 2}, {"intermediate_size", 12}};
}
Json T5ConfigOf() {
  return {{"model_type", "t5"}, {"vocab_size", 20}, {"d_model", 8}, {"num_layers", 2},
          {"num_heads", 2},     {"d_kv", 4},        {"d_ff", 12}};
}
Json OlderNomicConfig() {
  return {{"model_type", "nomic_bert"},
          {"vocab_size", 20},
          {"n_embd", 8},
          {"n_layer", 2},
          {"n_head", 2},
          {"n_inner", 12},
          {"n_positions", 16},
          {"activation_function", "swiglu"}};
}

// A field that changes what the model computes in a way that is not implemented.
struct Refusal {
  std::string name;
  Json config;
  Json change;
  std::string message;  // What the error must contain.
};

class RefusedEncoderTest : public ::testing::TestWithParam<Refusal> {};

INSTANTIATE_TEST_SUITE_P(
    Configs, RefusedEncoderTest,
    ::testing::Values(
        Refusal{"BertPositions",
                BertConfigOf("bert"),
                {{"position_embedding_type", "relative_key"}},
                "position_embedding_type: \"relative_key\""},
        Refusal{"BertActivation",
                BertConfigOf("bert"),
                {{"hidden_act", "mish"}},
                "hidden_act: \"mish\""},
        Refusal{"BertHeads",
                BertConfigOf("bert"),
                {{"num_attention_heads", 3}},
                "num_attention_heads: 3"},
        Refusal{"BertDecoder", BertConfigOf("bert"), {{"is_decoder", true}}, "is_decoder: true"},
        Refusal{
            "RobertaPadding", BertConfigOf("roberta"), {{"pad_token_id", 15}}, "pad_token_id: 15"},
        Refusal{"ElectraDecoder", BertConfigOf("electra"), {{"is_decoder", true}}, "is_decoder"},
        Refusal{"AlbertGroups",
                BertConfigOf("albert"),
                {{"num_hidden_groups", 5}},
                "num_hidden_groups: 5"},
        Refusal{"MpnetBuckets",
                BertConfigOf("mpnet"),
                {{"relative_attention_num_buckets", 30}},
                "relative_attention_num_buckets: 30"},
        Refusal{"DebertaConvolution",
                BertConfigOf("deberta-v2"),
                {{"relative_attention", true}, {"conv_kernel_size", 3}},
                "conv_kernel_size: 3"},
        Refusal{"DebertaAbsolute",
                BertConfigOf("deberta-v2"),
                {{"relative_attention", false}},
                "relative_attention: false"},
        Refusal{"DebertaParts",
                BertConfigOf("deberta-v2"),
                {{"pos_att_type", "c2p|p2p"}},
                "pos_att_type: \"p2p\""},
        Refusal{"DebertaBuckets",
                BertConfigOf("deberta-v2"),
                {{"position_buckets", 7}},
                "position_buckets: expected an even number below 30, found 7"},
        Refusal{"DebertaEmbedding",
                BertConfigOf("deberta-v2"),
                {{"embedding_size", 4}},
                "embedding_size: 4"},
        Refusal{"ModernBertKinds",
                BertConfigOf("modernbert"),
                {{"layer_types", {"full_attention", "full_attention", "x", "full_attention"}}},
                "layer_types: \"x\""},
        Refusal{"ModernBertRotary",
                BertConfigOf("modernbert"),
                {{"rope_parameters", {{"full_attention", {{"rope_type", "yarn"}}}}}},
                "\"yarn\""},
        Refusal{
            "NomicBiases", OlderNomicConfig(), {{"qkv_proj_bias", true}}, "qkv_proj_bias: true"},
        Refusal{"NomicGate",
                OlderNomicConfig(),
                {{"activation_function", "gelu"}},
                "activation_function: \"gelu\""},
        Refusal{"NomicScaling",
                OlderNomicConfig(),
                {{"rotary_scaling_factor", 2}},
                "rotary_scaling_factor: 2"},
        Refusal{"NomicExperts",
                OlderNomicConfig(),
                {{"moe_every_n_layers", 2}},
                "moe_every_n_layers: 2"},
        Refusal{"T5FeedForward",
                T5ConfigOf(),
                {{"feed_forward_proj", "gated-mish"}},
                "feed_forward_proj: \"gated-mish\""}),
    [](const auto& refusal) { return refusal.param.name; });

TEST_P(RefusedEncoderTest, NamesTheFieldAndTheValue) {
  const TemporaryFolder folder;
  Json config = GetParam().config;
  config.update(GetParam().change);
  folder.Write("config.json", config.dump());
  const absl::Status status = Model::Load(folder.path(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_NE(base::Message(status).find("config.json"), std::string_view::npos) << status;
  EXPECT_NE(base::Message(status).find(GetParam().message), std::string_view::npos) << status;
}

// A matrix and a bias under NAME.weight and NAME.bias.
void AddLinear(FloatTensors& tensors, const std::string& name, size_t inputs, size_t outputs,
               unsigned seed) {
  tensors[name + ".weight"] = RandomTensor({outputs, inputs}, seed, 0.5F);
  tensors[name + ".bias"] = RandomTensor({outputs}, seed + 1, 0.1F);
}
void AddNorm(FloatTensors& tensors, const std::string& name, size_t size, unsigned seed) {
  tensors[name + ".weight"] = RandomTensor({size}, seed);
  tensors[name + ".bias"] = RandomTensor({size}, seed + 1);
}

// The embeddings of BertConfigOf, and layer tensors under the names of BERT or ALBERT.
FloatTensors EmbeddingTensors() {
  FloatTensors tensors;
  tensors["embeddings.word_embeddings.weight"] = RandomTensor({20, 8}, 1);
  tensors["embeddings.position_embeddings.weight"] = RandomTensor({16, 8}, 2);
  tensors["embeddings.token_type_embeddings.weight"] = RandomTensor({2, 8}, 3);
  AddNorm(tensors, "embeddings.LayerNorm", 8, 4);
  return tensors;
}
void AddBertLayer(FloatTensors& tensors, const std::string& prefix, unsigned seed) {
  AddLinear(tensors, prefix + "attention.self.query", 8, 8, seed);
  AddLinear(tensors, prefix + "attention.self.key", 8, 8, seed + 2);
  AddLinear(tensors, prefix + "attention.self.value", 8, 8, seed + 4);
  AddLinear(tensors, prefix + "attention.output.dense", 8, 8, seed + 6);
  AddNorm(tensors, prefix + "attention.output.LayerNorm", 8, seed + 8);
  AddLinear(tensors, prefix + "intermediate.dense", 8, 12, seed + 10);
  AddLinear(tensors, prefix + "output.dense", 12, 8, seed + 12);
  AddNorm(tensors, prefix + "output.LayerNorm", 8, seed + 14);
}
void AddAlbertLayer(FloatTensors& tensors, const std::string& prefix, unsigned seed) {
  AddLinear(tensors, prefix + "attention.query", 8, 8, seed);
  AddLinear(tensors, prefix + "attention.key", 8, 8, seed + 2);
  AddLinear(tensors, prefix + "attention.value", 8, 8, seed + 4);
  AddLinear(tensors, prefix + "attention.dense", 8, 8, seed + 6);
  AddNorm(tensors, prefix + "attention.LayerNorm", 8, seed + 8);
  AddLinear(tensors, prefix + "ffn", 8, 12, seed + 10);
  AddLinear(tensors, prefix + "ffn_output", 12, 8, seed + 12);
  AddNorm(tensors, prefix + "full_layer_layer_norm", 8, seed + 14);
}

absl::StatusOr<std::unique_ptr<const Model>> LoadFrom(const TemporaryFolder& folder,
                                                      const Json& config,
                                                      const FloatTensors& tensors) {
  folder.Write("config.json", config.dump());
  folder.Write("model.safetensors", testing::SafetensorsContent(tensors));
  return Model::Load(folder.path(), {});
}

// BERT with 4 layers made of the seeds given.
absl::StatusOr<std::unique_ptr<const Model>> LoadBertOf(const TemporaryFolder& folder,
                                                        const std::vector<unsigned>& seeds) {
  FloatTensors tensors = EmbeddingTensors();
  for (size_t i = 0; i < seeds.size(); ++i) {
    AddBertLayer(tensors, fmt::format("encoder.layer.{}.", i), seeds[i]);
  }
  return LoadFrom(folder, BertConfigOf("bert"), tensors);
}

// ALBERT with two groups of `per_group` layers whose embedding is passed on as it is.
absl::StatusOr<std::unique_ptr<const Model>> LoadAlbertOf(const TemporaryFolder& folder,
                                                          size_t layers, size_t per_group) {
  FloatTensors tensors = EmbeddingTensors();
  testing::FloatTensor identity{{8, 8}, std::vector<float>(64)};
  for (size_t i = 0; i < 8; ++i) identity.values[i * 9] = 1;
  tensors["encoder.embedding_hidden_mapping_in.weight"] = identity;
  tensors["encoder.embedding_hidden_mapping_in.bias"] = {{8}, std::vector<float>(8)};
  for (size_t i = 0; i < 2 * per_group; ++i) {
    AddAlbertLayer(tensors,
                   fmt::format("encoder.albert_layer_groups.{}.albert_layers.{}.", i / per_group,
                               i % per_group),
                   static_cast<unsigned>(100 * (i + 1)));
  }
  Json config = BertConfigOf("albert");
  config.update({{"num_hidden_layers", layers},
                 {"num_hidden_groups", 2},
                 {"inner_group_num", per_group},
                 {"embedding_size", 8},
                 {"hidden_act", "gelu"}});
  return LoadFrom(folder, config, tensors);
}

TEST(AlbertTest, GroupsShareTheirLayers) {
  const TemporaryFolder bert_folder, albert_folder;
  ASSERT_OK_AND_ASSIGN(const auto bert, LoadBertOf(bert_folder, {100, 100, 200, 200}));
  ASSERT_OK_AND_ASSIGN(const auto albert, LoadAlbertOf(albert_folder, 4, 1));
  EXPECT_EQ(TokenVectors(*albert, {5, 6, 7}), TokenVectors(*bert, {5, 6, 7}));
}

TEST(AlbertTest, InnerLayersRunOneAfterAnother) {
  const TemporaryFolder bert_folder, albert_folder;
  ASSERT_OK_AND_ASSIGN(const auto bert, LoadBertOf(bert_folder, {100, 200, 300, 400}));
  ASSERT_OK_AND_ASSIGN(const auto albert, LoadAlbertOf(albert_folder, 2, 2));
  EXPECT_EQ(TokenVectors(*albert, {5, 6, 7}), TokenVectors(*bert, {5, 6, 7}));
}

TEST(RobertaTest, PositionsBeginAfterThePaddingIdAndSkipPadding) {
  FloatTensors tensors = EmbeddingTensors();
  for (size_t i = 0; i < 4; ++i) {
    AddBertLayer(tensors, fmt::format("encoder.layer.{}.", i), 100);
  }
  Json config = BertConfigOf("roberta");
  config["pad_token_id"] = 3;
  const TemporaryFolder folder, shifted_folder;
  ASSERT_OK_AND_ASSIGN(const auto roberta, LoadFrom(folder, config, tensors));
  EXPECT_EQ(roberta->dimensions().positions, 12u);
  EXPECT_EQ(roberta->dimensions().token_types, 0u);

  // The same as BERT whose table begins with the positions that these tokens have: 4, 3 (padding),
  // 5 and 6.
  const std::vector<float> table = tensors["embeddings.position_embeddings.weight"].values;
  std::vector<float>& shifted = tensors["embeddings.position_embeddings.weight"].values;
  for (const auto& [to, from] : {std::pair<size_t, size_t>{0, 4}, {1, 3}, {2, 5}, {3, 6}}) {
    std::copy_n(&table[from * 8], 8, &shifted[to * 8]);
  }
  ASSERT_OK_AND_ASSIGN(const auto bert, LoadFrom(shifted_folder, BertConfigOf("bert"), tensors));
  EXPECT_EQ(TokenVectors(*roberta, {7, 3, 8, 9}), TokenVectors(*bert, {7, 3, 8, 9}));
}

// What checkpoints that were made from TensorFlow's call γ and β.
TEST(OlderTensorNamesTest, GammaAndBetaGiveTheSameBytes) {
  FloatTensors newer = EmbeddingTensors(), older;
  for (unsigned i = 0; i < 4; ++i) AddBertLayer(newer, fmt::format("encoder.layer.{}.", i), 30 * i);
  for (const auto& [name, tensor] : newer) {
    std::string renamed = name;
    if (const size_t at = name.find("LayerNorm."); at != std::string::npos) {
      renamed.resize(at);
      renamed += name.ends_with("weight") ? "LayerNorm.gamma" : "LayerNorm.beta";
    }
    older[renamed] = tensor;
  }
  const TemporaryFolder newer_folder, older_folder;
  ASSERT_OK_AND_ASSIGN(const auto want, LoadFrom(newer_folder, BertConfigOf("bert"), newer));
  ASSERT_OK_AND_ASSIGN(const auto got, LoadFrom(older_folder, BertConfigOf("bert"), older));
  EXPECT_EQ(TokenVectors(*got, {7, 3, 8, 9}), TokenVectors(*want, {7, 3, 8, 9}));
  older.erase("embeddings.LayerNorm.beta");
  const absl::Status status = LoadFrom(older_folder, BertConfigOf("bert"), older).status();
  EXPECT_NE(base::Message(status).find("no tensor embeddings.LayerNorm.beta"),
            std::string_view::npos)
      << status;
}

// The same weights under config.json as transformers 5 and as older folders spell it.
class OlderSpellingTest : public ::testing::Test {
 protected:
  // The golden model `family` with fields of its config.json removed and others added.
  void ExpectSameModel(const std::string& family, const std::vector<std::string>& removed,
                       const Json& added) {
    GANNET_SHARED_OR_SKIP(golden, "golden/families/" + family);
    Json config = ReadJson(golden / "config.json");
    for (const std::string& field : removed) config.erase(field);
    config.update(added);
    const TemporaryFolder folder;
    folder.Write("config.json", config.dump());
    std::filesystem::create_symlink(golden / "model.safetensors",
                                    folder.path() / "model.safetensors");
    ASSERT_OK_AND_ASSIGN(const auto newer, Model::Load(golden, {}));
    ASSERT_OK_AND_ASSIGN(const auto older, Model::Load(folder.path(), {}));
    std::vector<TokenId> ids;
    for (TokenId id = 5; id < 55; ++id) ids.push_back(id);
    EXPECT_EQ(TokenVectors(*older, ids), TokenVectors(*newer, ids));
  }
};

TEST_F(OlderSpellingTest, ModernBert) {
  ExpectSameModel(
      "modernbert", {"rope_parameters", "layer_types", "dtype"},
      {{"global_rope_theta", 160000.0}, {"local_rope_theta", 10000.0}, {"torch_dtype", "float32"}});
}

TEST_F(OlderSpellingTest, NomicBert) {
  ExpectSameModel("nomic_bert",
                  {"rope_parameters", "hidden_size", "num_hidden_layers", "num_attention_heads",
                   "intermediate_size", "layer_norm_eps", "max_position_embeddings", "hidden_act"},
                  {{"n_embd", 48},
                   {"n_layer", 3},
                   {"n_head", 4},
                   {"n_inner", 80},
                   {"n_positions", 128},
                   {"layer_norm_epsilon", 1e-12},
                   {"activation_function", "swiglu"},
                   {"rotary_emb_base", 1000},
                   {"rotary_emb_fraction", 1.0},
                   {"rotary_scaling_factor", nullptr},
                   {"prenorm", false}});
}

TEST_F(OlderSpellingTest, DebertaV2) {
  ExpectSameModel("deberta_v2", {}, {{"pos_att_type", "p2c|c2p"}});
}

TEST_F(OlderSpellingTest, T5) {
  ExpectSameModel("t5_encoder", {"dense_act_fn", "is_gated_act"},
                  {{"output_past", true}, {"n_positions", 512}});
}

// mT5 (Xue et al. 2020, arXiv:2010.11934) is T5 with another default.
TEST_F(OlderSpellingTest, Mt5) {
  ExpectSameModel("t5_encoder", {"feed_forward_proj"}, {{"model_type", "mt5"}});
}

}  // namespace
}  // namespace gannet::encoder
