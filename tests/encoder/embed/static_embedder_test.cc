#include "encoder/embed/static_embedder.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "encoder/tokenizer/tokenizer.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tensor_writer.h"

namespace gannet::encoder {
namespace {

using Json = nlohmann::json;
using testing::FloatTensors;
using testing::TemporaryFolder;

constexpr char kModules[] =
    R"([{"path":".","type":"sentence_transformers.models.StaticEmbedding"}])";

// [UNK], the, sea, stone and their vectors of two values.
class TinyStaticModel {
 public:
  TinyStaticModel() {
    folder_.Write("tokenizer.json",
                  R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[],)"
                  R"("normalizer":{"type":"BertNormalizer","clean_text":true,)"
                  R"("handle_chinese_chars":true,"strip_accents":null,"lowercase":true},)"
                  R"("pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,)"
                  R"("decoder":{"type":"WordPiece","prefix":"##","cleanup":true},)"
                  R"("model":{"type":"WordPiece","unk_token":"[UNK]",)"
                  R"("continuing_subword_prefix":"##","max_input_chars_per_word":100,)"
                  R"("vocab":{"[UNK]":0,"the":1,"sea":2,"stone":3}}})");
    WriteTable({{"embeddings", {{4, 2}, {100, 100, 1, 2, 3, 4, -5, 7}}}});
  }

  void Write(std::string_view file, std::string_view content) { folder_.Write(file, content); }
  void WriteTable(const FloatTensors& tensors) {
    folder_.Write("model.safetensors", testing::SafetensorsContent(tensors));
  }
  const std::filesystem::path& path() const { return folder_.path(); }

  std::vector<float> Embed(std::string_view text) const {
    const auto model = Embedder::Open(path());
    EXPECT_TRUE(model.ok()) << model.status();
    if (!model.ok()) return {};
    base::ThreadPool pool(1);
    auto embeddings = (*model)->Embed(std::span(&text, 1), TextRole::kDocument, pool);
    EXPECT_TRUE(embeddings.ok()) << embeddings.status();
    return embeddings.ok() ? embeddings->values : std::vector<float>();
  }

 private:
  TemporaryFolder folder_;
};

using Floats = std::vector<float>;

TEST(StaticEmbedderTest, TheVectorOfATextIsTheMeanOverItsTokens) {
  TinyStaticModel model;
  model.Write("modules.json", kModules);
  EXPECT_EQ(model.Embed("the sea"), (Floats{2, 3}));
  EXPECT_EQ(model.Embed("Stone"), (Floats{-5, 7}));
  EXPECT_EQ(model.Embed("the sea unheard"), (Floats{104 / 3.0F, 106 / 3.0F}));
  EXPECT_EQ(model.Embed(""), (Floats{0, 0}));
}

TEST(StaticEmbedderTest, TheTableMayHaveSentenceTransformersName) {
  TinyStaticModel model;
  model.Write("modules.json", kModules);
  model.WriteTable({{"embedding.weight", {{4, 2}, {0, 0, 1, 2, 3, 4, -5, 7}}}});
  EXPECT_EQ(model.Embed("the sea"), (Floats{2, 3}));
}

TEST(StaticEmbedderTest, Model2VecLeavesUnknownTokensOut) {
  TinyStaticModel model;
  model.Write("config.json", R"({"model_type":"model2vec","normalize":false})");
  EXPECT_EQ(model.Embed("the sea unheard"), (Floats{2, 3}));
  EXPECT_EQ(model.Embed("unheard"), (Floats{0, 0}));
  model.Write("config.json", R"({"model_type":"model2vec","normalize":true,"seq_length":1})");
  const Floats cut = model.Embed("sea stone");
  EXPECT_FLOAT_EQ(cut[0], 0.6F);
  EXPECT_FLOAT_EQ(cut[1], 0.8F);
}

TEST(StaticEmbedderTest, BadFoldersAreRefused) {
  const auto expect_refused = [](const TinyStaticModel& model, const char* part) {
    const absl::Status status = Embedder::Open(model.path()).status();
    EXPECT_FALSE(status.ok());
    EXPECT_NE(base::Message(status).find(part), std::string_view::npos) << status;
  };
  TinyStaticModel model;
  model.Write("modules.json", kModules);
  model.WriteTable({{"table", {{4, 2}, Floats(8)}}});
  expect_refused(model, "embedding.weight");
  model.WriteTable({{"embeddings", {{8}, Floats(8)}}});
  expect_refused(model, "[8]");
  model.WriteTable({{"embeddings", {{3, 2}, Floats(6)}}});
  expect_refused(model, "3 token vectors");
  model.WriteTable({{"embeddings", {{4, 2}, Floats(8)}}, {"weights", {{4}, Floats(4)}}});
  expect_refused(model, "weights");
}

