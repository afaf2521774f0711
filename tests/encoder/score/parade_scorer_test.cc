#include "encoder/score/parade_scorer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/status.h"
#include "encoder/score/cross_encoder.h"
#include "tests/encoder/score/tiny_classifier.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using testing::ChangedTinyBert;
using testing::TinyBertConfig;
using testing::TinyBertTensors;

ChangedTinyBert TinyParade(const std::string& aggregation) {
  return {{"config.json", TinyBertConfig(R"("parade": {"aggregation": ")" + aggregation + "\"}")},
          {"model.safetensors",
           TinyBertTensors(2, {{"parade.cls_weight", testing::RandomTensor({32}, 4)}})}};
}

const ParadeOptions kOptions = {.model = {}, .query_tokens = 8, .window_tokens = 20};

// A document of one window is what a cross-encoder with the same head makes of it.
TEST(ParadeScorerTest, ADocumentOfOneWindowScoresAsAPair) {
  base::ThreadPool pool(2);
  for (const std::string aggregation : {"avg", "max", "attn"}) {
    const ChangedTinyBert folder = TinyParade(aggregation);
    ASSERT_OK_AND_ASSIGN(const auto parade, ParadeScorer::Open(folder.path(), kOptions));
    ASSERT_OK_AND_ASSIGN(const auto mono, CrossEncoder::Open(folder.path()));
    const std::vector<std::string_view> windows = {"the blue sea", "", "stone"};
    const std::vector<size_t> begins = {0, 1, 2, 3};
    ASSERT_OK_AND_ASSIGN(const auto documents, parade->Score("sea", windows, begins, pool));
    std::vector<TextPair> pairs;
    for (const std::string_view window : windows) pairs.push_back({"sea", window});
    const PairScores scores = mono->Score(pairs, pool);
    for (size_t i = 0; i < windows.size(); ++i) {
      ASSERT_OK(documents[i].status);
      EXPECT_NEAR(documents[i].score, scores.Relevance(i), 1e-5) << aggregation;
      EXPECT_EQ(documents[i].tokens.total, scores.tokens[i].total);
    }
  }
}

TEST(ParadeScorerTest, WindowsMakeOneScoreAndTheBestByItselfIsNamed) {
  const ChangedTinyBert folder = TinyParade("max");
  ASSERT_OK_AND_ASSIGN(const auto parade, ParadeScorer::Open(folder.path(), kOptions));
  base::ThreadPool pool(2);
  const std::vector<std::string_view> windows = {"stone", "the blue sea", "river", "sea", "\xFF"};
  const std::vector<size_t> alone = {0, 1, 2, 3}, together = {0, 3, 5};
  ASSERT_OK_AND_ASSIGN(const auto single, parade->Score("sea", windows, alone, pool));
  ASSERT_OK_AND_ASSIGN(const auto documents, parade->Score("sea", windows, together, pool));
  size_t best = 0;
  for (size_t i = 1; i < 3; ++i) {
    if (single[i].score > single[best].score) best = i;
  }
  EXPECT_EQ(documents[0].best_window, best);
  EXPECT_NE(documents[0].score, single[best].score);
  EXPECT_FALSE(documents[1].status.ok());
  EXPECT_FALSE(parade->Score("\xFF", windows, together, pool).ok());
}

TEST(ParadeScorerTest, LongTextsAreCutToTheirSlots) {
  const ChangedTinyBert folder = TinyParade("avg");
  ASSERT_OK_AND_ASSIGN(const auto parade, ParadeScorer::Open(folder.path(), kOptions));
  base::ThreadPool pool(1);
  std::string sea;
  for (int i = 0; i < 30; ++i) sea += "sea ";
  const std::vector<std::string_view> windows = {sea};
  const std::vector<size_t> begins = {0, 1};
  ASSERT_OK_AND_ASSIGN(const auto documents, parade->Score(sea, windows, begins, pool));
  EXPECT_EQ(documents[0].tokens.total, 63u);
  EXPECT_EQ(documents[0].tokens.read, 19u);  // 8 of the query, 20 - 8 - 2 and [SEP].
}

TEST(ParadeScorerTest, OtherShapesAreRefused) {
  const absl::Status plain = ParadeScorer::Open(testing::kTinyBert, kOptions).status();
  EXPECT_NE(base::Message(plain).find("parade.aggregation: missing"), std::string_view::npos);
  const ChangedTinyBert folder = TinyParade("avg");
  const absl::Status wide =
      ParadeScorer::Open(folder.path(), {.model = {}, .query_tokens = 46}).status();
  EXPECT_NE(base::Message(wide).find("leave no room"), std::string_view::npos) << wide;
}

}  // namespace
}  // namespace gannet::encoder
