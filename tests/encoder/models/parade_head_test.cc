#include "encoder/models/parade_head.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/models/model.h"
#include "tests/encoder/score/tiny_classifier.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using testing::ChangedTinyBert;
using testing::TinyBertConfig;

std::vector<float> Golden(const SafetensorsFile& file, const std::string& name) {
  return ToFloats(file.tensors().at(name));
}

TEST(ParadeHeadTest, AggregatesEqualTheReference) {
  GANNET_SHARED_OR_SKIP(folder, "golden/aggregators");
  ASSERT_OK_AND_ASSIGN(const auto model, SafetensorsFile::Open(folder / "model.safetensors"));
  ASSERT_OK_AND_ASSIGN(const auto outputs, SafetensorsFile::Open(folder / "outputs.safetensors"));
  nlohmann::json inputs;
  std::ifstream(folder / "inputs.json") >> inputs;
  const size_t count = inputs["parade.num_segments"];
  std::vector<float> passages;
  for (size_t i = 0; i < count; ++i) {
    for (const float value : inputs["parade.cls"][i]) passages.push_back(value);
  }
  const size_t d = passages.size() / count;
  const auto expect = [&](const ParadeHead& head, const std::string& name) {
    const std::vector<float> got = head.Aggregate(passages, d);
    const std::vector<float> expected = Golden(outputs, name);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t c = 0; c < d; ++c) EXPECT_NEAR(got[c], expected[c], 1e-5) << name << " " << c;
  };
  expect(ParadeHead::Average(), "parade.avg");
  expect(ParadeHead::Max(), "parade.max");
  expect(ParadeHead::Attention(Golden(model, "parade.cls_weight")), "parade.attn");
}

// The last two layers of tiny_bert under PARADE's names: what they make of [c, p_1, p_2] is what a
// run of the model itself makes of it from its second layer on.
TEST(ParadeHeadTest, TheTransformerRunsLayersOfBertOverTheFirstVectorAndThePassages) {
  testing::FloatTensors layers;
  ASSERT_OK_AND_ASSIGN(const auto file,
                       SafetensorsFile::Open(testing::kTinyBert / "model.safetensors"));
  for (const auto& [name, view] : file.tensors()) {
    const std::string of_layer = "encoder.layer.";
    if (!name.starts_with(of_layer) || name[of_layer.size()] == '0') continue;
    std::string renamed = "parade." + name;
    --renamed[renamed.find(of_layer) + of_layer.size()];
    layers[renamed] = {view.shape, ToFloats(view)};
  }
  const ChangedTinyBert folder{
      {"config.json", TinyBertConfig(R"("parade": {"aggregation": "transformer", "cls_id": 3})")},
      {"model.safetensors", testing::TinyBertTensors(2, layers)}};
  ASSERT_OK_AND_ASSIGN(const ParadeHead head, ParadeHead::Load(folder.path()));
  const std::vector<float> passages = testing::RandomTensor({2, 32}, 3).values;

  ASSERT_OK_AND_ASSIGN(const auto model, Model::Load(folder.path(), {}));
  const std::vector<float> words = Golden(file, "embeddings.word_embeddings.weight");
  std::vector<float> states(words.begin() + 3 * 32, words.begin() + 4 * 32);
  states.insert(states.end(), passages.begin(), passages.end());
  PackedBatch batch;
  batch.Append(std::vector<TokenId>(3), std::vector<uint8_t>(3));
  model->Run(batch, nullptr, {.first_layer = 1, .output = SequenceRows::kFirst}, states);
  EXPECT_EQ(head.Aggregate(passages, 32), states);
}

TEST(ParadeHeadTest, WhatTheFolderDoesNotSayOrHaveIsNamed) {
  const auto refusal = [](const std::string& parade) {
    const ChangedTinyBert folder{{"config.json", TinyBertConfig(parade)}};
    return std::string(base::Message(ParadeHead::Load(folder.path()).status()));
  };
  EXPECT_NE(refusal(R"("x": 1)").find("parade.aggregation: missing"), std::string::npos);
  EXPECT_NE(refusal(R"("parade": {"aggregation": "sum"})").find("\"sum\" is not avg"),
            std::string::npos);
  EXPECT_NE(refusal(R"("parade": {"aggregation": "attn"})").find("parade.cls_weight"),
            std::string::npos);
  EXPECT_NE(refusal(R"("parade": {"aggregation": "transformer"})").find("parade.encoder.layer.0"),
            std::string::npos);
}

}  // namespace
}  // namespace gannet::encoder
