#include "encoder/embed/token_windows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "encoder/embed/word_windows.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using ::testing::ElementsAre;
using Ranges = std::vector<WindowRange>;

TEST(TokenWindowsTest, ATextThatFitsIsOneWindow) {
  EXPECT_EQ(CutTokens(0, 8, 7, {}), (Ranges{{0, 0}}));
  EXPECT_EQ(CutTokens(1, 8, 7, {}), (Ranges{{0, 1}}));
  EXPECT_EQ(CutTokens(8, 8, 7, {}), (Ranges{{0, 8}}));
}

TEST(TokenWindowsTest, WindowsAreOfLikeLengthAndShareWhatIsAsked) {
  EXPECT_EQ(CutTokens(9, 8, 7, {}), (Ranges{{0, 5}, {4, 9}}));
  EXPECT_EQ(CutTokens(15, 8, 7, {}), (Ranges{{0, 8}, {7, 15}}));
  EXPECT_EQ(CutTokens(16, 8, 8, {}), (Ranges{{0, 8}, {8, 16}}));
  EXPECT_EQ(CutTokens(17, 8, 8, {}), (Ranges{{0, 6}, {6, 12}, {12, 17}}));
}

// Whatever the numbers: all is covered, in as few windows as can be, none too long.
TEST(TokenWindowsTest, EveryTokenIsInAWindowAndNoWindowIsTooMany) {
  for (size_t tokens = 1; tokens <= 70; ++tokens) {
    for (size_t size = 1; size <= 12; ++size) {
      for (size_t stride = 1; stride <= size; ++stride) {
        const Ranges windows = CutTokens(tokens, size, stride, {});
        const size_t fewest = tokens <= size ? 1 : 1 + (tokens - size + stride - 1) / stride;
        ASSERT_EQ(windows.size(), fewest) << tokens << " " << size << " " << stride;
        ASSERT_EQ(windows.front().begin, 0u);
        ASSERT_EQ(windows.back().end, tokens);
        size_t longest = 0, shortest = tokens;
        for (size_t i = 0; i < windows.size(); ++i) {
          longest = std::max(longest, windows[i].size());
          shortest = std::min(shortest, windows[i].size());
          if (i == 0) continue;
          ASSERT_EQ(windows[i].begin, windows[i - 1].end - (size - stride));
        }
        ASSERT_LE(longest, size);
        ASSERT_LE(longest - shortest, 1u) << tokens << " " << size << " " << stride;
      }
    }
  }
}

TEST(TokenWindowsTest, WindowsEndWithSentencesWhereOneEndsNearby) {
  // Balanced windows would be of 10 tokens.
  EXPECT_EQ(CutTokens(20, 12, 12, std::vector<size_t>{0, 3, 9, 16}), (Ranges{{0, 9}, {9, 20}}));
  EXPECT_EQ(CutTokens(20, 12, 12, std::vector<size_t>{0, 3, 12}), (Ranges{{0, 12}, {12, 20}}));
  // One in the first half of a window is too far away.
  EXPECT_EQ(CutTokens(20, 12, 12, std::vector<size_t>{0, 4}), (Ranges{{0, 10}, {10, 20}}));
  // What is shared begins with a sentence: at most as much as is asked for.
  EXPECT_EQ(CutTokens(20, 12, 8, std::vector<size_t>{0, 7, 9, 11}),
            (Ranges{{0, 11}, {7, 16}, {12, 20}}));
}

TEST(TokenWindowsTest, WindowsOfSentencesAlwaysGoOn) {
  for (size_t tokens = 1; tokens <= 60; ++tokens) {
    for (size_t every = 1; every <= 9; ++every) {
      std::vector<size_t> sentences;
      for (size_t s = 0; s < tokens; s += every) sentences.push_back(s);
      for (size_t size = 1; size <= 9; ++size) {
        for (size_t stride = 1; stride <= size; ++stride) {
          const Ranges windows = CutTokens(tokens, size, stride, sentences);
          ASSERT_EQ(windows.back().end, tokens);
          for (size_t i = 0; i < windows.size(); ++i) {
            ASSERT_LE(windows[i].size(), size);
            ASSERT_LT(windows[i].begin, windows[i].end);
            if (i == 0) continue;
            ASSERT_GT(windows[i].begin, windows[i - 1].begin);
            ASSERT_LE(windows[i].begin, windows[i - 1].end);
          }
        }
      }
    }
  }
}

TEST(PackChunksTest, ARunReadsWhatStandsBeforeItsChunks) {
  const Ranges chunks = {{0, 4}, {4, 8}, {8, 12}, {12, 16}, {16, 18}};
  const std::vector<ChunkedInput> inputs = PackChunks(18, chunks, 10);
  ASSERT_EQ(inputs.size(), 3u);
  EXPECT_EQ(inputs[0].tokens, (WindowRange{0, 10}));  // What follows is in view, too.
  EXPECT_EQ(inputs[0].chunks, 2u);
  EXPECT_EQ(inputs[1].tokens, (WindowRange{6, 16}));  // An eighth of 10 is 1; 2 are left over.
  EXPECT_EQ(inputs[1].first_chunk, 2u);
  EXPECT_EQ(inputs[1].chunks, 2u);
  EXPECT_EQ(inputs[2].tokens, (WindowRange{8, 18}));
  EXPECT_EQ(inputs[2].chunks, 1u);
}

TEST(PackChunksTest, AChunkAsLongAsARunStandsAlone) {
  const std::vector<ChunkedInput> inputs = PackChunks(20, Ranges{{0, 10}, {10, 20}}, 10);
  ASSERT_EQ(inputs.size(), 2u);
  EXPECT_EQ(inputs[1].tokens, (WindowRange{10, 20}));
}

TEST(WordWindowsTest, WordsAreWhatSingleSpacesSeparate) {
  EXPECT_THAT(WordBegins("a bc  d"), ElementsAre(0, 2, 5, 6, 8));
  EXPECT_THAT(WordBegins(""), ElementsAre(0, 1));
}

TEST(WordWindowsTest, WindowsAreThoseOfBertMaxP) {
  GANNET_SHARED_OR_SKIP(folder, "golden/aggregators");
  std::ifstream file(folder / "inputs.json");
  const auto golden = nlohmann::json::parse(file)["windows"]["bert_maxp_150_75"];
  ASSERT_EQ(golden.size(), 9u);
  for (const auto& [words, windows] : golden.items()) {
    Ranges want;
    want.reserve(windows.size());
    for (const auto& window : windows) want.push_back({window[0], window[1]});
    EXPECT_EQ(CutWords(std::stoul(words), 150, 75), want) << words;
  }
}

}  // namespace
}  // namespace gannet::encoder
