#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/models/lm_head.h"
#include "encoder/models/model.h"
#include "encoder/models/pooler.h"
#include "encoder/models/state_space_model.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

nlohmann::json ReadJson(const std::filesystem::path& path) {
  nlohmann::json json;
  std::ifstream(path) >> json;
  return json;
}

bool SameBytes(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// Tiny models with random weights beside what transformers computes with them.
class FamilyTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    GANNET_SHARED_OR_SKIP(families, "golden/families");
    folder_ = families / GetParam();
    ASSERT_OK_AND_ASSIGN(model_, Model::Load(folder_, {}));
    ASSERT_OK_AND_ASSIGN(SafetensorsFile outputs,
                         SafetensorsFile::Open(folder_ / "outputs.safetensors"));
    outputs_.emplace(std::move(outputs));
    const nlohmann::json manifest = ReadJson(families / "manifest.json");
    tolerance_ = 10 * manifest["models"][GetParam()]["fp32_vs_fp64"].get<double>();

    const nlohmann::json inputs = ReadJson(folder_ / "inputs.json");
    for (size_t s = 0; s < inputs["input_ids"].size(); ++s) {
      const auto ids = inputs["input_ids"][s].get<std::vector<TokenId>>();
      std::vector<uint8_t> types(ids.size());
      if (inputs.contains("token_type_ids")) inputs["token_type_ids"][s].get_to(types);
      batch_.Append(ids, types);
    }
    ASSERT_OK(model_->Check(batch_));
  }

  size_t width() const { return model_->dimensions().hidden; }

  std::span<const float> Rows(std::span<const float> hidden, size_t sequence) const {
    return hidden.subspan(batch_.offsets[sequence] * width(), batch_.length(sequence) * width());
  }

  PackedBatch Alone(size_t sequence) const {
    const size_t first = batch_.offsets[sequence], length = batch_.length(sequence);
    PackedBatch batch;
    batch.Append(std::span(batch_.ids).subspan(first, length),
                 std::span(batch_.type_ids).subspan(first, length));
    return batch;
  }

  // The reference counts the states of Mamba from the one after the first layer; it sees the last
  // one before and after the final norm, the model only after.
  bool CountsFromFirstLayer() const {
    return dynamic_cast<const StateSpaceModel*>(model_.get()) != nullptr;
  }
  std::string HiddenName(size_t layer) const {
    constexpr size_t kLayers = 3;
    const bool shifted = CountsFromFirstLayer() && layer < kLayers;
    if (shifted && layer == 0) return "embedding";
    return fmt::format("hidden.{}", shifted ? layer - 1 : layer);
  }

  // Every output of the model by the name that the reference gives it.
  std::map<std::string, std::vector<float>> Outputs(base::ThreadPool* pool) const;

  std::filesystem::path folder_;
  std::unique_ptr<const Model> model_;
  std::optional<SafetensorsFile> outputs_;
  double tolerance_ = 0;
  PackedBatch batch_;
};

// softmax_j(s_ij) of every layer as [heads, length, length] under the reference's names.
class AttentionCollector {
 public:
  explicit AttentionCollector(const PackedBatch& batch) : batch_(batch) {}

