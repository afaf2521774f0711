#include "encoder/models/classification_head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/models/model.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

nlohmann::json ReadJson(const std::filesystem::path& path) {
  nlohmann::json json;
  std::ifstream(path) >> json;
  return json;
}

// What the model of a folder and a head make of a batch.
std::vector<float> Logits(const std::filesystem::path& folder, const ClassificationHead& head,
                          const PackedBatch& batch, base::ThreadPool* pool = nullptr) {
  const auto model = Model::Load(folder, {});
  EXPECT_TRUE(model.ok()) << model.status();
  std::vector<float> states;
  (*model)->Run(batch, pool, {.output = head.rows()}, states);
  return head.Logits(head.Represent(batch, states));
}

// tests/data/tiny_bert, whose checkpoint has a classifier beside the encoder, as a cross-encoder.
TEST(TinyClassifierTest, LogitsAndSigmoidEqualTheReference) {
  const std::filesystem::path folder = testing::TestData("tiny_bert");
  const nlohmann::json inputs = ReadJson(folder / "inputs.json")["ce"];
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile outputs,
                       SafetensorsFile::Open(folder / "outputs.safetensors"));
  PackedBatch batch;
  for (size_t s = 0; s < inputs["input_ids"].size(); ++s) {
    const auto mask = inputs["attention_mask"][s].get<std::vector<int>>();
    auto ids = inputs["input_ids"][s].get<std::vector<TokenId>>();
    auto types = inputs["token_type_ids"][s].get<std::vector<uint8_t>>();
    ids.resize(static_cast<size_t>(std::count(mask.begin(), mask.end(), 1)));
    types.resize(ids.size());
    batch.Append(ids, types);
  }
  ASSERT_OK_AND_ASSIGN(const auto head, ClassificationHead::Load(folder));
  EXPECT_EQ(head.labels(), 1u);
  const std::vector<float> logits = Logits(folder, head, batch);
  const std::vector<float> expected = ToFloats(outputs.tensors().at("ce.logits"));
  const std::vector<float> sigmoid = ToFloats(outputs.tensors().at("ce.sigmoid"));
  ASSERT_EQ(logits.size(), expected.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    EXPECT_NEAR(logits[i], expected[i], 2e-5);
    EXPECT_NEAR(1 / (1 + std::exp(-logits[i])), sigmoid[i], 2e-5);
  }
}

class ClassifierFamilyTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    GANNET_SHARED_OR_SKIP(families, "golden/families");
    folder_ = families / GetParam();
    const nlohmann::json manifest = ReadJson(families / "manifest.json");
    tolerance_ = 10 * manifest["models"][GetParam()]["fp32_vs_fp64"].get<double>();
    const nlohmann::json inputs = ReadJson(folder_ / "inputs.json");
    for (size_t s = 0; s < inputs["input_ids"].size(); ++s) {
      const auto ids = inputs["input_ids"][s].get<std::vector<TokenId>>();
      std::vector<uint8_t> types(ids.size());
      if (inputs.contains("token_type_ids")) inputs["token_type_ids"][s].get_to(types);
      batch_.Append(ids, types);
    }
    ASSERT_OK_AND_ASSIGN(SafetensorsFile outputs,
                         SafetensorsFile::Open(folder_ / "outputs.safetensors"));
    outputs_.emplace(std::move(outputs));
  }

  std::vector<float> Expected(size_t sequence) const {
    return ToFloats(outputs_->tensors().at("seq" + std::to_string(sequence) + ".logits"));
  }

  std::filesystem::path folder_;
  double tolerance_ = 0;
  PackedBatch batch_;
  std::optional<SafetensorsFile> outputs_;
};

constexpr const char* kClassifiers[] = {"nli_bert_3",        "rerank_bert",    "rerank_deberta_v2",
                                        "rerank_distilbert", "rerank_electra", "rerank_modernbert",
                                        "rerank_xlm_roberta"};
INSTANTIATE_TEST_SUITE_P(Families, ClassifierFamilyTest, ::testing::ValuesIn(kClassifiers),
                         [](const auto& family) { return std::string(family.param); });

TEST_P(ClassifierFamilyTest, LogitsEqualTheReference) {
  ASSERT_OK_AND_ASSIGN(const auto head, ClassificationHead::Load(folder_));
  const std::vector<float> logits = Logits(folder_, head, batch_);
  ASSERT_EQ(logits.size(), batch_.sequences() * head.labels());
  for (size_t s = 0; s < batch_.sequences(); ++s) {
    const std::vector<float> expected = Expected(s);
    ASSERT_EQ(expected.size(), head.labels());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(logits[s * head.labels() + i], expected[i], tolerance_) << s << " " << i;
    }
  }
}

// The rows that the head does not read are not computed, which may not show.
TEST_P(ClassifierFamilyTest, TheRowsThatTheHeadReadsHaveTheBytesOfAWholeRun) {
  ASSERT_OK_AND_ASSIGN(const auto model, Model::Load(folder_, {}));
  const size_t d = model->dimensions().hidden;
  std::vector<float> whole, some;
  model->Run(batch_, nullptr, {}, whole);
  base::ThreadPool pool(3);
  for (const SequenceRows rows : {SequenceRows::kFirst, SequenceRows::kLast}) {
    for (base::ThreadPool* threads : {static_cast<base::ThreadPool*>(nullptr), &pool}) {
      model->Run(batch_, threads, {.output = rows}, some);
      ASSERT_EQ(some.size(), batch_.sequences() * d);
      for (size_t s = 0; s < batch_.sequences(); ++s) {
        EXPECT_EQ(std::memcmp(&some[s * d], &whole[batch_.RowOf(s, rows) * d], d * sizeof(float)),
                  0)
            << s;
      }
    }
  }
}

// A decoder that answers yes or no: the two logits of the last position, and no others.
class AnsweringDecoderTest : public ClassifierFamilyTest {};
INSTANTIATE_TEST_SUITE_P(Families, AnsweringDecoderTest,
                         ::testing::Values("qwen3", "gemma2", "llama_tied", "gpt_neox"),
                         [](const auto& family) { return std::string(family.param); });

TEST_P(AnsweringDecoderTest, TheLogOddsOfTheAnswersEqualTheReference) {
  constexpr TokenId kYes = 17, kNo = 3;
  ASSERT_OK_AND_ASSIGN(const auto head, ClassificationHead::LoadAnswers(folder_, kYes, kNo));
  EXPECT_EQ(head.labels(), 1u);
  const std::vector<float> logits = Logits(folder_, head, batch_);
  ASSERT_EQ(logits.size(), batch_.sequences());
  for (size_t s = 0; s < batch_.sequences(); ++s) {
    const std::vector<float> expected = Expected(s);  // [length, V]
    const size_t vocabulary = expected.size() / batch_.length(s);
    const float* last = &expected[(batch_.length(s) - 1) * vocabulary];
    EXPECT_NEAR(logits[s], last[kYes] - last[kNo], 2 * tolerance_) << s;
  }
}

TEST_P(AnsweringDecoderTest, AnswersOutsideTheVocabularyAndMissingHeadsAreRefused) {
  const absl::Status status = ClassificationHead::LoadAnswers(folder_, 100'000, 1).status();
  EXPECT_NE(base::Message(status).find("token 100000 is outside"), std::string_view::npos);
  const absl::Status missing = ClassificationHead::Load(folder_).status();
  EXPECT_NE(base::Message(missing).find("score.weight"), std::string_view::npos) << missing;
}

}  // namespace
}  // namespace gannet::encoder
