#include "encoder/embed/embedder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "base/status.h"
#include "encoder/checkpoint/safetensors.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::encoder {
namespace {

using testing::TemporaryFolder;

const std::filesystem::path kTinyBert = testing::TestData("tiny_bert");

// tests/data/tiny_bert with one of its files replaced (or removed, by empty content).
class ChangedModel {
 public:
  ChangedModel(std::string_view file, std::string_view content) {
    std::filesystem::copy(kTinyBert, folder_.path() / "model",
                          std::filesystem::copy_options::recursive);
    if (content.empty()) {
      std::filesystem::remove_all(path() / file);
    } else {
      folder_.Write("model/" + std::string(file), content);
    }
  }
  std::filesystem::path path() const { return folder_.path() / "model"; }

 private:
  TemporaryFolder folder_;
};

Embeddings EmbedAll(const Embedder& model, const std::vector<std::string_view>& texts,
                    base::ThreadPool& pool) {
  auto embeddings = model.Embed(texts, TextRole::kDocument, pool);
  EXPECT_TRUE(embeddings.ok()) << embeddings.status();
  return embeddings.ok() ? *std::move(embeddings) : Embeddings{};
}

TEST(EmbedderTest, ObeysTheFolder) {
  ASSERT_OK_AND_ASSIGN(const auto model, Embedder::Open(kTinyBert));
  EXPECT_EQ(model->dimension(), 32u);
  EXPECT_EQ(model->max_tokens(), 48u);  // sentence_bert_config.json, not the model's 64.
  EXPECT_EQ(model->similarity(), Similarity::kCosine);
  EXPECT_EQ(model->name(), "tiny_bert");
  EXPECT_EQ(model->fingerprint().size(), 32u);

  base::ThreadPool pool(2);
  const Embeddings embeddings = EmbedAll(*model, {"the sea", "", "a river of stone"}, pool);
  ASSERT_EQ(embeddings.size(), 3u);
  EXPECT_EQ(embeddings.tokens[0].total, 4u);  // [CLS] the sea [SEP]
  EXPECT_EQ(embeddings.tokens[1].total, 2u);
  for (size_t i = 0; i < 3; ++i) {
    double squares = 0;
    for (const float v : embeddings[i]) squares += static_cast<double>(v) * v;
    EXPECT_NEAR(squares, 1, 1e-6);
  }
}

TEST(EmbedderTest, ALongTextIsReadUpToTheLimitAndSaysSo) {
  ASSERT_OK_AND_ASSIGN(const auto model, Embedder::Open(kTinyBert));
  base::ThreadPool pool(1);
  std::string text;
  for (int i = 0; i < 100; ++i) text += "sea ";
  const Embeddings embeddings = EmbedAll(*model, {text, "sea"}, pool);
  EXPECT_EQ(embeddings.tokens[0].total, 102u);
  EXPECT_EQ(embeddings.tokens[0].read, 48u);
  EXPECT_TRUE(embeddings.tokens[0].cut());
  EXPECT_FALSE(embeddings.tokens[1].cut());
}

TEST(EmbedderTest, TheSameTextHasTheSameBytesInAnyCompanyAndOnAnyNumberOfThreads) {
  ASSERT_OK_AND_ASSIGN(const auto model, Embedder::Open(kTinyBert));
  std::vector<std::string> texts;
  for (int i = 0; i < 60; ++i) {
    std::string text;
    for (int w = 0; w < i * 7 % 45; ++w) text += (w + i) % 3 == 0 ? "stone " : "river ";
    texts.push_back(text);
  }
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  base::ThreadPool one(1), four(4);
  const Embeddings together = EmbedAll(*model, views, one);
  const Embeddings threaded = EmbedAll(*model, views, four);
  ASSERT_EQ(together.values.size(), threaded.values.size());
  EXPECT_EQ(std::memcmp(together.values.data(), threaded.values.data(),
                        together.values.size() * sizeof(float)),
            0);
  for (size_t i = 0; i < texts.size(); ++i) {
    const Embeddings alone = EmbedAll(*model, {views[i]}, four);
    EXPECT_EQ(std::memcmp(alone.values.data(), together[i].data(), together[i].size_bytes()), 0)
        << i;
  }
}

bool SameBytes(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

TEST(EmbedderTest, IllFormedTextIsAnErrorOfItsOwn) {
  ASSERT_OK_AND_ASSIGN(const auto model, Embedder::Open(kTinyBert));
  base::ThreadPool pool(1);
  const Embeddings embeddings = EmbedAll(*model, {"fine", "bad \xff byte", "sea"}, pool);
  ASSERT_EQ(embeddings.size(), 3u);
  EXPECT_EQ(embeddings.status(1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(base::Message(embeddings.FirstError()), "text 1: not well-formed UTF-8");
  EXPECT_TRUE(std::ranges::all_of(embeddings[1], [](float v) { return v == 0; }));

  const Embeddings others = EmbedAll(*model, {"fine", "sea"}, pool);
  ASSERT_OK(others.FirstError());
  ASSERT_OK(embeddings.status(0));
  ASSERT_OK(embeddings.status(2));
  EXPECT_TRUE(SameBytes(embeddings[0], others[0]));
  EXPECT_TRUE(SameBytes(embeddings[2], others[1]));
}

// tests/data/tiny_bert with another vector for the token "stone" and another pooling.
class StoneModel {
 public:
  StoneModel(float value, const std::string& pooling) {
    std::filesystem::copy(kTinyBert, path(), std::filesystem::copy_options::recursive);
    const auto file = SafetensorsFile::Open(kTinyBert / "model.safetensors");
    EXPECT_TRUE(file.ok()) << file.status();
    testing::FloatTensors tensors;
    for (const auto& [name, tensor] : file->tensors()) {
      tensors[name] = {tensor.shape, ToFloats(tensor)};
    }
    std::ifstream vocabulary(kTinyBert / "vocab.txt");
    size_t id = 0;
    for (std::string token; std::getline(vocabulary, token) && token != "stone";) ++id;
    std::vector<float>& words = tensors["embeddings.word_embeddings.weight"].values;
    std::fill_n(words.begin() + static_cast<std::ptrdiff_t>(32 * id), 32, value);
    folder_.Write("model/model.safetensors", testing::SafetensorsContent(tensors));
    folder_.Write("model/1_Pooling/config.json",
                  R"({"pooling_mode_mean_tokens":false,"pooling_mode_)" + pooling + R"(":true})");
  }
  std::filesystem::path path() const { return folder_.path() / "model"; }

 private:
  TemporaryFolder folder_;
};

class OverflowTest : public ::testing::TestWithParam<Precision> {};

INSTANTIATE_TEST_SUITE_P(Precisions, OverflowTest,
                         ::testing::Values(Precision::kFp32, Precision::kBf16, Precision::kInt8),
                         [](const auto& precision) {
                           return std::string(PrecisionName(precision.param));
                         });

// Vectors so large that a sum over one is infinite, then NaN: whatever row of the text is pooled.
TEST_P(OverflowTest, IsAnErrorOfItsTextAndItsNeighboursKeepTheirBytes) {
  const std::vector<std::string_view> texts = {"the sea",  "a river of stone", "stone",
                                               "the bird", "stone by the sea", ""};
  base::ThreadPool one(1), four(4);
  for (const char* pooling : {"cls_token", "mean_tokens", "max_tokens", "lasttoken"}) {
    const StoneModel sound(1, pooling), broken(3e38F, pooling);
    ASSERT_OK_AND_ASSIGN(const auto clean, Embedder::Open(sound.path(), {.precision = GetParam()}));
    ASSERT_OK_AND_ASSIGN(const auto model,
                         Embedder::Open(broken.path(), {.precision = GetParam()}));
    const Embeddings want = EmbedAll(*clean, texts, one);
    ASSERT_OK(want.FirstError());
    for (base::ThreadPool* pool : {&one, &four, &one}) {  // Again, with what was left in buffers.
      const Embeddings got = EmbedAll(*model, texts, *pool);
      for (size_t i = 0; i < texts.size(); ++i) {
        if (texts[i].find("stone") == std::string_view::npos) {
          EXPECT_TRUE(got.status(i).ok()) << pooling << ": " << texts[i];
          EXPECT_TRUE(SameBytes(got[i], want[i])) << pooling << ": " << texts[i];
        } else {
          EXPECT_EQ(got.status(i).code(), absl::StatusCode::kInternal) << pooling << texts[i];
          EXPECT_NE(base::Message(got.status(i)).find("not finite"), std::string_view::npos);
          EXPECT_EQ(got.tokens[i].total, want.tokens[i].total);
        }
      }
    }
  }
}

TEST(EmbedderTest, WeightsThatAreNotFiniteAreRefusedByFileAndTensor) {
  const StoneModel model(NAN, "mean_tokens");
  const absl::Status status = Embedder::Open(model.path()).status();
  for (const char* part : {"model.safetensors", "embeddings.word_embeddings.weight", "nan"}) {
    EXPECT_NE(base::Message(status).find(part), std::string_view::npos) << status;
  }
}

TEST(EmbedderTest, PromptsArePutBeforeTheText) {
  const ChangedModel prompted("config_sentence_transformers.json",
                              R"({"prompts":{"query":"search ","document":"text "}})");
  ASSERT_OK_AND_ASSIGN(const auto with, Embedder::Open(prompted.path()));
  ASSERT_OK_AND_ASSIGN(const auto without, Embedder::Open(kTinyBert));
  EXPECT_NE(with->fingerprint(), without->fingerprint());
  base::ThreadPool pool(1);
  const std::vector<std::string_view> plain = {"bird"}, spelled_out = {"search bird"};
  ASSERT_OK_AND_ASSIGN(const Embeddings query, with->Embed(plain, TextRole::kQuery, pool));
  ASSERT_OK_AND_ASSIGN(const Embeddings same, without->Embed(spelled_out, TextRole::kQuery, pool));
  EXPECT_EQ(query.values, same.values);
  ASSERT_OK_AND_ASSIGN(const Embeddings document, with->Embed(plain, TextRole::kDocument, pool));
  EXPECT_NE(query.values, document.values);
}

struct BadFolder {
  std::string name;
  std::string file;
  std::string content;
  std::vector<std::string> expected;  // Parts of the message.
};

class BadFolderTest : public ::testing::TestWithParam<BadFolder> {};

TEST_P(BadFolderTest, IsRefusedByFileAndField) {
  const ChangedModel model(GetParam().file, GetParam().content);
  const absl::Status status = Embedder::Open(model.path()).status();
  ASSERT_FALSE(status.ok());
  for (const std::string& part : GetParam().expected) {
    EXPECT_NE(base::Message(status).find(part), std::string_view::npos) << status;
  }
}

constexpr char kConfig[] =
    R"("vocab_size":99,"max_position_embeddings":64,"hidden_size":32,"num_hidden_layers":3,)"
    R"("intermediate_size":64)";

INSTANTIATE_TEST_SUITE_P(
    Folders, BadFolderTest,
    ::testing::Values(
        BadFolder{"NoWeights", "model.safetensors", "", {"model.safetensors", "No such file"}},
        BadFolder{"WeightsAreText", "model.safetensors", "hello, world", {"model.safetensors"}},
        BadFolder{"NoConfig", "config.json", "", {"config.json"}},
        BadFolder{"ConfigIsNotJson", "config.json", "{", {"config.json", "parse error"}},
        BadFolder{"ConfigIsAList", "config.json", "[1]", {"config.json", "expected a JSON object"}},
        BadFolder{"NoHeads",
                  "config.json",
                  std::string("{") + kConfig + "}",
                  {"config.json", "num_attention_heads: missing"}},
        BadFolder{"HeadsDoNotDivide",
                  "config.json",
                  std::string("{") + kConfig + R"(,"num_attention_heads":5})",
                  {"num_attention_heads", "5 heads"}},
        BadFolder{"NegativeHeads",
                  "config.json",
                  std::string("{") + kConfig + R"(,"num_attention_heads":-4})",
                  {"num_attention_heads", "-4"}},
        BadFolder{
            "OtherFamily", "config.json", R"({"model_type":"whisper"})", {"model_type", "whisper"}},
        BadFolder{"OtherActivation",
                  "config.json",
                  std::string("{") + kConfig + R"(,"num_attention_heads":4,"hidden_act":"mish"})",
                  {"hidden_act", "mish"}},
        BadFolder{"OtherShape",
                  "config.json",
                  R"({"vocab_size":99,"max_position_embeddings":64,"hidden_size":32,)"
                  R"("num_hidden_layers":3,"intermediate_size":65,"num_attention_heads":4})",
                  {"encoder.layer.0.intermediate.dense.weight", "[64, 32]", "expected [65, 32]"}},
        BadFolder{"MoreLayersThanWeights",
                  "config.json",
                  R"({"vocab_size":99,"max_position_embeddings":64,"hidden_size":32,)"
                  R"("num_hidden_layers":4,"intermediate_size":64,"num_attention_heads":4})",
                  {"no tensor encoder.layer.3.attention.self.query.weight"}},
        BadFolder{"UnknownModule",
                  "modules.json",
                  R"([{"path":"","type":"sentence_transformers.models.Transformer"},)"
                  R"({"path":"1_LSTM","type":"sentence_transformers.models.LSTM"}])",
                  {"modules.json", "LSTM"}},
        BadFolder{"NoPooling",
                  "1_Pooling/config.json",
                  R"({"pooling_mode_cls_token":false})",
                  {"1_Pooling/config.json", "no pooling"}},
        BadFolder{"UnknownPooling",
                  "1_Pooling/config.json",
                  R"({"pooling_mode_magic":true})",
                  {"pooling_mode_magic"}},
        BadFolder{"ZeroLength",
                  "sentence_bert_config.json",
                  R"({"max_seq_length":0})",
                  {"max_seq_length", "0"}},
        BadFolder{"PromptIsANumber",
                  "config_sentence_transformers.json",
                  R"({"prompts":{"query":7}})",
                  {"prompts.query", "7"}},
        BadFolder{"OtherSimilarity",
                  "config_sentence_transformers.json",
                  R"({"similarity_fn_name":"manhattan"})",
                  {"similarity_fn_name", "manhattan"}},
        BadFolder{"NoTokenizer", "vocab.txt", "", {"/model: no tokenizer there"}}),
    [](const auto& folder) { return folder.param.name; });

TEST(EmbedderTest, AMissingFolderIsNamed) {
  const absl::Status status = Embedder::Open("/nonexistent/model").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(base::Message(status).find("/nonexistent/model"), std::string_view::npos);
}

// The real all-MiniLM-L6-v2 against sentence-transformers' own answers.
class MiniLmTest : public ::testing::Test {
 protected:
  struct Line {
    std::string text;
    size_t tokens_total;
    size_t tokens_read;
  };

  static std::vector<Line> ReadLines(const std::filesystem::path& path) {
    std::vector<Line> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      const nlohmann::json json = nlohmann::json::parse(line);
      lines.push_back({json["text"], json["tokens_total"], json["ids"].size()});
    }
    return lines;
  }
};

TEST_F(MiniLmTest, VectorsEqualSentenceTransformersInDoublePrecision) {
  GANNET_SHARED_OR_SKIP(model_folder, "models/all-MiniLM-L6-v2");
  GANNET_SHARED_OR_SKIP(golden, "golden/minilm");
  const std::vector<Line> lines = ReadLines(golden / "sentences.jsonl");
  ASSERT_EQ(lines.size(), 206u);
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile file,
                       SafetensorsFile::Open(golden / "vectors.safetensors"));
  const std::string_view expected = file.tensors().at("vectors_fp64").bytes;

  ASSERT_OK_AND_ASSIGN(const auto model, Embedder::Open(model_folder));
  EXPECT_EQ(model->max_tokens(), 256u);
  std::vector<std::string_view> texts;
  for (const Line& line : lines) texts.push_back(line.text);
  base::ThreadPool pool(2);
  const Embeddings embeddings = EmbedAll(*model, texts, pool);

  ASSERT_EQ(embeddings.values.size() * sizeof(double), expected.size());
  double worst = 0;
  for (size_t i = 0; i < embeddings.values.size(); ++i) {
    double want = 0;
    std::memcpy(&want, expected.data() + i * sizeof(double), sizeof(double));
    const double difference = std::abs(embeddings.values[i] - want);
    if (!(difference <= worst)) worst = difference;
  }
  EXPECT_LT(worst, 1e-6);
  RecordProperty("max_abs_difference", std::to_string(worst));
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(embeddings.tokens[i].total, lines[i].tokens_total) << lines[i].text;
    EXPECT_EQ(embeddings.tokens[i].read, lines[i].tokens_read) << lines[i].text;
  }
}

}  // namespace
}  // namespace gannet::encoder