// The real potion-base-2M against its formula in numpy.
TEST(StaticEmbedderTest, ATextThatHasNoVectorLeavesTheOthersTheirs) {
  TinyStaticModel folder;
  folder.Write("modules.json", kModules);
  folder.WriteTable({{"embeddings", {{4, 2}, {100, 100, 1, 2, 3, 4, 3e38F, 7}}}});
  ASSERT_OK_AND_ASSIGN(const auto model, Embedder::Open(folder.path()));
  base::ThreadPool pool(2);
  const std::vector<std::string_view> texts = {"the sea", "stone stone", "\xff", "sea"};
  ASSERT_OK_AND_ASSIGN(const Embeddings got, model->Embed(texts, TextRole::kDocument, pool));
  EXPECT_EQ(got.status(0), absl::OkStatus());
  EXPECT_EQ(got.status(1).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(got.status(2).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(got.status(3), absl::OkStatus());
  EXPECT_EQ(got.values, (Floats{2, 3, 0, 0, 0, 0, 3, 4}));
  EXPECT_EQ(base::Message(got.FirstError()).substr(0, 8), "text 1: ");
}

class PotionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    GANNET_SHARED_OR_SKIP(folder, "models/potion-base-2M");
    ASSERT_OK_AND_ASSIGN(model_, Embedder::Open(folder));
    ASSERT_OK_AND_ASSIGN(tokenizer_, Tokenizer::Open(folder));
    std::ifstream(folder / "golden_numpy.json") >> golden_;
    for (const Json& pair : golden_["pairs"]) {
      texts_.push_back(pair["a"]);
      texts_.push_back(pair["b"]);
    }
  }

  Embeddings EmbedAll(const std::vector<std::string_view>& texts, int threads) const {
    base::ThreadPool pool(threads);
    auto embeddings = model_->Embed(texts, TextRole::kDocument, pool);
    EXPECT_TRUE(embeddings.ok()) << embeddings.status();
    return *std::move(embeddings);
  }

  std::unique_ptr<const Embedder> model_;
  std::unique_ptr<const Tokenizer> tokenizer_;
  Json golden_;
  std::vector<std::string> texts_;
};

TEST_F(PotionTest, TokensAndCosinesEqualTheReference) {
  ASSERT_EQ(model_->dimension(), golden_["emb_dim"].get<size_t>());
  const Embeddings embeddings = EmbedAll({texts_.begin(), texts_.end()}, 2);
  Encoding encoding;
  for (size_t i = 0; i < texts_.size(); ++i) {
    const Json& pair = golden_["pairs"][i / 2];
    ASSERT_OK(tokenizer_->Encode(texts_[i], {.add_special_tokens = false}, encoding));
    EXPECT_EQ(encoding.ids, pair[i % 2 == 0 ? "a_ids" : "b_ids"].get<std::vector<TokenId>>());
    if (i % 2 == 0) continue;
    double cosine = 0;
    for (size_t c = 0; c < 64; ++c) {
      cosine += static_cast<double>(embeddings[i - 1][c]) * embeddings[i][c];
    }
    EXPECT_NEAR(cosine, pair["cos"].get<double>(), 5e-7) << texts_[i];
  }
  const auto example = golden_["example_embedding"].get<Floats>();
  for (size_t c = 0; c < 64; ++c) EXPECT_NEAR(embeddings[0][c], example[c], 1e-6) << c;
}

TEST_F(PotionTest, BytesDoNotDependOnTheCompanyOrTheThreads) {
  const Embeddings together = EmbedAll({texts_.begin(), texts_.end()}, 4);
  for (size_t i = 0; i < texts_.size(); ++i) {
    const Embeddings alone = EmbedAll({texts_[i]}, 1);
    EXPECT_EQ(std::memcmp(alone.values.data(), together[i].data(), together[i].size_bytes()), 0);
  }
}

}  // namespace
}  // namespace gannet::encoder
