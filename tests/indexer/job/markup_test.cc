#include "indexer/job/markup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"

namespace gannet::indexer {
namespace {

std::vector<std::pair<std::string, std::string>> Children(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> children;
  for (const Element& element : ChildElements(text)) {
    children.emplace_back(element.name, element.content);
  }
  return children;
}

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(MarkupTest, FindsElementsInAnyCaseAndWhatLiesBetween) {
  EXPECT_THAT(Children("<A>x</a> loose <B c=\"d\"><i>y</i></B>"),
              ElementsAre(Pair("a", "x"), Pair("", " loose "), Pair("b", "<i>y</i>")));
  EXPECT_THAT(Children("one<p>two<p>three"), ElementsAre(Pair("", "one<p>two<p>three")));
  EXPECT_THAT(Children("a < b </c> <d>e</d>"),
              ElementsAre(Pair("", "a < b </c> "), Pair("d", "e")));
  EXPECT_THAT(Children("<doc>x</document></doc>"), ElementsAre(Pair("doc", "x</document>")));
  EXPECT_EQ(ContentOf("title", "a<TITLE x>b</Title>c"), "b");
  EXPECT_EQ(ContentOf("title", "a<title>b"), "");
}

TEST(MarkupTest, PlainTextKeepsWhatIsNoMarkup) {
  EXPECT_EQ(PlainText(" 1 < 2 && 3 > 2 <b>x</b>y"), "1 < 2 && 3 > 2 x y");
  EXPECT_EQ(
      PlainText("&lt;a&gt; &quot;b&quot; &eacute; &#233;&#xE9; &#0; &#xD800; &#x110000; &#12"),
      "<a> \"b\" &eacute; éé &#0; &#xD800; &#x110000; &#12");
  EXPECT_EQ(PlainText("a<!-- b <c> -->d<!DOCTYPE e><style>f</style>g<script>h"), "a d g");
  EXPECT_EQ(PlainText("a <!-- never closed <b>c</b>"), "a <!-- never closed c");
}

TEST(MarkupTest, AnyBytesGiveWellFormedText) {
  std::mt19937 random(1);
  constexpr std::string_view kPieces[] = {"<", ">",   "</",  "a",      "&", "#", "x",
                                          ";", "!--", "-->", "script", " ", "é", "9"};
  for (int round = 0; round < 3'000; ++round) {
    std::string text;
    for (uint32_t i = random() % 40; i > 0; --i) text += kPieces[random() % std::size(kPieces)];
    EXPECT_TRUE(base::IsValidUtf8(PlainText(text))) << text;
    size_t size = 0;
    for (const Element& element : ChildElements(text)) size += element.content.size();
    EXPECT_LE(size, text.size());
  }
}

// A hostile text must not take time that grows with its square.
TEST(MarkupTest, TakesMegabytesOfUnclosedTags) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += "<p>a<!-- b<br";
  EXPECT_EQ(ChildElements(text).size(), 1u);
  EXPECT_FALSE(PlainText(text).empty());
}

}  // namespace
}  // namespace gannet::indexer
