#include "ranker/rerank/word_windows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace gannet::ranker {
namespace {

using Ranges = std::vector<WordRange>;

// The windows that the published code of each makes (shared golden values: aggregators).
TEST(WordWindowsTest, MaxPKeepsEveryTail) {
  const WindowOptions options = WindowOptions::MaxP();
  EXPECT_EQ(CutWords(0, options), Ranges{});
  EXPECT_EQ(CutWords(1, options), (Ranges{{0, 1}}));
  EXPECT_EQ(CutWords(75, options), (Ranges{{0, 75}}));
  EXPECT_EQ(CutWords(76, options), (Ranges{{0, 76}, {75, 76}}));
  EXPECT_EQ(CutWords(150, options), (Ranges{{0, 150}, {75, 150}}));
  EXPECT_EQ(CutWords(151, options), (Ranges{{0, 150}, {75, 151}, {150, 151}}));
  EXPECT_EQ(CutWords(225, options), (Ranges{{0, 150}, {75, 225}, {150, 225}}));
  EXPECT_EQ(CutWords(226, options), (Ranges{{0, 150}, {75, 225}, {150, 226}, {225, 226}}));
  EXPECT_EQ(CutWords(400, options),
            (Ranges{{0, 150}, {75, 225}, {150, 300}, {225, 375}, {300, 400}, {375, 400}}));
}

TEST(WordWindowsTest, ParadeDropsATailThatIsReadAlready) {
  const WindowOptions options = WindowOptions::Parade();
  EXPECT_EQ(CutWords(1, options), (Ranges{{0, 1}}));
  EXPECT_EQ(CutWords(150, options), (Ranges{{0, 150}}));
  EXPECT_EQ(CutWords(151, options), (Ranges{{0, 150}, {100, 151}}));
  EXPECT_EQ(CutWords(200, options), (Ranges{{0, 150}, {100, 200}}));
  EXPECT_EQ(CutWords(201, options), (Ranges{{0, 150}, {100, 201}}));
  EXPECT_EQ(CutWords(250, options), (Ranges{{0, 150}, {100, 250}}));
  EXPECT_EQ(CutWords(251, options), (Ranges{{0, 150}, {100, 250}, {200, 251}}));
  EXPECT_EQ(CutWords(400, options), (Ranges{{0, 150}, {100, 250}, {200, 350}, {300, 400}}));
}

std::vector<std::string> Texts(const std::string& text, const WindowOptions& options) {
  std::vector<std::string> texts;
  for (const TextWindow& window : CutText(text, options)) {
    texts.push_back(text.substr(window.first_byte, window.bytes));
  }
  return texts;
}

TEST(WordWindowsTest, AWindowIsAByteSpanOfTheText) {
  const WindowOptions options{.words = 2, .stride = 1};
  using Strings = std::vector<std::string>;
  EXPECT_EQ(Texts("die Möwe taucht", options), (Strings{"die Möwe", "Möwe taucht", "taucht"}));
  EXPECT_EQ(Texts("", options), Strings{""});
  EXPECT_EQ(Texts("one", options), Strings{"one"});
  EXPECT_EQ(Texts("a  b", options), (Strings{"a ", " b", "b"}));  // An empty word between.
  EXPECT_EQ(Texts(" ", options), (Strings{" ", ""}));
}

TEST(WordWindowsTest, OfTooManyTheFirstTheLastAndSomeBetweenAreRead) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += fmt::format("{} ", i);
  text.pop_back();
  const WindowOptions options{.words = 1, .stride = 1, .most = 4};
  EXPECT_EQ(Texts(text, options), (std::vector<std::string>{"0", "33", "66", "99"}));
  const auto windows = CutText(text, options);
  EXPECT_EQ(windows[1].index, 33u);
  EXPECT_EQ(windows[1].count, 100u);
  EXPECT_EQ(CutText(text, {.words = 1, .stride = 1, .most = 1}).size(), 1u);
}

}  // namespace
}  // namespace gannet::ranker
