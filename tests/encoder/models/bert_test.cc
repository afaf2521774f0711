#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/embed/pooling.h"
#include "encoder/models/model.h"
#include "encoder/models/pooler.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

// tests/data/tiny_bert with the reference's inputs and outputs.
class TinyBertTest : public ::testing::Test {
 protected:
  static constexpr double kTolerance = 2e-5;

  void SetUp() override {
    const std::filesystem::path folder = testing::TestData("tiny_bert");
    ASSERT_OK_AND_ASSIGN(model_, Model::Load(folder, {}));
    ASSERT_OK_AND_ASSIGN(SafetensorsFile outputs,
                         SafetensorsFile::Open(folder / "outputs.safetensors"));
    outputs_.emplace(std::move(outputs));
    std::ifstream(folder / "inputs.json") >> inputs_;
  }

  // The unpadded sequences of the bi-encoder ("bi") or cross-encoder ("ce") inputs.
  PackedBatch Batch(const std::string& part) const {
    PackedBatch batch;
    for (size_t s = 0; s < inputs_[part]["input_ids"].size(); ++s) {
      const auto mask = inputs_[part]["attention_mask"][s].get<std::vector<int>>();
      auto ids = inputs_[part]["input_ids"][s].get<std::vector<TokenId>>();
      auto types = inputs_[part]["token_type_ids"][s].get<std::vector<uint8_t>>();
      const auto length = static_cast<size_t>(std::count(mask.begin(), mask.end(), 1));
      ids.resize(length);
      types.resize(length);
      batch.Append(ids, types);
    }
    return batch;
  }

  // Largest difference between packed rows and a padded [sequences, padded, d] expectation.
  double Difference(const PackedBatch& batch, std::span<const float> hidden,
                    const std::string& expected_name) const {
    const TensorView& tensor = outputs_->tensors().at(expected_name);
    const std::vector<float> expected = ToFloats(tensor);
    const size_t padded = tensor.shape[1], d = tensor.shape[2];
    double worst = 0;
    for (size_t s = 0; s < batch.sequences(); ++s) {
      for (size_t i = 0; i < batch.length(s) * d; ++i) {
        const double difference =
            std::abs(hidden[batch.offsets[s] * d + i] - expected[s * padded * d + i]);
        if (!(difference <= worst)) worst = difference;
      }
    }
    return worst;
  }

  std::unique_ptr<const Model> model_;
  std::optional<SafetensorsFile> outputs_;
  nlohmann::json inputs_;
};

TEST_F(TinyBertTest, EveryHiddenStateEqualsTheReference) {
  const PackedBatch batch = Batch("bi");
  ASSERT_OK(model_->Check(batch));
  std::vector<float> hidden;
  size_t layers_seen = 0;
  model_->Forward(batch, nullptr, hidden, [&](size_t layer, std::span<const float> states) {
    EXPECT_LT(Difference(batch, states, "bi.hidden." + std::to_string(layer)), kTolerance) << layer;
    ++layers_seen;
  });
  EXPECT_EQ(layers_seen, 4u);
}

TEST_F(TinyBertTest, SecondSegmentsEqualTheReference) {
  const PackedBatch batch = Batch("ce");
  std::vector<float> hidden;
  model_->Forward(batch, nullptr, hidden, nullptr);
  EXPECT_LT(Difference(batch, hidden, "ce.hidden.last"), kTolerance);
}

TEST_F(TinyBertTest, EveryPoolingEqualsTheReference) {
  const PackedBatch batch = Batch("bi");
  std::vector<float> hidden;
  model_->Forward(batch, nullptr, hidden, nullptr);
  const size_t d = model_->dimensions().hidden;
  for (const auto& [pooling, name] :
       {std::pair{Pooling::kCls, "cls"}, std::pair{Pooling::kMax, "max"},
        std::pair{Pooling::kMean, "mean"}, std::pair{Pooling::kMeanSqrtLen, "mean_sqrt_len_tokens"},
        std::pair{Pooling::kWeightedMean, "weightedmean"},
        std::pair{Pooling::kLastToken, "lasttoken"}}) {
    const std::vector<float> expected =
        ToFloats(outputs_->tensors().at(std::string("bi.pool.") + name));
    for (size_t s = 0; s < batch.sequences(); ++s) {
      std::vector<float> pooled(d);
      Pool(pooling, std::span(hidden).subspan(batch.offsets[s] * d, batch.length(s) * d), pooled);
      for (size_t c = 0; c < d; ++c) {
        EXPECT_NEAR(pooled[c], expected[s * d + c], kTolerance) << name << " " << s << " " << c;
      }
    }
  }
}

