#include "encoder/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

TEST(TokenizerTest, TinyBertFromVocabularyFile) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Open(testing::TestData("tiny_bert")));
  Encoding encoding;
  ASSERT_OK(tokenizer->Encode("The Cat", {.max_tokens = 3}, encoding));
  ASSERT_EQ(encoding.ids.size(), 3u);
  EXPECT_EQ(encoding.ids[0], 2);
  EXPECT_EQ(encoding.ids[2], 3);
  EXPECT_EQ(encoding.offsets[1].begin, 0u);
  EXPECT_GT(encoding.tokens_total, 3u);
  EXPECT_EQ(tokenizer->vocabulary_size(), 99u);
}

TEST(TokenizerTest, GivesTheIdsOfSentenceTransformers) {
  GANNET_SHARED_OR_SKIP(folder, "models/all-MiniLM-L6-v2");
  GANNET_SHARED_OR_SKIP(golden, "golden/minilm/sentences.jsonl");
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Open(folder));
  std::ifstream lines(golden);
  Encoding encoding;
  size_t texts = 0;
  for (std::string line; std::getline(lines, line); ++texts) {
    const auto expected = nlohmann::json::parse(line);
    ASSERT_OK(
        tokenizer->Encode(expected["text"].get<std::string>(), {.max_tokens = 256}, encoding));
    EXPECT_EQ(encoding.ids, expected["ids"].get<std::vector<TokenId>>()) << expected["text"];
    EXPECT_EQ(encoding.tokens_total, expected["tokens_total"].get<size_t>()) << expected["text"];
  }
  EXPECT_EQ(texts, 206u);
}

}  // namespace
}  // namespace gannet::encoder
