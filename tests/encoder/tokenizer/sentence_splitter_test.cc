#include "encoder/tokenizer/sentence_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/utf8.h"

namespace gannet::encoder {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Sentences(std::string_view text) {
  const auto spans = SplitSentences(text);
  EXPECT_TRUE(spans.ok()) << spans.status();
  std::vector<std::string> sentences;
  if (!spans.ok()) return sentences;
  for (const ByteSpan span : *spans) {
    sentences.emplace_back(text.substr(span.begin, span.end - span.begin));
  }
  return sentences;
}

TEST(SentenceSplitterTest, SplitsAtStopsAndTakesNoBlanks) {
  EXPECT_THAT(Sentences("  One bird. \"Two birds?\" Three!  "),
              ElementsAre("One bird.", "\"Two birds?\"", "Three!"));
  EXPECT_THAT(Sentences("It weighs 3.5 kg, e.g. in May. Then less."),
              ElementsAre("It weighs 3.5 kg, e.g. in May.", "Then less."));
  EXPECT_THAT(Sentences("no stop at all"), ElementsAre("no stop at all"));
  EXPECT_THAT(Sentences(""), IsEmpty());
  EXPECT_THAT(Sentences(" \n\n\t "), IsEmpty());
}

TEST(SentenceSplitterTest, KnowsTheStopsOfOtherScripts) {
  EXPECT_THAT(Sentences("鳥が飛ぶ。海は青い。"), ElementsAre("鳥が飛ぶ。", "海は青い。"));
  EXPECT_THAT(Sentences("पक्षी उड़ता है। समुद्र नीला है।"), ElementsAre("पक्षी उड़ता है।", "समुद्र नीला है।"));
  EXPECT_THAT(Sentences("Zoë fährt. Œuvre finie."), ElementsAre("Zoë fährt.", "Œuvre finie."));
}

TEST(SentenceSplitterTest, ASingleLineBreakIsASpaceAndABlankLineAnEnd) {
  EXPECT_THAT(Sentences("The gannet\ndives. It\r\nrises."),
              ElementsAre("The gannet\ndives.", "It\r\nrises."));
  EXPECT_THAT(Sentences("A title\n\nA first line\n \t\nanother"),
              ElementsAre("A title", "A first line", "another"));
  EXPECT_THAT(Sentences("\nfirst\nsecond\n"), ElementsAre("first\nsecond"));
}

TEST(SentenceSplitterTest, RefusesIllFormedText) {
  EXPECT_EQ(SplitSentences("a\xff.").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SentenceSplitterTest, LeavesOnlyWhiteSpaceBetweenSentences) {
  constexpr std::string_view kPieces[] = {"a",      "B",      ".",      "!",         "?",
                                          " ",      "\n",     "\r",     "\t",        "5",
                                          "\u3002", "\u00a0", "\u2028", "\U0001f600"};
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t length = random() % 40; length > 0; --length) {
      text += kPieces[random() % std::size(kPieces)];
    }
    const auto spans = SplitSentences(text);
    ASSERT_TRUE(spans.ok()) << spans.status();
    const auto between = [&](size_t begin, size_t end) {
      return base::StripWhiteSpace(std::string_view(text).substr(begin, end - begin));
    };
    size_t last = 0;
    for (const ByteSpan span : *spans) {
      ASSERT_GE(span.begin, last);
      ASSERT_EQ(between(last, span.begin), "") << text;
      const std::string_view sentence = between(span.begin, span.end);
      ASSERT_EQ(sentence.size(), span.end - span.begin) << text;
      ASSERT_FALSE(sentence.empty());
      last = span.end;
    }
    ASSERT_EQ(between(last, text.size()), "") << text;
  }
}

}  // namespace
}  // namespace gannet::encoder