TEST_F(TinyBertTest, ThePoolerEqualsTheReference) {
  ASSERT_OK_AND_ASSIGN(const Pooler pooler, Pooler::Load(testing::TestData("tiny_bert"), {}));
  for (const std::string part : {"bi", "ce"}) {
    const PackedBatch batch = Batch(part);
    std::vector<float> hidden;
    model_->Forward(batch, nullptr, hidden, nullptr);
    const std::vector<float> expected = ToFloats(outputs_->tensors().at(part + ".pooler_output"));
    const std::vector<float> pooled = pooler.Apply(batch, hidden);
    ASSERT_EQ(pooled.size(), expected.size());
    for (size_t i = 0; i < pooled.size(); ++i) EXPECT_NEAR(pooled[i], expected[i], kTolerance);
  }
}

TEST_F(TinyBertTest, TheAttentionOfTheFirstLayerEqualsTheReference) {
  const PackedBatch batch = Batch("bi");
  const std::vector<float> expected = ToFloats(outputs_->tensors().at("bi.attn_probs.0"));
  size_t rows = 0;
  const AttentionRequest request{
      .wanted = [](size_t layer, size_t) { return layer == 0; },
      .observe =
          [&](const AttentionRow& row) {
            ++rows;
            ASSERT_EQ(row.weights.size(), batch.length(row.sequence));
            const size_t first = ((row.sequence * 4 + row.head) * 12 + row.query) * 12;
            for (size_t j = 0; j < row.weights.size(); ++j) {
              EXPECT_NEAR(row.weights[j], expected[first + j], kTolerance);
            }
          }};
  std::vector<float> hidden;
  model_->Run(batch, nullptr, {.attention = &request, .layers = 1}, hidden);
  EXPECT_EQ(rows, 4 * batch.rows());
  EXPECT_LT(Difference(batch, hidden, "bi.hidden.1"), kTolerance);
}

TEST_F(TinyBertTest, ATemperatureEqualsTheReference) {
  ASSERT_OK_AND_ASSIGN(const auto model,
                       Model::Load(testing::TestData("tiny_bert"), {.temperature = 0.8F}));
  const PackedBatch batch = Batch("bi");
  std::vector<float> hidden, pooled(32);
  model->Forward(batch, nullptr, hidden, nullptr);
  const std::vector<float> expected = ToFloats(outputs_->tensors().at("bi.tempscale_0.8.mean"));
  for (size_t s = 0; s < batch.sequences(); ++s) {
    Pool(Pooling::kMean, std::span(hidden).subspan(batch.offsets[s] * 32, batch.length(s) * 32),
         pooled);
    for (size_t c = 0; c < 32; ++c) EXPECT_NEAR(pooled[c], expected[s * 32 + c], kTolerance);
  }
}

TEST_F(TinyBertTest, ThePoolerOfAFamilyWithoutOneIsRefused) {
  const testing::TemporaryFolder folder;
  folder.Write("config.json", R"({"model_type":"t5","hidden_size":32})");
  const absl::Status status = Pooler::Load(folder.path(), {}).status();
  EXPECT_NE(base::Message(status).find("model_type: \"t5\" has no pooler"), std::string_view::npos)
      << status;
}

TEST_F(TinyBertTest, BytesDoNotDependOnTheBatchOrTheThreads) {
  PackedBatch batch = Batch("bi");
  std::vector<float> alone, packed, threaded;
  model_->Forward(batch, nullptr, packed, nullptr);
  base::ThreadPool pool(4);
  model_->Forward(batch, &pool, threaded, nullptr);
  ASSERT_EQ(packed.size(), threaded.size());
  EXPECT_EQ(std::memcmp(packed.data(), threaded.data(), packed.size() * sizeof(float)), 0);
  const size_t d = model_->dimensions().hidden;
  for (size_t s = 0; s < batch.sequences(); ++s) {
    PackedBatch one;
    one.Append(std::span(batch.ids).subspan(batch.offsets[s], batch.length(s)),
               std::span(batch.type_ids).subspan(batch.offsets[s], batch.length(s)));
    model_->Forward(one, nullptr, alone, nullptr);
    EXPECT_EQ(
        std::memcmp(alone.data(), &packed[batch.offsets[s] * d], alone.size() * sizeof(float)), 0)
        << s;
  }
}

TEST_F(TinyBertTest, InputsThatTheModelCannotTakeAreRefused) {
  PackedBatch batch;
  batch.Append(std::vector<TokenId>{99}, std::vector<uint8_t>{0});
  EXPECT_EQ(model_->Check(batch).code(), absl::StatusCode::kInvalidArgument);
  batch.Clear();
  batch.Append(std::vector<TokenId>{-1}, std::vector<uint8_t>{0});
  EXPECT_FALSE(model_->Check(batch).ok());
  batch.Clear();
  batch.Append(std::vector<TokenId>{5}, std::vector<uint8_t>{2});
  EXPECT_FALSE(model_->Check(batch).ok());
  batch.Clear();
  batch.Append(std::vector<TokenId>(65, 5), std::vector<uint8_t>(65, 0));
  EXPECT_FALSE(model_->Check(batch).ok());
  batch.Clear();
  batch.Append(std::vector<TokenId>(64, 5), std::vector<uint8_t>(64, 0));
  EXPECT_TRUE(model_->Check(batch).ok());
}

}  // namespace
}  // namespace gannet::encoder
