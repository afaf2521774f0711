#include "cli/search_answer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gannet::cli {
namespace {

SearchAnswer TwoHits() {
  return {.query = "sea bird",
          .collection = "birds",
          .model_name = "m",
          .model_fingerprint = "f",
          .hits = {{.document = {"gannet", "A bird", "dives\tfrom\n\n great height",
                                 R"({"year":1999})"},
                    .score = 0.75F,
                    .stage_scores = {{"dense", 0.75F}},
                    .passage = {.bytes = 25}},
                   {.document = {"gull", "", "", "{}"},
                    .score = -0.5F,
                    .stage_scores = {{"dense", -0.5F}}}},
          .query_tokens = {.total = 4, .read = 4},
          .encode_us = 1500,
          .retrieve_us = 250,
          .total_us = 1900};
}

TEST(SearchAnswerTest, TheTableHasRankScoreIdTitleAndText) {
  EXPECT_EQ(RenderTable(TwoHits(), 80),
            "  1   0.7500  gannet  A bird\n"
            "              dives from great height\n"
            "  2  -0.5000  gull    \n"
            "2 hits in 1.9 ms (query to vector 1.5 ms, search 0.2 ms); query of 4 tokens\n");
}

TEST(SearchAnswerTest, ThePassageThatWasFoundIsShown) {
  SearchAnswer answer = TwoHits();
  answer.hits[0].passage = {.index = 1, .count = 3, .first_byte = 13, .bytes = 6};
  answer.query_windows = 2;
  const std::string table = RenderTable(answer, 80);
  EXPECT_NE(table.find("              ...great\n"), std::string::npos) << table;
  EXPECT_NE(table.find("longer than the model reads: mean of 2 windows"), std::string::npos);
  const nlohmann::json json = nlohmann::json::parse(RenderJson(answer));
  EXPECT_EQ(json["hits"][0]["passage"]["index"], 1);
  EXPECT_EQ(json["hits"][0]["passage"]["count"], 3);
  EXPECT_EQ(json["hits"][0]["passage"]["first_byte"], 13);
  EXPECT_EQ(json["hits"][0]["passage"]["text"], "great ");
  EXPECT_EQ(json["query_tokens"]["windows"], 2);
}

TEST(SearchAnswerTest, TheBlocksOfAQueryAreSaidWhereTheModelReadsBlocks) {
  SearchAnswer answer = TwoHits();
  EXPECT_EQ(nlohmann::json::parse(RenderJson(answer))["query_tokens"]["blocks"], 0);
  answer.query_tokens = {.total = 40, .read = 40, .blocks = 2};
  EXPECT_NE(RenderTable(answer, 80).find("query of 40 tokens in 2 blocks\n"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(RenderJson(answer))["query_tokens"]["blocks"], 2);
}

TEST(SearchAnswerTest, ACutQueryIsSaid) {
  SearchAnswer answer = TwoHits();
  answer.query_tokens = {.total = 600, .read = 256};
  EXPECT_NE(RenderTable(answer, 80)
                .find("query of 600 tokens, longer than the model reads: cut to "
                      "256"),
            std::string::npos);
}

TEST(SearchAnswerTest, LongTextsEndInDotsAtACharacterAndControlCharactersDoNotReachTheTerminal) {
  SearchAnswer answer = TwoHits();
  answer.hits.resize(1);
  answer.hits[0].document.title = "\x1B[31mred\x07";
  answer.hits[0].document.text = std::string(64, 'x') + "\u00e9\u00e9\u00e9\u00e9";
  answer.hits[0].passage.bytes = answer.hits[0].document.text.size();
  const std::string table = RenderTable(answer, 80);
  EXPECT_EQ(table.find('\x1B'), std::string::npos);
  EXPECT_EQ(table.find('\x07'), std::string::npos);
  EXPECT_NE(table.find(std::string(63, 'x') + "...\n"), std::string::npos) << table;
}

TEST(SearchAnswerTest, JsonHasEverything) {
  const nlohmann::json json = nlohmann::json::parse(RenderJson(TwoHits()));
  EXPECT_EQ(json["query"], "sea bird");
  EXPECT_EQ(json["model"]["fingerprint"], "f");
  EXPECT_EQ(json["query_tokens"]["total"], 4);
  EXPECT_EQ(json["timings_us"]["encode"], 1500);
  ASSERT_EQ(json["hits"].size(), 2u);
  EXPECT_EQ(json["hits"][0]["rank"], 1);
  EXPECT_EQ(json["hits"][0]["id"], "gannet");
  EXPECT_EQ(json["hits"][0]["stage_scores"]["dense"], 0.75);
  EXPECT_EQ(json["hits"][0]["text"], "dives\tfrom\n\n great height");
  EXPECT_EQ(json["hits"][0]["metadata"]["year"], 1999);
}

}  // namespace
}  // namespace gannet::cli
