#include "encoder/score/term_encoder.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/status.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/models/split_model.h"
#include "encoder/tokenizer/tokenizer.h"
#include "tests/encoder/score/tiny_classifier.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using testing::kTinyBert;

TermEncoderOptions Options(size_t join_layer = 2, size_t slots = 5) {
  return {.model = {}, .join_layer = join_layer, .query_slots = slots};
}

std::vector<Terms> Passages(const TermEncoder& model, const std::vector<std::string_view>& texts,
                            base::ThreadPool& pool) {
  return model.EncodePassages(texts, pool);
}

// [CLS] query [SEP] and passage [SEP] by hand, at the places that the query's slots leave.
TEST(TermEncoderTest, ScoresThePairWithThePassageInItsFixedPlace) {
  ASSERT_OK_AND_ASSIGN(const auto model, TermEncoder::Open(kTinyBert, Options()));
  EXPECT_EQ(model->width(), 12u);  // The checkpoint has a compressor.
  base::ThreadPool pool(2);
  const Terms query = model->EncodeQuery("the sea", pool);
  const std::vector<Terms> passages = Passages(*model, {"a stone"}, pool);
  ASSERT_OK(query.status);
  EXPECT_EQ(query.tokens.total, 2u);
  ASSERT_OK_AND_ASSIGN(const auto scores, model->Score(query, passages, pool));

  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Open(kTinyBert));
  ASSERT_OK_AND_ASSIGN(const auto encoder, Model::Load(kTinyBert, {}));
  ASSERT_OK_AND_ASSIGN(const SplitModel split, SplitModel::Load(kTinyBert, 2, *encoder));
  Encoding encoding;
  ASSERT_OK(tokenizer->EncodePair("the sea", "a stone", {}, encoding));
  ASSERT_EQ(encoding.ids.size(), 7u);  // [CLS] the sea [SEP] a stone [SEP]
  PackedBatch parts, pair;
  parts.Append(std::span(encoding.ids).first(4), std::span(encoding.type_ids).first(4));
  parts.Append(std::span(encoding.ids).subspan(4), std::span(encoding.type_ids).subspan(4));
  parts.given_positions = {0, 1, 2, 6, 7, 8, 9};
  pair.Append(encoding.ids, encoding.type_ids);
  const std::vector<float> joined = split.Join(pair, split.Terms(parts, nullptr), nullptr);
  EXPECT_EQ(scores.scores, split.Scores(joined));
}

TEST(TermEncoderTest, TermsAndScoresDoNotDependOnCompanyOrThreads) {
  ASSERT_OK_AND_ASSIGN(const auto model, TermEncoder::Open(kTinyBert, Options()));
  base::ThreadPool one(1), four(4);
  const std::vector<std::string_view> texts = {"a stone", "", "river sea river", "sea"};
  const std::vector<Terms> passages = Passages(*model, texts, four);
  const Terms query = model->EncodeQuery("blue", one);
  EXPECT_EQ(query.values, model->EncodeQuery("blue", four).values);
  ASSERT_OK_AND_ASSIGN(const auto together, model->Score(query, passages, four));
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<Terms> alone = Passages(*model, {texts[i]}, one);
    EXPECT_EQ(alone[0].values, passages[i].values) << i;
    ASSERT_OK_AND_ASSIGN(const auto score, model->Score(query, alone, one));
    EXPECT_EQ(score.scores[0], together.scores[i]) << i;
  }
}

TEST(TermEncoderTest, ALongPassageIsCutInEvenChunksAndALongQueryToItsSlots) {
  ASSERT_OK_AND_ASSIGN(const auto model, TermEncoder::Open(kTinyBert, Options()));
  base::ThreadPool pool(1);
  std::string sea;
  for (int i = 0; i < 85; ++i) sea += "sea ";
  const std::vector<Terms> passages = Passages(*model, {sea}, pool);
  ASSERT_OK(passages[0].status);
  // 85 tokens, 48 - 5 - 3 at a time: three chunks of 29, 29 and 27, each with [SEP].
  EXPECT_EQ(passages[0].chunks, (std::vector<size_t>{30, 30, 28}));
  EXPECT_FALSE(passages[0].tokens.cut());
  const Terms query = model->EncodeQuery("sea sea sea sea sea sea sea", pool);
  EXPECT_EQ(query.tokens.total, 7u);
  EXPECT_EQ(query.tokens.read, 5u);
  EXPECT_TRUE(model->Score(query, passages, pool).ok());
}

