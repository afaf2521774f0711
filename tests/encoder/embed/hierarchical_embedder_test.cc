#include "encoder/embed/hierarchical_embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "encoder/kernels/precision.h"
#include "tests/testing/hierarchical_folder.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using ::testing::HasSubstr;
using testing::HierarchicalFolder;
using Json = nlohmann::json;

// `sentences` sentences of as many words as their number says, at most 9, and a full stop.
std::string Text(size_t sentences, size_t first_word) {
  std::string text;
  for (size_t i = 0; i < sentences; ++i) {
    for (size_t word = 0; word <= i % 9; ++word) {
      text += "w" + std::to_string(5 + (first_word + i + word) % 19) + " ";
    }
    text += ". W";  // A capital ends the sentence, and is a word that the vocabulary lacks.
  }
  return text;
}

std::vector<float> VectorOf(const Embedder& embedder, std::string_view text, TextRole role,
                            base::ThreadPool& pool) {
  const auto embeddings = embedder.Embed({&text, 1}, role, pool);
  EXPECT_TRUE(embeddings.ok() && embeddings->FirstError().ok());
  return embeddings->values;
}

TEST(HierarchicalEmbedderTest, SaysHowMuchOfATextWasReadInHowManyBlocks) {
  const HierarchicalFolder folder = HierarchicalFolder::Smith("normal");
  ASSERT_OK_AND_ASSIGN(const auto embedder, Embedder::Open(folder.path()));
  EXPECT_EQ(embedder->dimension(), 16U);
  EXPECT_EQ(embedder->max_tokens(), 40U);
  EXPECT_EQ(embedder->similarity(), Similarity::kCosine);
  EXPECT_THAT(embedder->ComputePath(), HasSubstr("20 linear layers: fp32"));
  base::ThreadPool pool(2);
  // 5 tokens of a block are the text's: the first sentence fills one, the others share one, and of
  // six words one is lost. A paragraph is an end of a sentence.
  const std::vector<std::string_view> texts = {"w5 w6 w7 w8 .\n\nw9 .\n\nw10 .", "w5 w6 w7 w8 w9 .",
                                               "", "w5 \xff"};
  ASSERT_OK_AND_ASSIGN(const Embeddings embeddings,
                       embedder->Embed(texts, TextRole::kDocument, pool));
  EXPECT_EQ(embeddings.tokens[0].blocks, 2U);
  EXPECT_EQ(embeddings.tokens[0].total, 5U + 3 + 4 + 3);
  EXPECT_EQ(embeddings.tokens[0].read, 15U);
  EXPECT_EQ(embeddings.tokens[1].blocks, 1U);
  EXPECT_EQ(embeddings.tokens[1].total, 9U);
  EXPECT_EQ(embeddings.tokens[1].read, 8U);
  EXPECT_EQ(embeddings.tokens[2].blocks, 0U);
  EXPECT_TRUE(embeddings.status(2).ok());
  EXPECT_NE(embeddings[2][0], embeddings[3][0]);  // A vector, beside zeros for want of one.
  EXPECT_EQ(embeddings.status(3).code(), absl::StatusCode::kInvalidArgument);

  const std::string long_text = Text(20, 0);
  const std::string_view view = long_text;
  ASSERT_OK_AND_ASSIGN(const Embeddings of_long,
                       embedder->Embed({&view, 1}, TextRole::kDocument, pool));
  EXPECT_EQ(of_long.tokens[0].blocks, 5U);
  EXPECT_TRUE(of_long.tokens[0].cut());
}

