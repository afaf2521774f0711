#include "ranker/rerank/icr_scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/status.h"
#include "ranker/rerank/icr_head_detection.h"
#include "ranker/rerank/icr_heads.h"
#include "tests/testing/shared_data.h"

namespace gannet::ranker {
namespace {

TEST(IcrScoresTest, OnlyLowOutliersAreLeftOut) {
  // Nine tokens at 1 and one far below: mean 0.5, deviation √2.5, threshold −2.66.
  std::vector<double> masses(10, 1.0);
  masses[3] = -4;
  EXPECT_NEAR(MassThreshold(masses), 0.5 - 2 * std::sqrt(22.5 / 9), 1e-12);
  EXPECT_DOUBLE_EQ(ScoreOf(masses), 9);
  masses[3] = 100;  // High ones stay.
  EXPECT_DOUBLE_EQ(ScoreOf(masses), 109);
}

TEST(IcrScoresTest, TheThresholdItselfIsLeftOut) {
  // Equal masses deviate by 0: each is at the threshold.
  EXPECT_EQ(ScoreOf(std::vector<double>{2, 2, 2}), 0);
}

TEST(IcrScoresTest, ATokenAloneCountsAndNoTokenScoresNothing) {
  EXPECT_EQ(ScoreOf(std::vector<double>{0.25}), 0.25);
  EXPECT_EQ(ScoreOf(std::vector<double>{-0.25}), -0.25);
  EXPECT_EQ(ScoreOf({}), 0);
}

TEST(IcrScoresTest, ScoresAreMassesBeyondTheCalibrationAndMayBeNegative) {
  const std::vector<double> query = {9, 1, 2, 9, 1, 1}, calibration = {0, 0.5, 1.25, 9, 3, 2.5};
  const std::vector<TokenSpan> documents = {{1, 3}, {4, 6}, {6, 6}};
  EXPECT_EQ(CalibratedMasses(query, calibration, {1, 3}), (std::vector<double>{0.5, 0.75}));
  EXPECT_EQ(ScoreDocuments(query, calibration, documents), (std::vector<double>{1.25, -3.5, 0}));
}

TEST(IcrScoresTest, EqualScoresKeepTheirOrder) {
  EXPECT_EQ(RankByScore(std::vector<double>{1, 3, 1, 3}), (std::vector<size_t>{1, 3, 0, 2}));
}

TEST(HeadSetTest, ReadsAndWritesLayersAndHeads) {
  ASSERT_OK_AND_ASSIGN(const HeadSet heads, HeadSet::Parse("14-22,3-0,3-0"));
  EXPECT_TRUE(heads.Contains(14, 22) && heads.Contains(3, 0));
  EXPECT_FALSE(heads.Contains(22, 14) || heads.Contains(0, 3));
  EXPECT_EQ(heads.ToString(), "3-0,14-22");
  EXPECT_EQ(heads.LayersNeeded(32), 15u);
  EXPECT_TRUE(heads.Check(15, 23).ok());
  ASSERT_OK_AND_ASSIGN(const HeadSet all, HeadSet::Parse("all"));
  EXPECT_TRUE(all.IsAll() && all.Contains(7, 7) && all.Check(1, 1).ok());
  EXPECT_EQ(all.LayersNeeded(32), 32u);
}

TEST(HeadSetTest, RefusesWhatIsNoHead) {
  for (const char* text : {"", ",", "3", "3-", "-3", "3-0,", "3-0, 4-1", "a-b", "3-0-1",
                           "99999999999999999999-1", "1.5-2"}) {
    EXPECT_FALSE(HeadSet::Parse(text).ok()) << text;
  }
  const absl::Status layer = HeadSet({AttentionHead{2, 0}}).Check(2, 4),
                     head = HeadSet({AttentionHead{0, 4}}).Check(2, 4);
  EXPECT_NE(base::Message(layer).find("2-0 is not among the 4 heads of the model's 2 layers"),
            std::string_view::npos);
  EXPECT_FALSE(head.ok());
}

TEST(HeadSetTest, PublishedSetsAreFoundByName) {
  for (const PublishedHeads& published : ListPublishedHeads()) {
    EXPECT_TRUE(FindHeads(published.name).ok()) << published.name;
  }
  ASSERT_OK_AND_ASSIGN(const HeadSet qr, FindHeads("qrhead/llama-3.1-8b/nq"));
  EXPECT_EQ(qr.LayersNeeded(32), 21u);  // Layer 20 is the last.
  ASSERT_OK_AND_ASSIGN(const HeadSet core, FindHeads("core/mistral-7b-v0.2"));
  EXPECT_EQ(core.ToString(), "9-26,12-7,12-11,15-1,15-7,15-21,16-12,18-0");
  EXPECT_EQ(FindHeads("qrhead/gpt/nq").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FindHeads("12").status().code(), absl::StatusCode::kInvalidArgument);
}

// Two heads over two documents of two tokens: the first looks at document 0, the second at 1.
InContextReranker::HeadAttention TwoHeads() {
  return {.documents = {{0, 2}, {2, 4}},
          .tokens = 4,
          .query = {0.4F, 0.3F, 0.1F, 0.05F, 0.1F, 0.05F, 0.4F, 0.3F},
          .calibration = std::vector<float>(8, 0.0F)};
}

TEST(HeadDetectionTest, MeasuresAHeadByWhereItPutsWhatIsRelevant) {
  const std::vector<size_t> second = {1};
  const std::vector<double> ndcg = MeasureHeads(TwoHeads(), second, {});
  EXPECT_NEAR(ndcg[0], 1 / std::log2(3), 1e-12);
  EXPECT_NEAR(ndcg[1], 1, 1e-12);
  const std::vector<double> mass =
      MeasureHeads(TwoHeads(), second, {.measure = HeadMeasure::kRelevantMass});
  EXPECT_NEAR(mass[0], 0.15, 1e-6);
  EXPECT_NEAR(mass[1], 0.7, 1e-6);
  const std::vector<double> contrast =
      MeasureHeads(TwoHeads(), second, {.measure = HeadMeasure::kContrast, .temperature = 0.1});
  EXPECT_NEAR(contrast[0], 1 / (1 + std::exp(5.5)), 1e-6);
  EXPECT_NEAR(contrast[1], 1 / (1 + std::exp(-5.5)), 1e-6);
}

TEST(HeadDetectionTest, AColdContrastStaysANumber) {
  const std::vector<size_t> both = {0, 1};
  for (const double score :
       MeasureHeads(TwoHeads(), both, {.measure = HeadMeasure::kContrast, .temperature = 1e-5})) {
    EXPECT_TRUE(std::isfinite(score));
  }
}

}  // namespace
}  // namespace gannet::ranker
