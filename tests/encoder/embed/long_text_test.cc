#include "encoder/embed/long_text.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <string>

#include "base/status.h"
#include "encoder/embed/embedder.h"
#include "encoder/embed/one_vector.h"
#include "encoder/embed/pooling.h"
#include "encoder/models/model.h"
#include "encoder/tokenizer/tokenizer.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using ::testing::HasSubstr;
using Strategy = LongTextOptions::Strategy;
using testing::TemporaryFolder;

const std::filesystem::path kTinyBert = testing::TestData("tiny_bert");  // Reads 48 tokens.

// Words of one token each, in sentences of seven with a stop.
std::string Words(size_t count) {
  static constexpr std::array kWords = {"the", "sea", "of", "stone", "and", "river"};
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    const size_t place = i % 7;
    if (place == 0) {
      text += "The ";  // Annex 29 begins no sentence with a small letter.
    } else {
      text += place == 6 ? ". " : fmt::format("{}{}", kWords[i * i % 6], place == 5 ? "" : " ");
    }
  }
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

class LongTextTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(kTinyBert); }
  void Open(const std::filesystem::path& folder) {
    ASSERT_OK_AND_ASSIGN(model_, Embedder::Open(folder));
  }

  std::vector<TextVectors> EmbedAll(const std::vector<std::string>& texts,
                                    const LongTextOptions& options, int threads = 2,
                                    TextRole role = TextRole::kDocument) {
    base::ThreadPool pool(threads);
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    auto vectors = model_->EmbedLong(views, role, options, pool);
    EXPECT_TRUE(vectors.ok()) << vectors.status();
    return vectors.ok() ? *std::move(vectors) : std::vector<TextVectors>(texts.size());
  }
  TextVectors EmbedOne(const std::string& text, const LongTextOptions& options) {
    TextVectors vectors = EmbedAll({text}, options).front();
    EXPECT_TRUE(vectors.status.ok()) << vectors.status;
    return vectors;
  }
  absl::Status Refusal(const LongTextOptions& options) {
    base::ThreadPool pool(1);
    const std::string_view text = "sea";
    return model_->EmbedLong(std::span(&text, 1), TextRole::kDocument, options, pool).status();
  }

  // What Embed makes of a text.
  std::vector<float> Plain(std::string_view text) {
    base::ThreadPool pool(1);
    auto embeddings = model_->Embed(std::span(&text, 1), TextRole::kDocument, pool);
    EXPECT_TRUE(embeddings.ok() && embeddings->status(0).ok());
    return embeddings.ok() ? embeddings->values : std::vector<float>();
  }

  std::span<const float> Vector(const TextVectors& vectors, size_t i) {
    return std::span(vectors.values).subspan(i * model_->dimension(), model_->dimension());
  }

  std::unique_ptr<const Embedder> model_;
};

std::string_view Part(std::string_view text, const TextSpan& span) {
  return text.substr(span.first_byte, span.bytes);
}