TEST(HierarchicalEmbedderTest, AQueryOfHmdeIsReadByTheLowerModelAlone) {
  const HierarchicalFolder folder = HierarchicalFolder::Hmde();
  ASSERT_OK_AND_ASSIGN(const auto embedder, Embedder::Open(folder.path()));
  EXPECT_EQ(embedder->dimension(), 8U);
  base::ThreadPool pool(1);
  std::ifstream file(testing::TestData("hmde") / "expected.json");
  const Json first = Json::parse(file)["cases"][0];  // cls below, mean above, with positions.
  const auto expect = [&](std::string_view text, TextRole role, const Json& want) {
    const std::vector<float> vector = VectorOf(*embedder, text, role, pool);
    for (size_t i = 0; i < vector.size(); ++i) {
      EXPECT_NEAR(vector[i], want[i].get<float>(), 2e-6F) << text;
    }
  };
  expect("w5 w6 w7", TextRole::kQuery, first["queries"][0]);
  expect("w5 w6 w7", TextRole::kDocument, first["documents"][0]);
  // Sentences do not matter to a query, and do to a document.
  expect("w8\n\nw9 w10\n\nw11 w12 w13 w14", TextRole::kQuery, first["queries"][1]);
  expect("w8\n\nw9 w10\n\nw11 w12 w13 w14", TextRole::kDocument, first["documents"][1]);
  expect("", TextRole::kQuery, first["queries"][2]);
  expect("", TextRole::kDocument, first["documents"][2]);
}

// Each model, with texts from none to more sentences than it reads.
TEST(HierarchicalEmbedderTest, TheSameTextHasTheSameBytesInAnyCompany) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < 25; ++i) texts.push_back(Text(i % 9, i));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  std::vector<HierarchicalFolder> folders;
  for (const char* mode : {"normal", "sum_concat", "attention"}) {
    folders.push_back(HierarchicalFolder::Smith(mode));
  }
  folders.push_back(HierarchicalFolder::Hmde());
  for (const HierarchicalFolder& folder : folders) {
    for (const Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kInt8}) {
      ASSERT_OK_AND_ASSIGN(const auto embedder,
                           Embedder::Open(folder.path(), {.precision = precision}));
      base::ThreadPool one(1), three(3);
      for (const TextRole role : {TextRole::kDocument, TextRole::kQuery}) {
        ASSERT_OK_AND_ASSIGN(const Embeddings together, embedder->Embed(views, role, three));
        ASSERT_OK(together.FirstError());
        for (size_t i = 0; i < texts.size(); ++i) {
          const std::vector<float> alone = VectorOf(*embedder, texts[i], role, one);
          EXPECT_EQ(alone, std::vector<float>(together[i].begin(), together[i].end())) << i;
        }
      }
    }
  }
}

TEST(HierarchicalEmbedderTest, PrecisionAndConfigurationAreInTheFingerprint) {
  const HierarchicalFolder normal = HierarchicalFolder::Smith("normal"),
                           sum = HierarchicalFolder::Smith("sum_concat");
  ASSERT_OK_AND_ASSIGN(const auto first, Embedder::Open(normal.path()));
  ASSERT_OK_AND_ASSIGN(const auto second, Embedder::Open(sum.path()));
  EXPECT_EQ(second->similarity(), Similarity::kDot);
  EXPECT_EQ(second->dimension(), 32U);
  EXPECT_NE(first->fingerprint(), second->fingerprint());
  ASSERT_OK_AND_ASSIGN(const auto int8,
                       Embedder::Open(normal.path(), {.precision = Precision::kInt8}));
  EXPECT_NE(first->fingerprint(), int8->fingerprint());
  // Calibration has named the layers that stay in bf16, and they are what opens the same model.
  ASSERT_TRUE(int8->options().bf16_layers.has_value());
  ASSERT_OK_AND_ASSIGN(const auto again, Embedder::Open(normal.path(), int8->options()));
  EXPECT_EQ(again->fingerprint(), int8->fingerprint());
  std::filesystem::resize_file(normal.path() / "model.ckpt-7.data-00000-of-00001", 100);
  EXPECT_THAT(std::string(base::Message(Embedder::Open(normal.path()).status())),
              HasSubstr("model.ckpt-7.data-00000-of-00001: variable "));
}

TEST(HierarchicalEmbedderTest, AModelThatIsNotKnownIsNamed) {
  const HierarchicalFolder folder("hmde", R"({"model": "smoth"})", 24);
  EXPECT_THAT(std::string(base::Message(Embedder::Open(folder.path()).status())),
              HasSubstr("gannet.json: model: \"smoth\", expected smith, hmde or sea"));
}

}  // namespace
}  // namespace gannet::encoder
