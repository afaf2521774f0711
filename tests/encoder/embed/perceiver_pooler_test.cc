#include "encoder/embed/perceiver_pooler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/checkpoint/tensor.h"
#include "encoder/embed/embedder.h"
#include "encoder/embed/pooling.h"
#include "encoder/models/model.h"
#include "encoder/tokenizer/tokenizer.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"
#include "tests/testing/tiny_decoder.h"

namespace gannet::encoder {
namespace {

using testing::FloatTensors;
using ::testing::HasSubstr;
using testing::RandomTensor;
using testing::TemporaryFolder;

constexpr size_t kHidden = 16;

// A pooling module with random weights: 3 latents, 2 heads of 5.
FloatTensors PoolerTensors() {
  const std::string a = "cross_attend_blocks.0.", f = "cross_attend_blocks.1.";
  FloatTensors tensors;
  unsigned seed = 50;
  for (const auto& [name, shape] : std::vector<std::pair<std::string, std::vector<size_t>>>{
           {"latents", {3, kHidden}},
           {"pos_emb.weight", {4, kHidden}},
           {a + "norm.weight", {kHidden}},
           {a + "norm.bias", {kHidden}},
           {a + "norm_context.weight", {kHidden}},
           {a + "norm_context.bias", {kHidden}},
           {a + "fn.to_q.weight", {10, kHidden}},
           {a + "fn.to_kv.weight", {20, kHidden}},
           {a + "fn.to_out.weight", {kHidden, 10}},
           {f + "norm.weight", {kHidden}},
           {f + "norm.bias", {kHidden}},
           {f + "fn.net.0.weight", {24, kHidden}},
           {f + "fn.net.0.bias", {24}},
           {f + "fn.net.2.weight", {kHidden, 12}},
           {f + "fn.net.2.bias", {kHidden}}}) {
    tensors[name] = RandomTensor(shape, seed++, 0.5F);
  }
  return tensors;
}

std::string ModuleConfig(std::string_view states, size_t heads = 2) {
  return fmt::format(R"({{"states":"{}","heads":{}}})", states, heads);
}

// The golden weights, whose names have the fixture's prefix, as a module folder.
void WriteGolden(const SafetensorsFile& golden, std::string_view states,
                 const TemporaryFolder& module) {
  constexpr std::string_view kPrefix = "perceiver.";
  FloatTensors tensors;
  for (const auto& [name, view] : golden.tensors()) {
    if (name.starts_with(kPrefix)) {
      tensors[name.substr(kPrefix.size())] = {view.shape, ToFloats(view)};
    }
  }
  module.Write("model.safetensors", testing::SafetensorsContent(tensors));
  module.Write("config.json", ModuleConfig(states));
}

TEST(PerceiverPoolerTest, VectorsEqualTheReference) {
  GANNET_SHARED_OR_SKIP(folder, "golden/aggregators");
  ASSERT_OK_AND_ASSIGN(const auto model, SafetensorsFile::Open(folder / "model.safetensors"));
  ASSERT_OK_AND_ASSIGN(const auto outputs, SafetensorsFile::Open(folder / "outputs.safetensors"));
  std::ifstream file(folder / "inputs.json");
  const auto inputs = nlohmann::json::parse(file);
  std::vector<float> layers;
  for (const auto& row : inputs["perceiver.layer_states"]) {
    for (const float value : row) layers.push_back(value);
  }
  ASSERT_EQ(layers.size(), 6 * kHidden);
  const auto expect = [&](std::string_view states, std::span<const float> input,
                          const std::string& name) {
    const TemporaryFolder module;
    WriteGolden(model, states, module);
    ASSERT_OK_AND_ASSIGN(const auto pooler, PerceiverPooler::Load(module.path(), kHidden, 6, {}));
    const std::vector<float> got = pooler.Apply(input);
    const std::vector<float> want = ToFloats(outputs.tensors().at(name));
    ASSERT_EQ(got.size(), want.size());
    for (size_t c = 0; c < kHidden; ++c) EXPECT_NEAR(got[c], want[c], 1e-5) << name << " " << c;
  };
  expect("last_token_of_layers", layers, "perceiver.multi_layer");
  expect("last_token", std::span(layers).last(kHidden), "perceiver.last_layer_no_pos");
}

TEST(PerceiverPoolerTest, WhatIsWrongWithAModuleIsNamed) {
  const auto error_of = [](const FloatTensors& tensors, std::string_view config,
                           size_t layers = 4) {
    const TemporaryFolder module;
    module.Write("model.safetensors", testing::SafetensorsContent(tensors));
    module.Write("config.json", config);
    return std::string(
        base::Message(PerceiverPooler::Load(module.path(), kHidden, layers, {}).status()));
  };
  const FloatTensors whole = PoolerTensors();
  EXPECT_EQ(error_of(whole, ModuleConfig("last_token_of_layers")), "");
  EXPECT_THAT(error_of(whole, R"({"heads":2})"), HasSubstr("config.json: states: "));
  EXPECT_THAT(error_of(whole, ModuleConfig("eos")), HasSubstr("states: \"eos\" is not last_token"));
  EXPECT_THAT(
      error_of(whole, ModuleConfig("tokens", 3)),
      HasSubstr("heads: 3 heads do not divide the 10 rows of cross_attend_blocks.0.fn.to_q"));
  EXPECT_THAT(error_of(whole, ModuleConfig("mean_of_layers"), 5),
              HasSubstr("pos_emb.weight has 4 rows for 5 layers"));
  for (const auto& [name, tensor] : whole) {
    FloatTensors without = whole;
    without.erase(name);
    const bool names_it =
        error_of(without, ModuleConfig("mean_of_layers")).find(name) != std::string::npos;
    EXPECT_TRUE(names_it) << name;
    FloatTensors other = whole;
    other[name] = RandomTensor({7, 3}, 1);
    EXPECT_NE(error_of(other, ModuleConfig("mean_of_layers")), "") << name;
  }
}

// A decoder whose pooling has weights of its own.
class TrainablePoolingTest : public ::testing::Test {
 protected:
  void Write(std::string_view states, bool causal) {
    decoder_.Configure({{"is_causal", causal}});
    const TemporaryFolder& folder = decoder_.folder();
    folder.Write("tokenizer.json",
                 R"({"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"a":1,"sea":2,)"
                 R"("bird":3,"stone":4,"end":19}},"pre_tokenizer":{"type":"Whitespace"}})");
    folder.Write("modules.json",
                 R"([{"idx":0,"name":"0","path":"","type":"x.Transformer"},)"
                 R"({"idx":1,"name":"1","path":"1_Pooling","type":"x.TrainablePooling"}])");
    folder.Write("1_Pooling/config.json", ModuleConfig(states));
    folder.Write("1_Pooling/model.safetensors", testing::SafetensorsContent(PoolerTensors()));
  }

