#include "encoder/score/cross_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
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

std::vector<TextPair> SomePairs(const std::vector<std::string>& passages) {
  std::vector<TextPair> pairs;
  for (const std::string& passage : passages) pairs.push_back({"a river of stone", passage});
  return pairs;
}

std::vector<std::string> SomePassages() {
  std::vector<std::string> passages;
  for (int i = 0; i < 40; ++i) {
    std::string text;
    for (int w = 0; w < i * 11 % 37; ++w) text += (w + i) % 3 == 0 ? "stone " : "river ";
    passages.push_back(text);
  }
  return passages;
}

TEST(CrossEncoderTest, NamesTheLogitAndItsActivation) {
  ASSERT_OK_AND_ASSIGN(const auto model, CrossEncoder::Open(kTinyBert));
  EXPECT_EQ(model->labels(), std::vector<std::string>{"LABEL_0"});
  EXPECT_EQ(model->activation(), ScoreActivation::kSigmoid);  // One label, none named.
  EXPECT_EQ(model->max_tokens(), 48u);
  EXPECT_EQ(model->name(), "tiny_bert");
  EXPECT_EQ(model->fingerprint().size(), 32u);
  base::ThreadPool pool(2);
  const PairScores scores = model->Score(SomePairs({"the sea", "", "x"}), pool);
  ASSERT_OK(scores.FirstError());
  ASSERT_EQ(scores.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(scores.activations[i], 1 / (1 + std::exp(-scores.logits[i])), 1e-6);
    EXPECT_EQ(scores.Relevance(i), scores.logits[i]);
    EXPECT_EQ(scores.Probability(i), scores.activations[i]);
  }
  EXPECT_EQ(scores.tokens[1].total, 7u);  // [CLS] a river of stone [SEP] [SEP]
}

// The tokens of a pair through model and head by hand.
TEST(CrossEncoderTest, ReadsThePairAsTheTokenizerMakesIt) {
  ASSERT_OK_AND_ASSIGN(const auto model, CrossEncoder::Open(kTinyBert));
  base::ThreadPool pool(1);
  // Blanks around the texts are not read.
  const TextPair pair{" the sea ", "a stone \n"};
  const PairScores scores = model->Score(std::span(&pair, 1), pool);
  ASSERT_OK(scores.FirstError());

  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Open(kTinyBert));
  Encoding encoding;
  ASSERT_OK(tokenizer->EncodePair("the sea", "a stone", {}, encoding));
  ASSERT_OK_AND_ASSIGN(const auto transformer, Model::Load(kTinyBert, {}));
  ASSERT_OK_AND_ASSIGN(const auto head, ClassificationHead::Load(kTinyBert));
  PackedBatch batch;
  batch.Append(encoding.ids, encoding.type_ids);
  std::vector<float> states;
  transformer->Run(batch, nullptr, {.output = SequenceRows::kFirst}, states);
  EXPECT_EQ(scores.logits, head.Logits(head.Represent(batch, states)));
  EXPECT_EQ(scores.tokens[0].total, encoding.ids.size());
}

TEST(CrossEncoderTest, ALongPairLosesTokensOfTheLongerTextAndSaysSo) {
  ASSERT_OK_AND_ASSIGN(const auto model, CrossEncoder::Open(kTinyBert));
  base::ThreadPool pool(1);
  std::string passage, beginning;
  for (int i = 0; i < 100; ++i) passage += "sea ";
  for (int i = 0; i < 48 - 3 - 2; ++i) beginning += "sea ";
  const std::vector<TextPair> pairs = {{"the river", passage}, {"the river", beginning}};
  const PairScores scores = model->Score(pairs, pool);
  ASSERT_OK(scores.FirstError());
  EXPECT_EQ(scores.tokens[0].total, 105u);
  EXPECT_EQ(scores.tokens[0].read, 48u);
  EXPECT_TRUE(scores.tokens[0].cut());
  EXPECT_FALSE(scores.tokens[1].cut());
  EXPECT_EQ(scores.logits[0], scores.logits[1]);

  ASSERT_OK_AND_ASSIGN(const auto shorter, CrossEncoder::Open(kTinyBert, {.max_tokens = 20}));
  EXPECT_EQ(shorter->max_tokens(), 20u);
  EXPECT_EQ(shorter->Score(pairs, pool).tokens[0].read, 20u);
  EXPECT_NE(shorter->fingerprint(), model->fingerprint());
}

TEST(CrossEncoderTest, ScoresDoNotDependOnOrderCompanyOrThreadsInAnyPrecision) {
  const std::vector<std::string> passages = SomePassages();
  const std::vector<TextPair> pairs = SomePairs(passages);
  base::ThreadPool one(1), four(4);
  for (const Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kInt8}) {
    ASSERT_OK_AND_ASSIGN(const auto model,
                         CrossEncoder::Open(kTinyBert, {.model = {.precision = precision}}));
    const PairScores together = model->Score(pairs, one);
    ASSERT_OK(together.FirstError());
    EXPECT_EQ(together.logits, model->Score(pairs, four).logits);
    std::vector<TextPair> reversed(pairs.rbegin(), pairs.rend());
    std::vector<float> backwards = model->Score(reversed, four).logits;
    std::ranges::reverse(backwards);
    EXPECT_EQ(together.logits, backwards);
    for (size_t i = 0; i < pairs.size(); ++i) {
      EXPECT_EQ(model->Score(std::span(&pairs[i], 1), four).logits[0], together.logits[i]) << i;
    }
  }
}

