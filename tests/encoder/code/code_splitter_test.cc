#include "encoder/code/code_splitter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "encoder/code/grammar.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::shared_ptr<const Grammar> Tiny() {
  return *Grammar::Open(GrammarFile(testing::TestGrammars(), "tiny"), "tiny");
}

// Each block's tokens, joined by spaces.
std::vector<std::string> BlocksOf(const SplitCode& split) {
  std::vector<std::string> blocks;
  for (const CodeBlock& block : split.blocks) {
    std::vector<std::string> texts;
    for (const CodeToken& token : block) texts.push_back(token.text);
    blocks.push_back(fmt::format("{}", fmt::join(texts, " ")));
  }
  return blocks;
}

// A token is from where the code has its text, but for the ends of lines and runs of spaces.
void ExpectTokensInCode(const SplitCode& split) {
  for (const CodeBlock& block : split.blocks) {
    for (const CodeToken& token : block) {
      const std::string_view code = split.code;
      EXPECT_EQ(code.substr(token.code.begin, token.code.end - token.code.begin), token.text);
    }
  }
}

TEST(SlidingWindows, AreThoseOfTheReleasedCode) {
  GANNET_SHARED_OR_SKIP(file, "golden/aggregators/inputs.json");
  std::ifstream stream(file);
  const nlohmann::json lists = nlohmann::json::parse(stream)["windows"]["sea_32_16"];
  ASSERT_GE(lists.size(), 9);
  for (const auto& [units, windows] : lists.items()) {
    std::vector<UnitRange> expected;
    for (const auto& window : windows) expected.push_back({window[0], window[1]});
    EXPECT_EQ(SlidingWindows(std::stoul(units), 32, 16), expected) << units << " units";
  }
}

TEST(CodeSplitter, SplitsByTokens) {
  const CodeSplitter splitter(
      {.language = "tiny", .unit = CodeUnit::kToken, .window = 4, .step = 3}, Tiny());
  ASSERT_OK_AND_ASSIGN(const SplitCode split, splitter.Split("a = b; # why\nc = d;"));
  EXPECT_THAT(BlocksOf(split), ElementsAre("a = b ; c = d ;", "a = b ;", "; c = d", "d ;"));
  ExpectTokensInCode(split);
}

TEST(CodeSplitter, AddsNothingForALoneWindow) {
  const CodeSplitter splitter({.language = "tiny", .unit = CodeUnit::kToken}, Tiny());
  ASSERT_OK_AND_ASSIGN(const SplitCode split, splitter.Split("a = b;"));
  EXPECT_THAT(BlocksOf(split), ElementsAre("a = b ;"));
  ASSERT_OK_AND_ASSIGN(const SplitCode empty, splitter.Split(""));
  EXPECT_THAT(BlocksOf(empty), ElementsAre(""));
}

TEST(CodeSplitter, SplitsBetweenSpacesThatItTakesForOne) {
  const CodeSplitter splitter(
      {.language = "tiny", .unit = CodeUnit::kWordSpace, .window = 3, .step = 2}, Tiny());
  ASSERT_OK_AND_ASSIGN(const SplitCode split, splitter.Split("a   = b;\nc  = d;"));
  // The units are a, =, b;\nc, = and d;
  EXPECT_THAT(BlocksOf(split), ElementsAre("a = b ; c = d ;", "a = b ; c", "b ; c = d ;"));
  ExpectTokensInCode(split);
}

TEST(CodeSplitter, SplitsByLines) {
  const CodeSplitter splitter({.language = "tiny", .unit = CodeUnit::kLine, .window = 2, .step = 1},
                              Tiny());
  ASSERT_OK_AND_ASSIGN(const SplitCode split, splitter.Split("a = b;\n{   c = d;\n}"));
  // The brace that the parser misses at the end of the second block is a token without text.
  EXPECT_THAT(BlocksOf(split),
              ElementsAre("a = b ; { c = d ; }", "a = b ; { c = d ; ", "{ c = d ; }"));
  ExpectTokensInCode(split);
}