  // What the pooler reads of a text, from the hidden states that an observer sees.
  std::vector<float> StatesOf(std::string_view text, PerceiverPooler::States states) {
    const auto tokenizer = Tokenizer::Open(decoder_.path());
    const auto model = decoder_.Load();
    EXPECT_TRUE(tokenizer.ok() && model.ok());
    Encoding encoding;
    EXPECT_TRUE((*tokenizer)->Encode(text, {}, encoding).ok());
    PackedBatch batch;
    batch.Append(encoding.ids, encoding.type_ids);
    std::vector<float> hidden, of_layers;
    (*model)->Forward(batch, nullptr, hidden, [&](size_t layer, std::span<const float> rows) {
      if (layer == 0) return;
      of_layers.resize(of_layers.size() + kHidden);
      const bool mean = states == PerceiverPooler::States::kMeanOfLayers;
      Pool(mean ? Pooling::kMean : Pooling::kLastToken, rows, std::span(of_layers).last(kHidden));
    });
    if (states == PerceiverPooler::States::kTokens) return hidden;
    if (states == PerceiverPooler::States::kLastToken) {
      return {hidden.end() - kHidden, hidden.end()};
    }
    return of_layers;
  }

  testing::TinyDecoder decoder_;
};

TEST_F(TrainablePoolingTest, ADecoderIsPooledByEachOfTheDesigns) {
  using States = PerceiverPooler::States;
  const std::vector<std::string_view> texts = {"a sea bird end", "stone", "sea sea stone bird end"};
  for (const auto& [name, states, causal] : std::vector<std::tuple<std::string_view, States, bool>>{
           {"last_token", States::kLastToken, true},
           {"last_token_of_layers", States::kLastTokenOfLayers, true},
           {"tokens", States::kTokens, false},
           {"mean_of_layers", States::kMeanOfLayers, false}}) {
    Write(name, causal);
    ASSERT_OK_AND_ASSIGN(const auto model, Embedder::Open(decoder_.path()));
    ASSERT_OK_AND_ASSIGN(const auto pooler,
                         PerceiverPooler::Load(decoder_.path() / "1_Pooling", kHidden, 2, {}));
    EXPECT_EQ(model->dimension(), kHidden);
    base::ThreadPool pool(2);
    ASSERT_OK_AND_ASSIGN(const Embeddings got, model->Embed(texts, TextRole::kDocument, pool));
    ASSERT_OK(got.FirstError());
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::vector<float> want = pooler.Apply(StatesOf(texts[i], states));
      for (size_t c = 0; c < kHidden; ++c) {
        EXPECT_NEAR(got[i][c], want[c], 1e-6) << name << " " << texts[i];
      }
    }
    EXPECT_EQ(model
                  ->EmbedLong(texts, TextRole::kDocument,
                              {.strategy = LongTextOptions::Strategy::kLateChunking}, pool)
                  .status()
                  .code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(TrainablePoolingTest, TheModulesWeightsBearOnTheFingerprint) {
  Write("last_token", true);
  ASSERT_OK_AND_ASSIGN(const auto one, Embedder::Open(decoder_.path()));
  FloatTensors tensors = PoolerTensors();
  tensors["latents"].values[0] += 1;
  decoder_.folder().Write("1_Pooling/model.safetensors", testing::SafetensorsContent(tensors));
  ASSERT_OK_AND_ASSIGN(const auto other, Embedder::Open(decoder_.path()));
  EXPECT_NE(one->fingerprint(), other->fingerprint());
}

}  // namespace
}  // namespace gannet::encoder
