#include "encoder/score/duo_encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/status.h"
#include "encoder/models/classification_head.h"
#include "encoder/models/model.h"
#include "tests/encoder/score/tiny_classifier.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using testing::ChangedTinyBert;
using testing::kTinyBert;
using testing::TinyBertConfig;
using testing::TinyBertTensors;

constexpr const char* kTypes = "embeddings.token_type_embeddings.weight";

// tiny_bert with two labels and three token types.
ChangedTinyBert TinyDuo() {
  return {{"config.json", TinyBertConfig(R"("type_vocab_size": 3)")},
          {"model.safetensors", TinyBertTensors(2, {{kTypes, testing::RandomTensor({3, 32}, 5)}})}};
}

// [CLS] q [SEP] a [SEP] b [SEP] through model and head by hand.
double Preference(const std::filesystem::path& folder, const std::string& q, const std::string& a,
                  const std::string& b) {
  const auto tokenizer = Tokenizer::Open(folder);
  const auto model = Model::Load(folder, {});
  const auto head = ClassificationHead::Load(folder);
  EXPECT_TRUE(tokenizer.ok() && model.ok() && head.ok());
  std::vector<TokenId> ids = {2};
  std::vector<uint8_t> types = {0};
  uint8_t type = 0;
  for (const std::string& text : {q, a, b}) {
    Encoding encoding;
    EXPECT_TRUE((*tokenizer)->Encode(text, {}, encoding).ok());
    ids.insert(ids.end(), encoding.ids.begin() + 1, encoding.ids.end());
    types.resize(ids.size(), type++);
  }
  PackedBatch batch;
  batch.Append(ids, types);
  EXPECT_TRUE((*model)->Check(batch).ok());
  std::vector<float> states;
  (*model)->Run(batch, nullptr, {.output = SequenceRows::kFirst}, states);
  const std::vector<float> logits = head->Logits(head->Represent(batch, states));
  return 1 / (1 + std::exp(logits[0] - logits[1]));
}

TEST(DuoEncoderTest, ComparesAllOrderedPairsWithThreeTokenTypes) {
  const ChangedTinyBert folder = TinyDuo();
  ASSERT_OK_AND_ASSIGN(const auto model, DuoEncoder::Open(folder.path(), {.query_tokens = 8}));
  base::ThreadPool pool(3);
  const std::vector<std::string_view> passages = {"the sea", "a stone", ""};
  ASSERT_OK_AND_ASSIGN(const Preferences result, model->Compare("river", passages, pool));
  ASSERT_EQ(result.preferred.size(), 9u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(result.errors[i].ok());
    for (size_t j = 0; j < 3; ++j) {
      const double expected = i == j ? 0
                                     : Preference(folder.path(), "river", std::string(passages[i]),
                                                  std::string(passages[j]));
      EXPECT_NEAR(result.preferred[i * 3 + j], expected, 1e-6) << i << " " << j;
    }
  }
}

TEST(DuoEncoderTest, EachPassageGetsHalfOfWhatTheQueryLeaves) {
  const ChangedTinyBert folder = TinyDuo();
  ASSERT_OK_AND_ASSIGN(const auto model, DuoEncoder::Open(folder.path(), {.query_tokens = 8}));
  base::ThreadPool pool(1);
  std::string sea;
  for (int i = 0; i < 60; ++i) sea += "sea ";
  const std::vector<std::string_view> passages = {sea, "stone", "\xFF"};
  ASSERT_OK_AND_ASSIGN(const Preferences result, model->Compare(sea, passages, pool));
  EXPECT_EQ(result.query.total, 60u);
  EXPECT_EQ(result.query.read, 6u);       // [CLS] 6 [SEP]
  EXPECT_EQ(result.tokens[0].read, 19u);  // (48 - 8) / 2 with its [SEP]
  EXPECT_EQ(result.tokens[0].total, 60u);
  EXPECT_FALSE(result.tokens[1].cut());
  EXPECT_FALSE(result.errors[2].ok());
  EXPECT_EQ(result.preferred[2], 0);
  EXPECT_GT(result.preferred[1], 0);
  EXPECT_FALSE(model->Compare("\xFF", passages, pool).ok());
}

TEST(DuoEncoderTest, ModelsOfAnotherShapeAreRefusedWithTheReason) {
  const auto refusal = [](const std::filesystem::path& folder, const DuoOptions& options = {}) {
    return std::string(DuoEncoder::Open(folder, options).status().message());
  };
  EXPECT_NE(refusal(kTinyBert).find("1 labels, expected 2"), std::string::npos);
  const ChangedTinyBert two_types{{"model.safetensors", TinyBertTensors(2)}};
  EXPECT_NE(refusal(two_types.path(), {.query_tokens = 8}).find("type_vocab_size: 2"),
            std::string::npos);
  const ChangedTinyBert duo = TinyDuo();
  EXPECT_NE(refusal(duo.path()).find("64 tokens of the query do not fit"), std::string::npos);
}

}  // namespace
}  // namespace gannet::encoder
