#include "encoder/embed/truncation.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "encoder/checkpoint/safetensors.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

TEST(TruncationTest, EqualsTheReference) {
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile outputs,
                       SafetensorsFile::Open(testing::TestData("tiny_bert/outputs.safetensors")));
  const std::vector<float> pooled = ToFloats(outputs.tensors().at("bi.pool.mean"));
  for (const auto& [truncation, name] :
       {std::pair{Truncation::kNormalize, "bi.matryoshka8.l2"},
        std::pair{Truncation::kLayerNormAndNormalize, "bi.matryoshka8.nomic"}}) {
    const std::vector<float> want = ToFloats(outputs.tensors().at(name));
    ASSERT_EQ(want.size() / 8, pooled.size() / 32);
    for (size_t s = 0; s < want.size() / 8; ++s) {
      std::vector<float> got(8);
      TruncateVector(std::span(pooled).subspan(s * 32, 32), truncation, got);
      for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(got[i], want[s * 8 + i], 1e-6) << name;
    }
  }
}

TEST(TruncationTest, AnEmbedderKeepsTheFirstValues) {
  const std::vector<std::string_view> texts = {"the sea", "a river of stone"};
  base::ThreadPool pool(1);
  ASSERT_OK_AND_ASSIGN(auto full, Embedder::Open(testing::TestData("tiny_bert")));
  ASSERT_OK_AND_ASSIGN(const Embeddings want, full->Embed(texts, TextRole::kQuery, pool));
  const std::string full_fingerprint = full->fingerprint();
  ASSERT_OK_AND_ASSIGN(const auto model, Truncate(std::move(full), 8, Truncation::kPlain));
  EXPECT_EQ(model->dimension(), 8u);
  EXPECT_EQ(model->name(), "tiny_bert");
  EXPECT_EQ(model->fingerprint().size(), 32u);
  EXPECT_NE(model->fingerprint(), full_fingerprint);
  ASSERT_OK_AND_ASSIGN(const Embeddings got, model->Embed(texts, TextRole::kQuery, pool));
  ASSERT_EQ(got.size(), 2u);
  for (size_t t = 0; t < 2; ++t) {
    EXPECT_TRUE(std::equal(got[t].begin(), got[t].end(), want[t].begin()));
    EXPECT_EQ(got[t].size(), 8u);
    EXPECT_EQ(got.tokens[t].total, want.tokens[t].total);
  }
}

TEST(TruncationTest, OpeningWithADimensionTruncates) {
  const std::filesystem::path folder = testing::TestData("tiny_bert");
  ASSERT_OK_AND_ASSIGN(auto full, Embedder::Open(folder));
  const std::string full_fingerprint = full->fingerprint();
  ASSERT_OK_AND_ASSIGN(const auto want, Truncate(std::move(full), 8, Truncation::kPlain));
  ASSERT_OK_AND_ASSIGN(const auto got,
                       Embedder::Open(folder, {.dimension = 8, .truncation = Truncation::kPlain}));
  EXPECT_EQ(got->dimension(), 8u);
  EXPECT_EQ(got->fingerprint(), want->fingerprint());
  EXPECT_EQ(got->options().dimension, 8u);
  EXPECT_EQ(got->options().truncation, Truncation::kPlain);
  // What a collection records opens the same model again.
  ASSERT_OK_AND_ASSIGN(const auto again, Embedder::Open(folder, got->options()));
  EXPECT_EQ(again->fingerprint(), got->fingerprint());
  EXPECT_NE(again->fingerprint(), full_fingerprint);
  EXPECT_EQ(Embedder::Open(folder, {.dimension = 33}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TruncationTest, ATextWithoutAVectorKeepsItsError) {
  const std::vector<std::string_view> texts = {"the sea", "\xff"};
  base::ThreadPool pool(1);
  ASSERT_OK_AND_ASSIGN(auto full, Embedder::Open(testing::TestData("tiny_bert")));
  ASSERT_OK_AND_ASSIGN(const auto model, Truncate(std::move(full), 8, Truncation::kNormalize));
  ASSERT_OK_AND_ASSIGN(const Embeddings got, model->Embed(texts, TextRole::kQuery, pool));
  EXPECT_TRUE(got.status(0).ok());
  EXPECT_EQ(got.status(1).code(), absl::StatusCode::kInvalidArgument);
}

TEST(TruncationTest, ALengthThatTheVectorsDoNotHaveIsRefused) {
  for (const size_t dimension : {0, 33}) {
    ASSERT_OK_AND_ASSIGN(auto full, Embedder::Open(testing::TestData("tiny_bert")));
    const absl::Status status = Truncate(std::move(full), dimension, Truncation::kPlain).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(base::Message(status).find(std::to_string(dimension)), std::string_view::npos);
  }
}

}  // namespace
}  // namespace gannet::encoder