// Statements of one line each, from the line of each number on: cut points lie where the released
// rule puts them.
TEST(CodeSplitter, SplitsBySubtreesAndDropsWhatFollowsTheLastCut) {
  const CodeSplitter splitter(
      {.language = "tiny", .unit = CodeUnit::kAstSubtree, .window = 1, .step = 1}, Tiny());
  // Lines 0 to 12; more than 3 lines apart are 0, 4, 8 and 12.
  std::string code;
  for (char name = 'a'; name <= 'm'; ++name) code += fmt::format("  {} = x;\n", name);
  ASSERT_OK_AND_ASSIGN(const SplitCode split, splitter.Split(code));
  ASSERT_EQ(split.blocks.size(), 3);  // Three subtrees have two windows of one.
  EXPECT_THAT(BlocksOf(split)[1], "a = x ; b = x ; c = x ; d = x ;");
  EXPECT_THAT(BlocksOf(split)[2], "e = x ; f = x ; g = x ; h = x ;");
  ExpectTokensInCode(split);
}

// The column of a cut counts bytes, what is taken of its line counts characters: of the fifth line
// not only what stands before the block that begins in byte 16, but two characters of it, too.
TEST(CodeSplitter, TakesAsManyCharactersOfACutsLineAsItHasBytesBefore) {
  const CodeSplitter splitter(
      {.language = "tiny", .unit = CodeUnit::kAstSubtree, .window = 1, .step = 1}, Tiny());
  ASSERT_OK_AND_ASSIGN(
      const SplitCode split,
      splitter.Split("{ { { { a =\n\n\n\n\"\xC3\xA9\xC3\xA9\"; } } } } { c = d; }\n\n\n\n"
                     "{ e = f; }\n\n\n\n{ g = h; }"));
  EXPECT_THAT(BlocksOf(split)[1], StartsWith("{ { { { a = \"\xC3\xA9\xC3\xA9\" ; } } } } {"));
  // Where no statement can begin with it, a string is no node of its own.
  EXPECT_THAT(BlocksOf(split)[2], StartsWith("\" \xC3\xA9\xC3\xA9 \" ; } } } } { c = d ; }"));
}

TEST(CodeSplitter, WithoutAGrammarTakesOtherUnitsAndTokens) {
  const CodeSplitter splitter({.language = "java",
                               .unit = CodeUnit::kAstSubtree,
                               .unit_without_grammar = CodeUnit::kLine,
                               .window = 1,
                               .step = 1},
                              nullptr);
  ASSERT_OK_AND_ASSIGN(const SplitCode split, splitter.Split("int a; // first\nf(\"b c\");\nd"));
  EXPECT_THAT(BlocksOf(split),
              ElementsAre("int a ; f ( \" b c \" ) ; d", "int a ;", "f ( \" b c \" ) ;"));
  ExpectTokensInCode(split);
}

TEST(CodeSplitter, PutsPhpBetweenItsMarks) {
  const CodeSplitter splitter(
      {.language = "php", .unit_without_grammar = CodeUnit::kLine, .window = 1, .step = 1},
      nullptr);
  ASSERT_OK_AND_ASSIGN(const SplitCode split, splitter.Split("$a;\n$b;\n$c;"));
  EXPECT_EQ(split.code, "<?php$a;\n$b;\n$c;?>");
  EXPECT_THAT(BlocksOf(split), ElementsAre("< ? php $ a ; $ b ; $ c ; ? >", "< ? php $ a ; ? >",
                                           "< ? php $ b ; ? >"));
  EXPECT_EQ(split.blocks[2][3].code, (ByteSpan{9, 10}));  // The "$" of $b.
}

TEST(CodeSplitter, RefusesMoreWindowsThanItsLimit) {
  const CodeSplitter splitter(
      {.language = "c", .unit_without_grammar = CodeUnit::kToken, .window = 2, .step = 1}, nullptr);
  const absl::StatusOr<SplitCode> split = splitter.Split(std::string(70'000, ';'));
  EXPECT_THAT(std::string(base::Message(split.status())), HasSubstr("69999 windows"));
}

}  // namespace
}  // namespace gannet::encoder