TEST(CrossEncoderTest, ATextThatIsNoTextIsAnErrorOfItsPairAlone) {
  ASSERT_OK_AND_ASSIGN(const auto model, CrossEncoder::Open(kTinyBert));
  base::ThreadPool pool(2);
  const std::vector<TextPair> pairs = {{"sea",
                                        "a\xFF"
                                        "b"},
                                       {"sea", "river"},
                                       {"\xC3", "river"}};
  const PairScores scores = model->Score(pairs, pool);
  EXPECT_EQ(scores.errors[0].code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(scores.errors[1].ok());
  EXPECT_EQ(scores.errors[2].code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(scores.logits[0], 0);
  EXPECT_NE(scores.logits[1], 0);
  const absl::Status first_error = scores.FirstError();
  EXPECT_NE(base::Message(first_error).find("pair 0: not well-formed"), std::string_view::npos);
  EXPECT_EQ(model->Score({}, pool).size(), 0u);
}

TEST(CrossEncoderTest, ObeysTheActivationThatTheFolderNames) {
  const auto activation = [](const std::string& fields) {
    const ChangedTinyBert changed{{"config.json", TinyBertConfig(fields)}};
    const auto model = CrossEncoder::Open(changed.path());
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? ScoreActivationName((*model)->activation()) : "";
  };
  const std::string identity = "torch.nn.modules.linear.Identity";
  EXPECT_EQ(activation(R"("sentence_transformers": {"activation_fn": ")" + identity + "\"}"),
            "identity");
  EXPECT_EQ(activation("\"sbert_ce_default_activation_function\": \"" + identity + "\""),
            "identity");
  EXPECT_EQ(activation(R"("sentence_transformers": {"activation_fn": "torch.nn.Sigmoid"},
                          "sbert_ce_default_activation_function": ")" +
                       identity + "\""),
            "sigmoid");
  const ChangedTinyBert strange{
      {"config.json",
       TinyBertConfig(R"("sentence_transformers": {"activation_fn": "my.Softmin"})")}};
  const absl::Status status = CrossEncoder::Open(strange.path()).status();
  EXPECT_NE(base::Message(status).find("sentence_transformers.activation_fn: \"my.Softmin\""),
            std::string_view::npos)
      << status;
}

TEST(CrossEncoderTest, TwoLabelsOrderByTheLogarithmOfTheSoftmax) {
  const ChangedTinyBert changed{
      {"model.safetensors", TinyBertTensors(2)},
      {"config.json", TinyBertConfig(R"("id2label": {"0": "irrelevant", "1": "relevant"})")}};
  ASSERT_OK_AND_ASSIGN(const auto model, CrossEncoder::Open(changed.path()));
  EXPECT_EQ(model->labels(), (std::vector<std::string>{"irrelevant", "relevant"}));
  EXPECT_EQ(model->activation(), ScoreActivation::kIdentity);
  base::ThreadPool pool(1);
  const PairScores scores = model->Score(SomePairs({"the sea", "stone"}), pool);
  ASSERT_OK(scores.FirstError());
  for (size_t i = 0; i < 2; ++i) {
    const double no = std::exp(scores.logits[2 * i]), yes = std::exp(scores.logits[2 * i + 1]);
    EXPECT_NEAR(scores.Probability(i), yes / (yes + no), 1e-6);
    EXPECT_NEAR(scores.Relevance(i), std::log(yes / (yes + no)), 1e-6);
  }
}

TEST(CrossEncoderTest, ExtremeLogitsKeepTheirOrder) {
  const PairScores scores{.labels = 2,
                          .logits = {300, -300, -300, 300, 1e30F, 0},
                          .activations = {},
                          .tokens = {{}, {}, {}},
                          .errors = {}};
  EXPECT_EQ(scores.Relevance(0), -600);
  EXPECT_EQ(scores.Relevance(1), 0);
  EXPECT_EQ(scores.Relevance(2), -1e30F);
  EXPECT_EQ(scores.Probability(2), 0);
}

TEST(CrossEncoderTest, AFolderWithoutAHeadIsRefused) {
  const ChangedTinyBert headless{{"model.safetensors", TinyBertTensors(0)}};
  const absl::Status status = CrossEncoder::Open(headless.path()).status();
  EXPECT_NE(base::Message(status).find("no classifier.weight"), std::string_view::npos) << status;
  EXPECT_NE(base::Message(status).find("model"), std::string_view::npos);
  const absl::Status instructed = CrossEncoder::Open(kTinyBert, {.instruction = "judge"}).status();
  EXPECT_NE(base::Message(instructed).find("takes no instruction"), std::string_view::npos);
  EXPECT_EQ(CrossEncoder::Open("/no/such/folder").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gannet::encoder
