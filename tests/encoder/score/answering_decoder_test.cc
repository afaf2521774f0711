// Decoders that are asked in words whether a passage answers a query.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/status.h"
#include "encoder/models/lm_head.h"
#include "encoder/models/model.h"
#include "encoder/score/cross_encoder.h"
#include "encoder/score/pair_prompt.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::encoder {
namespace {

using testing::FloatTensors;
using testing::RandomTensor;

constexpr size_t kVocabulary = 14, kHidden = 16, kFeedForward = 24;
constexpr TokenId kYes = 1, kNo = 2;

constexpr const char* kTokenizer = R"({
  "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
  "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
  "decoder": null,
  "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "yes": 1, "no": 2, "judge": 3,
    "query:": 4, "text:": 5, "answer:": 6, "sea": 7, "stone": 8, "river": 9, "blue": 10, "by": 11,
    "colour": 12, "sound": 13}}})";

constexpr const char* kPrompt = R"({
  "before": "judge", "pair": "by {instruction} query: {query} text: {document}",
  "after": "answer:", "instruction": "colour", "max_tokens": 16})";

std::string Config(const std::string& architecture) {
  return fmt::format(
      R"({{"model_type": "qwen3", "architectures": ["{}"], "vocab_size": {}, "hidden_size": {},
          "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
          "intermediate_size": {}, "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10000,
          "max_position_embeddings": 64, "tie_word_embeddings": true,
          "id2label": {{"0": "relevant"}}}})",
      architecture, kVocabulary, kHidden, kFeedForward);
}

FloatTensors Tensors() {
  FloatTensors tensors;
  unsigned seed = 0;
  const auto add = [&](const std::string& name, std::vector<size_t> shape) {
    tensors["model." + name] = RandomTensor(std::move(shape), ++seed, 0.5F);
  };
  add("embed_tokens.weight", {kVocabulary, kHidden});
  const std::string layer = "layers.0.";
  add(layer + "self_attn.q_proj.weight", {16, kHidden});
  add(layer + "self_attn.k_proj.weight", {8, kHidden});
  add(layer + "self_attn.v_proj.weight", {8, kHidden});
  add(layer + "self_attn.o_proj.weight", {kHidden, 16});
  add(layer + "self_attn.q_norm.weight", {8});
  add(layer + "self_attn.k_norm.weight", {8});
  add(layer + "mlp.gate_proj.weight", {kFeedForward, kHidden});
  add(layer + "mlp.up_proj.weight", {kFeedForward, kHidden});
  add(layer + "mlp.down_proj.weight", {kHidden, kFeedForward});
  add(layer + "input_layernorm.weight", {kHidden});
  add(layer + "post_attention_layernorm.weight", {kHidden});
  add("norm.weight", {kHidden});
  return tensors;
}

class AnsweringDecoder : public ::testing::Test {
 protected:
  AnsweringDecoder() {
    folder_.Write("config.json", Config("Qwen3ForCausalLM"));
    folder_.Write("tokenizer.json", kTokenizer);
    folder_.Write("pair_prompt.json", kPrompt);
    folder_.Write("model.safetensors", testing::SafetensorsContent(Tensors()));
  }

  // The same as a classifier of one label: the row of yes less that of no.
  void Convert() const {
    FloatTensors tensors = Tensors();
    const std::vector<float>& words = tensors["model.embed_tokens.weight"].values;
    testing::FloatTensor score{{1, kHidden}, std::vector<float>(kHidden)};
    for (size_t c = 0; c < kHidden; ++c) {
      score.values[c] = words[kYes * kHidden + c] - words[kNo * kHidden + c];
    }
    tensors["score.weight"] = score;
    folder_.Write("config.json", Config("Qwen3ForSequenceClassification"));
    folder_.Write("model.safetensors", testing::SafetensorsContent(tensors));
  }

  std::unique_ptr<const CrossEncoder> Open(const CrossEncoderOptions& options = {}) const {
    auto model = CrossEncoder::Open(folder_.path(), options);
    EXPECT_TRUE(model.ok()) << model.status();
    return *std::move(model);
  }

  const testing::TemporaryFolder folder_;
  mutable base::ThreadPool pool_{2};
};