bool SameBytes(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

TEST_F(LongTextTest, ATextThatFitsHasTheVectorOfEmbedByteForByte) {
  const std::vector<Strategy> strategies = {
      Strategy::kTruncate, Strategy::kWindows, Strategy::kLateChunking, Strategy::kMean,
      Strategy::kMax,      Strategy::kFirst,   Strategy::kAttention};
  for (const Strategy strategy : strategies) {
    for (const std::string& text : {std::string(), Words(1), Words(11)}) {
      const TextVectors vectors = EmbedOne(text, {.strategy = strategy});
      EXPECT_EQ(vectors.windows, 1u);
      ASSERT_EQ(vectors.spans.size(), 1u);
      EXPECT_EQ(vectors.spans[0].bytes, text.size());
      EXPECT_FALSE(vectors.tokens.cut());
      EXPECT_TRUE(SameBytes(vectors.values, Plain(text))) << StrategyName(strategy);
    }
  }
  const TextVectors full = EmbedOne(Words(46), {});
  EXPECT_EQ(full.tokens.total, 48u);
  EXPECT_EQ(full.windows, 1u);
  EXPECT_TRUE(SameBytes(full.values, Plain(Words(46))));
}

TEST_F(LongTextTest, ALongTextIsReadInWindowsByDefault) {
  const std::string text = Words(100);
  const TextVectors vectors = EmbedOne(text, {});
  EXPECT_EQ(vectors.tokens.total, 102u);
  EXPECT_EQ(vectors.tokens.read, 102u);
  EXPECT_EQ(vectors.windows, 3u);  // 46 tokens of 48 are the text's; neighbours share 5.
  ASSERT_EQ(vectors.spans.size(), 3u);
  EXPECT_EQ(vectors.spans[0].first_byte, 0u);
  EXPECT_EQ(vectors.spans[2].first_byte + vectors.spans[2].bytes, text.size());
  EXPECT_EQ(vectors.spans[2].first_token + vectors.spans[2].tokens, 100u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(SameBytes(Vector(vectors, i), Plain(Part(text, vectors.spans[i])))) << i;
    if (i > 0) {
      EXPECT_EQ(vectors.spans[i].first_token,
                vectors.spans[i - 1].first_token + vectors.spans[i - 1].tokens - 5);
    }
  }
}

TEST_F(LongTextTest, TruncationIsAskedForAndSaysHowFarItRead) {
  const std::string text = Words(100);
  const TextVectors vectors = EmbedOne(text, {.strategy = Strategy::kTruncate});
  EXPECT_EQ(vectors.tokens.total, 102u);
  EXPECT_EQ(vectors.tokens.read, 48u);
  ASSERT_EQ(vectors.spans.size(), 1u);
  EXPECT_EQ(vectors.spans[0].tokens, 46u);
  EXPECT_TRUE(SameBytes(vectors.values, Plain(text)));
  EXPECT_TRUE(SameBytes(vectors.values, Plain(Part(text, vectors.spans[0]))));
}

TEST_F(LongTextTest, WindowsOfASizeAlsoCutTextsThatFit) {
  const std::string text = Words(30);
  const TextVectors vectors = EmbedOne(text, {.size = 16, .stride = 8});
  ASSERT_EQ(vectors.spans.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_LE(vectors.spans[i].tokens, 16u);
    EXPECT_TRUE(SameBytes(Vector(vectors, i), Plain(Part(text, vectors.spans[i]))));
  }
}

TEST_F(LongTextTest, VectorsDoNotDependOnCompanyOrThreads) {
  std::vector<std::string> texts;
  texts.reserve(12);
  for (size_t i = 0; i < 12; ++i) texts.push_back(Words(i * 37 % 200));
  for (const Strategy strategy : {Strategy::kWindows, Strategy::kLateChunking, Strategy::kMean}) {
    const std::vector<TextVectors> together = EmbedAll(texts, {.strategy = strategy}, 4);
    for (size_t i = 0; i < texts.size(); ++i) {
      const TextVectors alone = EmbedAll({texts[i]}, {.strategy = strategy}, 1).front();
      EXPECT_TRUE(SameBytes(alone.values, together[i].values)) << i;
      EXPECT_EQ(alone.spans, together[i].spans);
    }
  }
}

TEST_F(LongTextTest, WindowsEndWithSentences) {
  const std::string text = Words(140);
  const TextVectors vectors = EmbedOne(text, {.ends = LongTextOptions::Ends::kSentences});
  ASSERT_GE(vectors.spans.size(), 4u);
  EXPECT_EQ(vectors.tokens.read, 142u);
  for (size_t i = 0; i < vectors.spans.size(); ++i) {
    EXPECT_TRUE(Part(text, vectors.spans[i]).ends_with('.')) << Part(text, vectors.spans[i]);
    EXPECT_EQ(vectors.spans[i].first_token % 7, 0u);
    EXPECT_TRUE(SameBytes(Vector(vectors, i), Plain(Part(text, vectors.spans[i]))));
  }
}

TEST_F(LongTextTest, WindowsOfWordsAreThoseOfTheWords) {
  std::string text;  // Numbers are of as many tokens as they have digits.
  for (int i = 0; i < 40; ++i) text += fmt::format("{}{}", i > 0 ? " " : "", i);
  const TextVectors vectors =
      EmbedOne(text, {.unit = LongTextOptions::Unit::kWords, .size = 10, .stride = 5});
  ASSERT_EQ(vectors.spans.size(), 8u);
  EXPECT_EQ(Part(text, vectors.spans[0]), "0 1 2 3 4 5 6 7 8 9");
  EXPECT_EQ(Part(text, vectors.spans[1]), "5 6 7 8 9 10 11 12 13 14");
  EXPECT_EQ(Part(text, vectors.spans[7]), "35 36 37 38 39");
  EXPECT_FALSE(vectors.tokens.cut());
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_TRUE(SameBytes(Vector(vectors, i), Plain(Part(text, vectors.spans[i]))));
  }
}

