#include "cli/ranking_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "cli/ranking_json.h"

namespace gannet::cli {
namespace {

using ::testing::HasSubstr;
using Part = ranker::TokenMass::Part;

// Tokens of words: each word of the text with its mass.
ranker::Explanation Masses(std::string_view text, const std::vector<double>& masses) {
  ranker::Explanation explanation{.stage = "icr"};
  explanation.masses.push_back({.part = Part::kMarker, .bytes = {}, .mass = 9});
  uint32_t begin = 0;
  for (const double mass : masses) {
    const auto end = static_cast<uint32_t>(std::min(text.find(' ', begin), text.size()));
    explanation.masses.push_back({.part = Part::kText, .bytes = {begin, end}, .mass = mass});
    begin = end + 1;
  }
  return explanation;
}

TEST(RankingTextTest, TheTokensOfMostMassAreMarked) {
  EXPECT_EQ(ExplanationText(Masses("the blue sea is far", {0, 3, 6, -1, 0}), "",
                            "the blue sea is far", 100),
            "icr: the «blue sea» is far");
}

TEST(RankingTextTest, ALongTextIsShownWhereTheMassIs) {
  std::string text = "start";
  std::vector<double> masses = {1};
  for (int i = 0; i < 50; ++i) {
    text += i == 30 ? " gannets" : " and";
    masses.push_back(i == 30 ? 5 : 0);
  }
  const std::string line = ExplanationText(Masses(text, masses), "", text, 90);
  EXPECT_THAT(line, HasSubstr(": ... and"));
  EXPECT_THAT(line, HasSubstr("«gannets»"));
  EXPECT_LE(line.size(), 90u);
}

TEST(RankingTextTest, TitlesAreMarkedTooAndNothingIsSaid) {
  ranker::Explanation explanation{
      .stage = "core",
      .masses = {{.part = Part::kTitle, .bytes = {2, 6}, .mass = 1},
                 {.part = Part::kText, .bytes = {0, 3}, .mass = 1, .counted = false}}};
  EXPECT_EQ(ExplanationText(explanation, "A bird", "sea", 100), "core: A «bird» | sea");
  explanation.masses.erase(explanation.masses.begin());
  EXPECT_EQ(ExplanationText(explanation, "A bird", "sea", 100),
            "core: no token of it draws the query");
}

TEST(RankingTextTest, TheWindowThatWonIsShown) {
  const ranker::Explanation explanation{
      .stage = "mono",
      .window = ranker::TextWindow{.index = 1, .count = 3, .first_byte = 4, .bytes = 8}};
  EXPECT_EQ(ExplanationText(explanation, "", "the blue\nsea is far", 100),
            "mono: window 2 of 3, bytes 4 to 12: blue sea");
  EXPECT_EQ(ExplanationText(explanation, "", "", 100), "mono: window 2 of 3, bytes 4 to 12:");
}

TEST(RankingTextTest, StagesSayWhatTheyDid) {
  EXPECT_EQ(ReportText({.stage = "mono",
                        .seconds = 0.0125,
                        .candidates_in = 50,
                        .without_score = 1,
                        .below_min_score = 2,
                        .grouped = 3,
                        .tokens = {100, 90}}),
            "mono: 50 candidates in 12.5 ms, 90 of 100 tokens read, 1 without a score, 2 dropped "
            "below its least score, 3 dropped for a better one");
  EXPECT_EQ(ReportText({.stage = "duo",
                        .outcome = ranker::StageReport::Outcome::kSkipped,
                        .reason = "no time is left"}),
            "duo: skipped, no time is left");
}

TEST(RankingJsonTest, TokensComeWithTheirText) {
  const std::vector<ranker::Explanation> explanations = {Masses("blue sea", {1, 2})};
  const auto json = ExplanationsJson(explanations, "", "blue sea");
  ASSERT_EQ(json[0]["tokens"].size(), 3u);
  EXPECT_EQ(json[0]["tokens"][0]["part"], "marker");
  EXPECT_FALSE(json[0]["tokens"][0].contains("text"));
  EXPECT_EQ(json[0]["tokens"][2]["text"], "sea");
  EXPECT_EQ(json[0]["tokens"][2]["mass"], 2.0);
  EXPECT_EQ(json[0]["tokens"][2]["first_byte"], 5);
}

}  // namespace
}  // namespace gannet::cli