  void Add(const AttentionRow& row) {
    const std::lock_guard lock(mutex_);
    std::vector<float>& matrix =
        matrices_[fmt::format("seq{}.attention.{}", row.sequence, row.layer)];
    const size_t length = batch_.length(row.sequence);
    const size_t begin = (row.head * length + row.query) * length;
    matrix.resize(std::max(matrix.size(), begin + length));
    std::ranges::copy(row.weights, matrix.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  std::map<std::string, std::vector<float>> matrices() { return std::move(matrices_); }

 private:
  const PackedBatch& batch_;
  std::mutex mutex_;
  std::map<std::string, std::vector<float>> matrices_;
};

std::map<std::string, std::vector<float>> FamilyTest::Outputs(base::ThreadPool* pool) const {
  AttentionCollector attention(batch_);
  const AttentionRequest request{.observe = [&](const AttentionRow& row) { attention.Add(row); }};
  std::map<std::string, std::vector<float>> outputs;
  const auto add = [&](const std::string& name, std::span<const float> values, size_t of_row) {
    for (size_t s = 0; s < batch_.sequences(); ++s) {
      const auto rows = values.subspan(batch_.offsets[s] * of_row, batch_.length(s) * of_row);
      outputs[fmt::format("seq{}.{}", s, name)].assign(rows.begin(), rows.end());
    }
  };
  std::vector<float> hidden;
  const RunOptions options{
      .on_layer = [&](size_t layer,
                      std::span<const float> states) { add(HiddenName(layer), states, width()); },
      .attention = &request};
  model_->Run(batch_, pool, options, hidden);
  add("last_hidden_state", hidden, width());
  outputs.merge(attention.matrices());
  if (outputs_->tensors().contains("seq0.pooler_output")) {
    const auto pooler = Pooler::Load(folder_, {});
    EXPECT_TRUE(pooler.ok()) << pooler.status();
    const std::vector<float> pooled = pooler->Apply(batch_, hidden);
    for (size_t s = 0; s < batch_.sequences(); ++s) {
      const auto row = std::span(pooled).subspan(s * width(), width());
      outputs[fmt::format("seq{}.pooler_output", s)].assign(row.begin(), row.end());
    }
  }
  if (outputs_->tensors().contains("seq0.logits")) {
    const auto head = LmHead::Load(folder_, {});
    EXPECT_TRUE(head.ok()) << head.status();
    std::vector<float> logits(batch_.rows() * head->vocabulary());
    head->Apply(hidden, pool, logits.data());
    add("logits", logits, head->vocabulary());
  }
  return outputs;
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

constexpr const char* kEncoders[] = {"albert",     "bert",    "bert_gelu_new", "deberta_v2",
                                     "distilbert", "electra", "modernbert",    "mpnet",
                                     "nomic_bert", "roberta", "t5_encoder",    "xlm_roberta"};
constexpr const char* kDecoders[] = {
    "gemma2",  "gemma3_bidirectional", "gpt_neox", "llama", "llama3_rope", "llama_tied",
    "mistral", "mistral_window",       "phi3",     "qwen2", "qwen3",       "smollm3"};
// Without attention.
constexpr const char* kStateSpaces[] = {"falcon_mamba", "mamba", "mamba2"};

std::string FamilyName(const ::testing::TestParamInfo<const char*>& family) { return family.param; }

INSTANTIATE_TEST_SUITE_P(Encoders, FamilyTest, ::testing::ValuesIn(kEncoders), FamilyName);
INSTANTIATE_TEST_SUITE_P(Decoders, FamilyTest, ::testing::ValuesIn(kDecoders), FamilyName);
INSTANTIATE_TEST_SUITE_P(StateSpaces, FamilyTest, ::testing::ValuesIn(kStateSpaces), FamilyName);

TEST_P(FamilyTest, EveryTensorEqualsTheReference) {
  const auto got = Outputs(nullptr);
  double worst = 0;
  for (const auto& [name, tensor] : outputs_->tensors()) {
    if (CountsFromFirstLayer() && name.ends_with(".hidden.2")) continue;
    ASSERT_TRUE(got.contains(name)) << name;
    const double difference = Difference(got.at(name), ToFloats(tensor));
    EXPECT_LE(difference, tolerance_) << name;
    worst = std::max(worst, difference);
  }
  RecordProperty("share_of_tolerance", std::to_string(worst / tolerance_));
}

TEST_P(FamilyTest, EveryOutputHasTheSameBytesOnThreads) {
  base::ThreadPool pool(4);
  const auto alone = Outputs(nullptr), threaded = Outputs(&pool);
  ASSERT_EQ(alone.size(), threaded.size());
  for (const auto& [name, values] : alone) {
    EXPECT_TRUE(SameBytes(values, threaded.at(name))) << name;
  }
}

class AttentionFamilyTest : public FamilyTest {};

INSTANTIATE_TEST_SUITE_P(Encoders, AttentionFamilyTest, ::testing::ValuesIn(kEncoders), FamilyName);
INSTANTIATE_TEST_SUITE_P(Decoders, AttentionFamilyTest, ::testing::ValuesIn(kDecoders), FamilyName);

// What a caller that looks at a few rows of a few heads asks for.
TEST_P(AttentionFamilyTest, ARestrictedRequestSeesItsRowsAloneAndTheRunMayEndEarly) {
  const auto whole = Outputs(nullptr);
  AttentionRequest request{
      .rows = std::vector<AttentionRequest::Rows>(batch_.sequences(), {.begin = 7, .end = 12}),
      .wanted = [](size_t layer, size_t head) { return layer == 1 && head % 2 == 1; }};
  size_t rows_seen = 0;
  request.observe = [&](const AttentionRow& row) {
    EXPECT_EQ(row.layer, 1u);
    EXPECT_EQ(row.head % 2, 1u);
    EXPECT_TRUE(row.query >= 7 && row.query < 12) << row.query;
    const size_t length = batch_.length(row.sequence);
    const auto& matrix = whole.at(fmt::format("seq{}.attention.1", row.sequence));
    EXPECT_TRUE(SameBytes(
        row.weights, std::span(matrix).subspan((row.head * length + row.query) * length, length)));
    ++rows_seen;
  };
  std::vector<float> hidden;
  model_->Run(batch_, nullptr, {.attention = &request, .layers = 2}, hidden);
  EXPECT_EQ(rows_seen, 3 * 2 * 5u);  // Sequences of more than 12 tokens, heads, rows.
  for (size_t s = 0; s < batch_.sequences(); ++s) {
    EXPECT_TRUE(SameBytes(Rows(hidden, s), whole.at(fmt::format("seq{}.hidden.2", s)))) << s;
  }
}

TEST_P(FamilyTest, BytesDoNotDependOnTheBatchOrTheThreads) {
  std::vector<float> alone, packed, threaded;
  model_->Forward(batch_, nullptr, packed, nullptr);
  base::ThreadPool pool(4);
  model_->Forward(batch_, &pool, threaded, nullptr);
  EXPECT_TRUE(SameBytes(packed, threaded));
  for (size_t s = 0; s < batch_.sequences(); ++s) {
    for (base::ThreadPool* threads : {static_cast<base::ThreadPool*>(nullptr), &pool}) {
      model_->Forward(Alone(s), threads, alone, nullptr);
      EXPECT_TRUE(SameBytes(alone, Rows(packed, s)))
          << "sequence " << s << (threads == nullptr ? "" : " with threads");
    }
  }
}

class EncoderFamilyTest : public FamilyTest {};

INSTANTIATE_TEST_SUITE_P(Encoders, EncoderFamilyTest, ::testing::ValuesIn(kEncoders), FamilyName);

// A temperature, which the references lack, must act as it does in softmax(s/τ): 2 halves what
// separates the scores, so the states move, but stay finite.
TEST_P(EncoderFamilyTest, TheTemperatureReachesEveryLayer) {
  GANNET_SHARED_OR_SKIP(families, "golden/families");
  ASSERT_OK_AND_ASSIGN(const auto warm, Model::Load(families / GetParam(), {.temperature = 2}));
  std::vector<std::vector<float>> plain, tempered;
  std::vector<float> hidden;
  model_->Forward(batch_, nullptr, hidden, [&](size_t, std::span<const float> states) {
    plain.emplace_back(states.begin(), states.end());
  });
  warm->Forward(batch_, nullptr, hidden, [&](size_t, std::span<const float> states) {
    tempered.emplace_back(states.begin(), states.end());
  });
  ASSERT_EQ(plain.size(), tempered.size());
  EXPECT_EQ(plain[0], tempered[0]);
  for (size_t layer = 1; layer < plain.size(); ++layer) {
    EXPECT_NE(plain[layer], tempered[layer]) << layer;
  }
}

// The encoder inside a classifier's checkpoint, under the classifier's prefix.
class ClassifierEncoderTest : public FamilyTest {};

constexpr const char* kClassifiers[] = {"nli_bert_3",        "rerank_bert",    "rerank_deberta_v2",
                                        "rerank_distilbert", "rerank_electra", "rerank_modernbert",
                                        "rerank_xlm_roberta"};

INSTANTIATE_TEST_SUITE_P(Families, ClassifierEncoderTest, ::testing::ValuesIn(kClassifiers),
                         FamilyName);

TEST_P(ClassifierEncoderTest, LoadsAndRuns) {
  std::vector<float> hidden;
  model_->Forward(batch_, nullptr, hidden, nullptr);
  ASSERT_EQ(hidden.size(), batch_.rows() * width());
  for (const float value : hidden) ASSERT_TRUE(std::isfinite(value));
}

}  // namespace
}  // namespace gannet::encoder
