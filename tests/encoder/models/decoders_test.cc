#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/models/lm_head.h"
#include "encoder/models/model.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"
#include "tests/testing/tiny_decoder.h"

namespace gannet::encoder {
namespace {

using Json = nlohmann::json;
using testing::TemporaryFolder;
using testing::TinyDecoder;

Json ReadJson(const std::filesystem::path& path) {
  Json json;
  std::ifstream(path) >> json;
  return json;
}

std::vector<float> TokenVectors(const Model& model, const PackedBatch& batch,
                                base::ThreadPool* pool = nullptr) {
  std::vector<float> hidden;
  EXPECT_TRUE(model.Check(batch).ok()) << model.Check(batch);
  model.Forward(batch, pool, hidden, nullptr);
  return hidden;
}

PackedBatch BatchOf(const std::vector<std::vector<TokenId>>& sequences) {
  PackedBatch batch;
  for (const std::vector<TokenId>& ids : sequences) {
    batch.Append(ids, std::vector<uint8_t>(ids.size(), 0));
  }
  return batch;
}

bool SameBytes(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// Largest difference; NaN counts as one.
double Difference(std::span<const float> got, std::span<const float> want) {
  double worst = got.size() == want.size() ? 0 : INFINITY;
  for (size_t i = 0; i < got.size() && i < want.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - want[i]);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

// Real Llamas in the older spelling, with a tied head, against a forward pass in numpy.
class StoriesTest : public ::testing::TestWithParam<const char*> {};

TEST_P(StoriesTest, LogitsOfTheNextTokenEqualTheReference) {
  GANNET_SHARED_OR_SKIP(folder, std::string("models/") + GetParam());
  const Json golden = ReadJson(folder / "golden_numpy.json");
  ASSERT_OK_AND_ASSIGN(const auto model, Model::Load(folder, {}));
  ASSERT_OK_AND_ASSIGN(const LmHead head, LmHead::Load(folder, {}));
  const auto ids = golden["input_ids"].get<std::vector<TokenId>>();
  const std::vector<float> hidden = TokenVectors(*model, BatchOf({ids}));
  std::vector<float> logits(head.vocabulary());
  head.Apply(std::span(hidden).last(model->dimensions().hidden), nullptr, logits.data());
  ASSERT_EQ(golden["last_logits_top5"].size(), 5u);
  for (const Json& entry : golden["last_logits_top5"]) {
    EXPECT_NEAR(logits.at(entry[0].get<size_t>()), entry[1].get<double>(), 1e-4) << entry[0];
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, StoriesTest, ::testing::Values("stories260K", "stories3M-q80"), [](const auto& name) {
      return std::string(name.param).substr(0, std::string(name.param).find('-'));
    });

const std::vector<TokenId> kText = {3, 7, 1, 19, 7, 0, 12, 5, 2, 3};

TEST(DecoderTest, WeightsSplitOverTwoFilesGiveTheSameBytes) {
  TinyDecoder decoder;
  decoder.Configure();
  ASSERT_OK_AND_ASSIGN(const auto whole, decoder.Load());
  const std::vector<float> want = TokenVectors(*whole, BatchOf({kText}));
  decoder.Shard();
  ASSERT_OK_AND_ASSIGN(const auto sharded, decoder.Load());
  EXPECT_TRUE(SameBytes(TokenVectors(*sharded, BatchOf({kText})), want));

  std::filesystem::remove(decoder.path() / "model-00002-of-00002.safetensors");
  const absl::Status status = decoder.Load().status();
  EXPECT_NE(base::Message(status).find("model-00002-of-00002.safetensors"), std::string_view::npos)
      << status;
}

TEST(DecoderTest, TheOlderSpellingOfTheConfigurationGivesTheSameBytes) {
  TinyDecoder decoder;
  decoder.Configure();
  ASSERT_OK_AND_ASSIGN(const auto newer, decoder.Load());
  decoder.Configure({{"rope_parameters", nullptr},
                     {"rope_theta", 100.0},
                     {"rope_scaling", nullptr},
                     {"torch_dtype", "float32"}});
  ASSERT_OK_AND_ASSIGN(const auto older, decoder.Load());
  EXPECT_TRUE(
      SameBytes(TokenVectors(*newer, BatchOf({kText})), TokenVectors(*older, BatchOf({kText}))));
}

TEST(DecoderTest, ATokenDoesNotSeeWhatFollowsUnlessTheModelIsBidirectional) {
  TinyDecoder decoder;
  const std::vector<TokenId> other_end = {3, 7, 1, 19, 7, 0, 12, 5, 2, 18};
  for (const bool causal : {true, false}) {
    decoder.Configure({{"is_causal", causal}});
    ASSERT_OK_AND_ASSIGN(const auto model, decoder.Load());
    std::vector<float> a = TokenVectors(*model, BatchOf({kText})),
                       b = TokenVectors(*model, BatchOf({other_end}));
    a.resize(9 * 16);
    b.resize(9 * 16);
    EXPECT_EQ(SameBytes(a, b), causal);
  }
}

TEST(DecoderTest, AWindowHidesWhatIsFartherAway) {
  TinyDecoder decoder;
  decoder.Configure({{"model_type", "mistral"}, {"sliding_window", 3}});
  ASSERT_OK_AND_ASSIGN(const auto model, decoder.Load());
  std::vector<TokenId> other_start = kText;
  other_start[0] = 11;
  const std::vector<float> a = TokenVectors(*model, BatchOf({kText})),
                           b = TokenVectors(*model, BatchOf({other_start}));
  // Two layers carry what the first token says 2 x 2 positions on.
  for (size_t i = 0; i < kText.size(); ++i) {
    EXPECT_EQ(SameBytes(std::span(a).subspan(i * 16, 16), std::span(b).subspan(i * 16, 16)), i > 4)
        << i;
  }
}

TEST(DecoderTest, WithoutPositionsTheOrderOfTheTokensDoesNotMatter) {
  TinyDecoder decoder;
  const std::vector<TokenId> reversed(kText.rbegin(), kText.rend());
  const auto difference = [&](const Json& no_rope_layers) -> double {
    decoder.Configure(
        {{"model_type", "smollm3"}, {"is_causal", false}, {"no_rope_layers", no_rope_layers}});
    const auto model = decoder.Load();
    EXPECT_TRUE(model.ok()) << model.status();
    if (!model.ok()) return INFINITY;
    const std::vector<float> forwards = TokenVectors(**model, BatchOf({kText})),
                             backwards = TokenVectors(**model, BatchOf({reversed}));
    double worst = 0;
    for (size_t i = 0; i < kText.size(); ++i) {
      worst = std::max(worst,
                       Difference(std::span(forwards).subspan(i * 16, 16),
                                  std::span(backwards).subspan((kText.size() - 1 - i) * 16, 16)));
    }
    return worst;
  };
  EXPECT_LT(difference({0, 0}), 1e-5);
  EXPECT_GT(difference({1, 0}), 1e-2);
  EXPECT_GT(difference({0, 1}), 1e-2);
}

TEST(DecoderTest, ATokenWhoseSquaresOverflowSpoilsItsSequenceAlone) {
  TinyDecoder decoder;
  decoder.Configure();
  decoder.SetTokenVector(11, 1e30F);
  const std::vector<TokenId> sound = {3, 7, 1, 19}, spoilt = {5, 2, 11, 4};
  for (const Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kInt8}) {
    ASSERT_OK_AND_ASSIGN(const auto model, decoder.Load({.precision = precision}));
    const std::vector<float> alone = TokenVectors(*model, BatchOf({sound}));
    const std::vector<float> together = TokenVectors(*model, BatchOf({sound, spoilt, sound}));
    EXPECT_TRUE(SameBytes(std::span(together).first(4 * 16), alone));
    EXPECT_TRUE(SameBytes(std::span(together).last(4 * 16), alone));
    for (size_t i = 6 * 16; i < 8 * 16; ++i) EXPECT_FALSE(std::isfinite(together[i])) << i;
  }
}

class LmHeadTest : public ::testing::Test {
 protected:
  // Logits of two token vectors by the head of the decoder as it is written now.
  std::vector<float> Logits() const {
    const auto head = LmHead::Load(decoder_.path(), {});
    EXPECT_TRUE(head.ok()) << head.status();
    if (!head.ok()) return {};
    std::vector<float> logits(2 * head->vocabulary());
    head->Apply(hidden_, nullptr, logits.data());
    return logits;
  }

  TinyDecoder decoder_;
  const std::vector<float> hidden_ = testing::RandomTensor({2, 16}, 77).values;
};

TEST_F(LmHeadTest, IsTheConfiguredOneOfTheCheckpointsTwo) {
  decoder_.Configure();
  const std::vector<float> tied = Logits();
  decoder_.Configure({{"tie_word_embeddings", false}});
  const absl::Status missing = LmHead::Load(decoder_.path(), {}).status();
  EXPECT_NE(base::Message(missing).find("no tensor lm_head.weight"), std::string_view::npos)
      << missing;
  decoder_.AddHead();
  const std::vector<float> own = Logits();
  EXPECT_FALSE(SameBytes(own, tied));
  decoder_.Configure();
  EXPECT_TRUE(SameBytes(Logits(), own));
  decoder_.Configure({{"tie_word_embeddings", true}});
  EXPECT_TRUE(SameBytes(Logits(), tied));
}

TEST_F(LmHeadTest, ACapBoundsTheLogits) {
  decoder_.Configure();
  const std::vector<float> plain = Logits();
  decoder_.Configure({{"final_logit_softcapping", 0.5}});
  const std::vector<float> capped = Logits();
  ASSERT_EQ(capped.size(), plain.size());
  for (size_t i = 0; i < plain.size(); ++i) {
    EXPECT_NEAR(capped[i], 0.5 * std::tanh(plain[i] / 0.5), 1e-6) << i;
  }
  decoder_.Configure({{"final_logit_softcapping", -1}});
  const absl::Status status = LmHead::Load(decoder_.path(), {}).status();
  EXPECT_NE(base::Message(status).find("final_logit_softcapping: -1"), std::string_view::npos);
}

// Attention in context: the decoder's part of ICR, QRHead and CoRe (golden/icr).
class InContextTest : public ::testing::Test {
 protected:
  void SetUp() override {
    GANNET_SHARED_OR_SKIP(icr, "golden/icr");
    Json config = ReadJson(icr / "config.json");
    config["model_type"] = "llama";
    config["max_position_embeddings"] = 64;
    folder_.Write("config.json", config.dump());
    std::filesystem::create_symlink(icr / "model.safetensors",
                                    folder_.path() / "model.safetensors");
    ASSERT_OK_AND_ASSIGN(model_, Model::Load(folder_.path(), {}));
    ASSERT_OK_AND_ASSIGN(SafetensorsFile outputs,
                         SafetensorsFile::Open(icr / "outputs.safetensors"));
    outputs_.emplace(std::move(outputs));
    inputs_ = ReadJson(icr / "inputs.json");
  }

  std::vector<float> Golden(const std::string& name) const {
    return ToFloats(outputs_->tensors().at(name));
  }

  // mean_{t in [begin, end)} A[l, h, t, j], for [layers, heads] of `ids`, each [keys].
  std::vector<std::vector<float>> MeanAttention(const std::vector<TokenId>& ids, size_t begin,
                                                size_t end) const {
    std::vector<std::vector<float>> mean(kLayers * kHeads, std::vector<float>(ids.size()));
    const AttentionRequest request{
        .rows = {{begin, end}}, .observe = [&](const AttentionRow& row) {
          std::vector<float>& of_head = mean[row.layer * kHeads + row.head];
          for (size_t j = 0; j < ids.size(); ++j) {
            of_head[j] += row.weights[j] / static_cast<float>(end - begin);
          }
        }};
    std::vector<float> hidden;
    base::ThreadPool pool(2);
    model_->Run(BatchOf({ids}), &pool, {.attention = &request}, hidden);
    return mean;
  }

  static constexpr size_t kLayers = 3, kHeads = 4;
  TemporaryFolder folder_;
  std::unique_ptr<const Model> model_;
  std::optional<SafetensorsFile> outputs_;
  Json inputs_;
};

TEST_F(InContextTest, TheAttentionOfTheQueryToEachTokenEqualsTheReference) {
  for (const auto& [ids_field, scores] :
       {std::pair{"input_ids", "icr.tok_query"}, std::pair{"calib_input_ids", "icr.tok_calib"}}) {
    const auto ids = inputs_[ids_field].get<std::vector<TokenId>>();
    std::vector<float> sum(ids.size());
    for (const auto& of_head : MeanAttention(ids, inputs_["attend_start"], ids.size())) {
      kernels::Add(of_head, sum.data());
    }
    EXPECT_LT(Difference(sum, Golden(scores)), 1e-5) << scores;
  }
}

TEST_F(InContextTest, TheScoresOfHeadsEqualTheReference) {
  const auto ids = inputs_["input_ids"].get<std::vector<TokenId>>();
  const Json& span = inputs_["core"]["attend_span_half_open"];
  const auto mean = MeanAttention(ids, span[0], span[1]);
  std::vector<float> scores;  // softmax_D(a_h(D) / T) of the first document, for each head.
  for (const auto& of_head : mean) {
    double first = 0, all = 0;
    for (const Json& document : inputs_["doc_spans_half_open"]) {
      double mass = 0;
      for (size_t j = document[0]; j < document[1].get<size_t>(); ++j) mass += of_head[j];
      const double e = std::exp(mass / inputs_["core"]["temperature"].get<double>());
      if (all == 0) first = e;
      all += e;
    }
    scores.push_back(static_cast<float>(first / all));
  }
  EXPECT_LT(Difference(scores, Golden("core.head_score_T0.1_pos0")), 1e-5);
}

struct RefusedConfig {
  std::string name;
  Json changes;
  std::vector<std::string> expected;  // Parts of the message.
};

class RefusedDecoderTest : public ::testing::TestWithParam<RefusedConfig> {};

TEST_P(RefusedDecoderTest, ByFieldAndValue) {
  TinyDecoder decoder;
  decoder.Configure(GetParam().changes);
  const absl::Status status = decoder.Load().status();
  ASSERT_FALSE(status.ok());
  for (const std::string& part : GetParam().expected) {
    EXPECT_NE(base::Message(status).find(part), std::string_view::npos) << status;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Configs, RefusedDecoderTest,
    ::testing::Values(
        RefusedConfig{"RopeType",
                      {{"rope_parameters", {{"rope_type", "yarn"}, {"factor", 2}}}},
                      {"config.json", "rope_parameters.rope_type", "yarn"}},
        RefusedConfig{"Activation", {{"hidden_act", "relu6"}}, {"hidden_act", "relu6"}},
        RefusedConfig{"KeyHeads", {{"num_key_value_heads", 3}}, {"num_key_value_heads", "3"}},
        RefusedConfig{"HeadDim", {{"head_dim", 1024}}, {"head_dim", "1024"}},
        RefusedConfig{
            "LayerType",
            {{"model_type", "qwen2"}, {"layer_types", {"full_attention", "chunked_attention"}}},
            {"layer_types", "chunked_attention"}},
        RefusedConfig{"LayerTypesShort",
                      {{"model_type", "qwen3"}, {"layer_types", {"full_attention"}}},
                      {"layer_types", "1 entries"}},
        RefusedConfig{"NoWindow", {{"model_type", "gemma2"}}, {"sliding_window", "missing"}},
        RefusedConfig{"GemmaCap",
                      {{"model_type", "gemma3_text"}, {"attn_logit_softcapping", 50.0}},
                      {"attn_logit_softcapping"}},
        RefusedConfig{"BothWays",
                      {{"use_bidirectional_attention", true}},
                      {"use_bidirectional_attention", "true"}},
        RefusedConfig{
            "Quantised", {{"quantization_config", {{"bits", 4}}}}, {"quantization_config"}},
        RefusedConfig{"SequentialNeox",
                      {{"model_type", "gpt_neox"}, {"use_parallel_residual", false}},
                      {"use_parallel_residual", "false"}},
        RefusedConfig{"NoRopeLayersShort",
                      {{"model_type", "smollm3"}, {"no_rope_layers", {1}}},
                      {"no_rope_layers", "1 entries"}},
        RefusedConfig{
            "Biases", {{"attention_bias", true}}, {"model.layers.0.self_attn.q_proj.bias"}}),
    [](const auto& config) { return config.param.name; });

TEST(DecoderTest, ATemperatureWithCappedScoresIsRefused) {
  TinyDecoder decoder;
  decoder.Configure(
      {{"model_type", "gemma2"}, {"sliding_window", 8}, {"attn_logit_softcapping", 50.0}});
  const absl::Status status = decoder.Load({.temperature = 0.8F}).status();
  EXPECT_NE(base::Message(status).find("attn_logit_softcapping"), std::string_view::npos) << status;
}

}  // namespace
}  // namespace gannet::encoder