TEST_F(LongTextTest, WordsThatAreTooManyTokensAreCutAndSaySo) {
  const std::string text = Words(60);
  const TextVectors vectors =
      EmbedOne(text, {.unit = LongTextOptions::Unit::kWords, .size = 50, .stride = 50});
  ASSERT_EQ(vectors.spans.size(), 2u);
  EXPECT_EQ(vectors.spans[0].tokens, 46u);  // Of 59 that fifty words are.
  EXPECT_EQ(vectors.tokens.total - vectors.tokens.read, 60 - 46 - vectors.spans[1].tokens);
}

TEST_F(LongTextTest, LateChunksAreMeansOverTheTokensOfTheWhole) {
  const std::string text = Words(40);
  const TextVectors vectors =
      EmbedOne(text, {.strategy = Strategy::kLateChunking, .size = 10, .stride = 10});
  ASSERT_EQ(vectors.spans.size(), 4u);

  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Open(kTinyBert));
  ASSERT_OK_AND_ASSIGN(const auto transformer, Model::Load(kTinyBert, {}));
  Encoding encoding;
  ASSERT_OK(tokenizer->Encode(text, {}, encoding));
  PackedBatch batch;
  batch.Append(encoding.ids, encoding.type_ids);
  std::vector<float> hidden;
  transformer->Forward(batch, nullptr, hidden, nullptr);
  for (size_t i = 0; i < 4; ++i) {
    std::vector<float> want(32);
    Pool(Pooling::kMean, std::span(hidden).subspan((1 + 10 * i) * 32, 10 * 32), want);
    NormalizeL2(want);
    for (size_t c = 0; c < 32; ++c) EXPECT_NEAR(Vector(vectors, i)[c], want[c], 1e-6);
  }
  EXPECT_FALSE(SameBytes(Vector(vectors, 1), Plain(Part(text, vectors.spans[1]))));
}

TEST_F(LongTextTest, LateChunkingReadsTextsLongerThanTheModel) {
  const std::string text = Words(150);
  const TextVectors vectors = EmbedOne(text, {.strategy = Strategy::kLateChunking});
  EXPECT_EQ(vectors.tokens.read, 152u);
  EXPECT_EQ(vectors.windows, 14u);  // Of 11 tokens, a quarter of 46.
  EXPECT_EQ(vectors.values.size(), 14 * model_->dimension());
  size_t end = 0;
  for (const TextSpan& span : vectors.spans) {
    EXPECT_EQ(span.first_token, end);
    end += span.tokens;
  }
  EXPECT_EQ(end, 150u);
}

TEST_F(LongTextTest, LateChunkingIsRefusedWhereOneTokenMakesTheVector) {
  TemporaryFolder folder;
  std::filesystem::copy(kTinyBert, folder.path(), std::filesystem::copy_options::recursive);
  folder.Write("1_Pooling/config.json",
               R"({"word_embedding_dimension":32,"pooling_mode_cls_token":true})");
  Open(folder.path());
  const absl::Status status = Refusal({.strategy = Strategy::kLateChunking});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("one token of a text (cls"));
  ASSERT_OK(Refusal({}));
}

TEST_F(LongTextTest, OneVectorOfTheWindows) {
  const std::string text = Words(100);
  const TextVectors windows = EmbedOne(text, {});
  const TextVectors mean = EmbedOne(text, {.strategy = Strategy::kMean});
  const TextVectors first = EmbedOne(text, {.strategy = Strategy::kFirst});
  EXPECT_EQ(mean.windows, 3u);
  ASSERT_EQ(mean.spans.size(), 1u);
  EXPECT_EQ(mean.spans[0], (TextSpan{0, text.size(), 0, 100}));
  for (size_t c = 0; c < model_->dimension(); ++c) {
    const float want = (Vector(windows, 0)[c] + Vector(windows, 1)[c] + Vector(windows, 2)[c]) / 3;
    EXPECT_NEAR(mean.values[c], want, 1e-6);
  }
  EXPECT_EQ(first.windows, 1u);
  EXPECT_EQ(first.tokens.read, 48u);
  EXPECT_TRUE(SameBytes(first.values, Plain(text)));
}

TEST(OneVectorTest, FormulasOverTwoWindows) {
  const std::vector<float> windows = {3, 0, 1, 2};
  EXPECT_EQ(OneVector(Strategy::kMean, windows, 2), (std::vector<float>{2, 1}));
  EXPECT_EQ(OneVector(Strategy::kMax, windows, 2), (std::vector<float>{3, 2}));
  EXPECT_EQ(OneVector(Strategy::kFirst, windows, 2), (std::vector<float>{3, 0}));
  // The mean is (2, 1), the inner products 6 and 4.
  const double weight = 1 / (1 + std::exp(-2.0));
  const std::vector<float> attended = OneVector(Strategy::kAttention, windows, 2);
  EXPECT_NEAR(attended[0], 3 * weight + 1 - weight, 1e-6);
  EXPECT_NEAR(attended[1], 2 * (1 - weight), 1e-6);
}