TEST_F(AnsweringDecoder, TheSigmoidOfTheScoreIsTheSoftmaxOfTheTwoAnswers) {
  const auto model = Open();
  EXPECT_EQ(model->max_tokens(), 16u);
  EXPECT_EQ(model->activation(), ScoreActivation::kSigmoid);
  const std::vector<TextPair> pairs = {{"sea", "blue stone"}, {"sea", ""}};
  const PairScores scores = model->Score(pairs, pool_);
  ASSERT_OK(scores.FirstError());
  ASSERT_EQ(scores.labels, 1u);

  // judge | by colour query: sea text: blue stone | answer:
  const std::vector<TokenId> ids = {3, 11, 12, 4, 7, 5, 10, 8, 6};
  EXPECT_EQ(scores.tokens[0].read, ids.size());
  ASSERT_OK_AND_ASSIGN(const auto decoder, Model::Load(folder_.path(), {}));
  ASSERT_OK_AND_ASSIGN(const auto head, LmHead::Load(folder_.path(), {}));
  PackedBatch batch;
  batch.Append(ids, std::vector<uint8_t>(ids.size()));
  std::vector<float> states, logits(kVocabulary);
  decoder->Run(batch, nullptr, {.output = SequenceRows::kLast}, states);
  head.Apply(states, nullptr, logits.data());
  const double yes = std::exp(logits[kYes]), no = std::exp(logits[kNo]);
  EXPECT_NEAR(scores.activations[0], yes / (yes + no), 1e-6);
  EXPECT_NEAR(scores.logits[0], logits[kYes] - logits[kNo], 1e-5);
}

TEST_F(AnsweringDecoder, AConvertedClassifierScoresTheSame) {
  const std::vector<TextPair> pairs = {{"sea", "blue stone"}, {"river", "sea sea"}};
  const PairScores answers = Open()->Score(pairs, pool_);
  Convert();
  const auto classifier = Open();
  EXPECT_EQ(classifier->labels(), std::vector<std::string>{"relevant"});
  const PairScores converted = classifier->Score(pairs, pool_);
  ASSERT_OK(answers.FirstError());
  ASSERT_OK(converted.FirstError());
  for (size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_NEAR(converted.logits[i], answers.logits[i], 1e-5) << i;
  }
}

TEST_F(AnsweringDecoder, TheInstructionIsReadAndTheFrameOfThePromptIsNeverCut) {
  const std::vector<TextPair> pairs = {{"sea",
                                        "stone stone stone stone stone stone stone stone "
                                        "stone stone stone stone"}};
  const auto model = Open();
  const PairScores scores = model->Score(pairs, pool_);
  ASSERT_OK(scores.FirstError());
  EXPECT_EQ(scores.tokens[0].total, 19u);
  EXPECT_EQ(scores.tokens[0].read, 16u);
  const auto other = Open({.instruction = "sound"});
  EXPECT_NE(other->Score(pairs, pool_).logits, scores.logits);
  EXPECT_NE(other->fingerprint(), model->fingerprint());
  const PairScores none = Open({.max_tokens = 2})->Score(pairs, pool_);
  const absl::Status no_room = none.FirstError();
  EXPECT_NE(base::Message(no_room).find("no room for the pair"), std::string_view::npos);
}

TEST_F(AnsweringDecoder, PromptsAndAnswersThatCannotBeAreRefused) {
  const auto refusal = [&](const char* prompt) {
    folder_.Write("pair_prompt.json", prompt);
    return std::string(base::Message(CrossEncoder::Open(folder_.path()).status()));
  };
  EXPECT_NE(refusal(R"({"pair": "{query}"})").find("has no {document}"), std::string::npos);
  EXPECT_NE(refusal(R"({"pair": "{query}{document}", "yes": "sea blue"})").find("is 2 tokens"),
            std::string::npos);
}

// What Qwen3-Reranker's card has, where the folder brings no prompt of its own.
TEST(PairPromptTest, Qwen3HasItsPublishedPrompt) {
  const testing::TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const auto prompt, PairPrompt::Find(folder.path(), "qwen3"));
  ASSERT_TRUE(prompt.has_value());
  EXPECT_EQ(prompt->Fill("{document}", "b"),
            "<Instruct>: Given a web search query, retrieve relevant passages that answer the "
            "query\n<Query>: {document}\n<Document>: b");
  EXPECT_TRUE(prompt->before.starts_with("<|im_start|>system\nJudge whether"));
  EXPECT_TRUE(prompt->after.ends_with("<think>\n\n</think>\n\n"));
  ASSERT_OK_AND_ASSIGN(const auto none, PairPrompt::Find(folder.path(), "llama"));
  EXPECT_FALSE(none.has_value());
}

}  // namespace
}  // namespace gannet::encoder