// OpenNIR's checkpoints keep the compressor inside the layer that it follows.
TEST(TermEncoderTest, ACompressorUnderOpenNirsNamesIsTheSame) {
  ASSERT_OK_AND_ASSIGN(const auto file, SafetensorsFile::Open(kTinyBert / "model.safetensors"));
  const std::map<std::string, std::string> parts = {
      {"prettr.compress", "0"}, {"prettr.decompress", "2"}, {"prettr.LayerNorm", "3"}};
  testing::FloatTensors tensors;
  for (const auto& [name, view] : file.tensors()) {
    std::string renamed = name;
    for (const auto& [own, place] : parts) {
      if (!name.starts_with(own)) continue;
      renamed = "encoder.layer.1.selfencode." + place + name.substr(own.size());
    }
    tensors[renamed] = {view.shape, ToFloats(view)};
  }
  const testing::ChangedTinyBert folder{
      {"model.safetensors", testing::SafetensorsContent(tensors)}};
  ASSERT_OK_AND_ASSIGN(const auto model, TermEncoder::Open(kTinyBert, Options()));
  ASSERT_OK_AND_ASSIGN(const auto renamed, TermEncoder::Open(folder.path(), Options()));
  EXPECT_EQ(renamed->width(), 12u);
  base::ThreadPool pool(1);
  const auto score = [&](const TermEncoder& encoder) {
    return encoder.Score(encoder.EncodeQuery("sea", pool), Passages(encoder, {"stone"}, pool),
                         pool);
  };
  ASSERT_OK_AND_ASSIGN(const auto expected, score(*model));
  ASSERT_OK_AND_ASSIGN(const auto got, score(*renamed));
  EXPECT_EQ(got.scores, expected.scores);
}

TEST(TermEncoderTest, APassageWhoseTermsWouldFillTheMemoryIsRefused) {
  ASSERT_OK_AND_ASSIGN(const auto model, TermEncoder::Open(kTinyBert, Options()));
  base::ThreadPool pool(1);
  std::string sea;
  for (size_t i = 0; i <= kMaxTermTokens; ++i) sea += "sea ";
  const std::vector<Terms> passages = Passages(*model, {sea, "sea"}, pool);
  EXPECT_NE(base::Message(passages[0].status).find("65537 tokens, the terms of at most 65536"),
            std::string_view::npos)
      << passages[0].status;
  EXPECT_TRUE(passages[1].status.ok());
}

TEST(TermEncoderTest, WhatCannotBeReadOrJoinedIsRefused) {
  ASSERT_OK_AND_ASSIGN(const auto model, TermEncoder::Open(kTinyBert, Options()));
  base::ThreadPool pool(1);
  std::vector<Terms> passages = Passages(*model, {"sea", "\xFF"}, pool);
  EXPECT_TRUE(passages[0].status.ok());
  EXPECT_FALSE(passages[1].status.ok());
  EXPECT_FALSE(model->EncodeQuery("\xFF", pool).status.ok());
  const Terms query = model->EncodeQuery("sea", pool);
  EXPECT_FALSE(model->Score(passages[1], passages, pool).ok());
  ASSERT_OK_AND_ASSIGN(const TermScores beside, model->Score(query, passages, pool));
  EXPECT_TRUE(beside.errors[0].ok());
  EXPECT_NE(base::Message(beside.errors[1]).find("not well-formed"), std::string_view::npos);
  passages.pop_back();
  ASSERT_OK_AND_ASSIGN(const TermScores alone, model->Score(query, passages, pool));
  EXPECT_EQ(alone.scores[0], beside.scores[0]);
  passages[0].values.pop_back();
  ASSERT_OK_AND_ASSIGN(const TermScores cut, model->Score(query, passages, pool));
  EXPECT_NE(base::Message(cut.errors[0]).find("values for"), std::string_view::npos);
  const testing::ChangedTinyBert two{{"model.safetensors", testing::TinyBertTensors(2)}};
  const absl::Status labels = TermEncoder::Open(two.path(), Options()).status();
  EXPECT_NE(base::Message(labels).find("2 labels, expected one"), std::string_view::npos);
  EXPECT_FALSE(TermEncoder::Open(kTinyBert, Options(3)).ok());
  EXPECT_FALSE(TermEncoder::Open(kTinyBert, Options(2, 46)).ok());
}

}  // namespace
}  // namespace gannet::encoder