TEST_F(LongTextTest, ThePromptStandsBeforeEveryWindowAndIsNoPartOfTheSpans) {
  TemporaryFolder folder;
  std::filesystem::copy(kTinyBert, folder.path(), std::filesystem::copy_options::recursive);
  folder.Write("config_sentence_transformers.json",
               R"({"prompts":{"document":"search text: ","query":"bird "}})");
  Open(folder.path());
  const std::string text = Words(80);
  const TextVectors vectors = EmbedOne(text, {});
  EXPECT_EQ(vectors.tokens.total, 80 + 3 + 2u);
  EXPECT_EQ(vectors.tokens.read, 85u);
  ASSERT_EQ(vectors.spans.size(), 2u);
  EXPECT_EQ(vectors.spans[0].first_byte, 0u);
  EXPECT_EQ(vectors.spans[0].first_token, 0u);
  EXPECT_EQ(vectors.spans[1].first_byte + vectors.spans[1].bytes, text.size());
  EXPECT_EQ(vectors.spans[1].first_token + vectors.spans[1].tokens, 80u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_LE(vectors.spans[i].tokens, 43u);
    EXPECT_TRUE(SameBytes(Vector(vectors, i), Plain(Part(text, vectors.spans[i]))));
  }
}

TEST_F(LongTextTest, ATextWithoutAVectorLeavesTheOthersTheirs) {
  const std::vector<TextVectors> vectors = EmbedAll({Words(90), "bad \xff", Words(60)}, {});
  EXPECT_EQ(vectors[1].status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(vectors[1].spans.empty() && vectors[1].values.empty());
  ASSERT_OK(vectors[2].status);
  EXPECT_TRUE(SameBytes(vectors[2].values, EmbedOne(Words(60), {}).values));
}

TEST_F(LongTextTest, SpansAreOfTheTextAsItWasGiven) {
  TemporaryFolder folder;
  std::filesystem::copy(kTinyBert, folder.path(), std::filesystem::copy_options::recursive);
  folder.Write("sentence_bert_config.json", R"({"max_seq_length":12,"do_lower_case":true})");
  Open(folder.path());
  // Lower-casing makes three bytes of the two of U+0130.
  std::string text = "  ";
  for (int i = 0; i < 12; ++i) text += i % 2 == 0 ? "\u0130 " : "SEA ";
  const TextVectors vectors = EmbedOne(text, {.size = 2, .stride = 2});
  ASSERT_GE(vectors.spans.size(), 6u);
  for (const TextSpan& span : vectors.spans) {
    EXPECT_THAT(std::string(Part(text, span)), ::testing::AnyOf("\u0130 SEA", "SEA \u0130"));
  }
}

TEST_F(LongTextTest, OptionsThatDoNotGoTogetherAreRefused) {
  for (const auto& [options, message] : std::vector<std::pair<LongTextOptions, std::string>>{
           {{.strategy = Strategy::kTruncate, .size = 5}, "there are no windows"},
           {{.stride = 5}, "window stride 5 without a window size"},
           {{.size = 4, .stride = 5}, "window stride 5: must not be above the window size 4"},
           {{.unit = LongTextOptions::Unit::kWords, .ends = LongTextOptions::Ends::kSentences},
            "counted in tokens"}}) {
    EXPECT_THAT(std::string(base::Message(Refusal(options))), HasSubstr(message));
  }
  const std::vector<TextVectors> vectors = EmbedAll({Words(5)}, {.size = 47});
  EXPECT_THAT(std::string(base::Message(vectors[0].status)),
              HasSubstr("window size 47: the model reads at most 46 tokens of a text"));
}

TEST(LongTextNamesTest, NamesAreReadAndWritten) {
  for (const std::string_view name :
       {"truncate", "windows", "late-chunking", "mean", "max", "first", "attention"}) {
    ASSERT_OK_AND_ASSIGN(const Strategy strategy, ParseStrategy(name));
    EXPECT_EQ(StrategyName(strategy), name);
  }
  EXPECT_THAT(std::string(base::Message(ParseStrategy("maxp").status())),
              HasSubstr("\"maxp\" is not known, expected one of truncate, windows"));
  EXPECT_EQ((LongTextOptions{.size = 128, .stride = 96, .ends = LongTextOptions::Ends::kSentences})
                .ToString(),
            "windows of 128 tokens, every 96, ending with sentences");
}

}  // namespace
}  // namespace gannet::encoder
