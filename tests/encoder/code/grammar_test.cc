#include "encoder/code/grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "encoder/code/code_tokens.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kGrammars = testing::TestGrammars();

std::vector<std::string> TextsOf(std::string_view code, const std::vector<ByteSpan>& tokens) {
  std::vector<std::string> texts;
  for (const ByteSpan token : tokens) texts.push_back(TokenText(code, token));
  return texts;
}

TEST(Grammar, ParsesCodeToATree) {
  ASSERT_OK_AND_ASSIGN(const auto grammar, Grammar::Open(GrammarFile(kGrammars, "tiny"), "tiny"));
  const std::string_view code = "a = b;\n  { # why\nc = \"d\n e\"; }";
  ASSERT_OK_AND_ASSIGN(const SyntaxTree tree, grammar->Parse(code));
  EXPECT_EQ(tree.front().subtree_end, tree.size());
  EXPECT_EQ(tree[1].start, (TextPoint{0, 0}));
  EXPECT_EQ(tree[6].start, (TextPoint{1, 2}));  // The block, behind the assignment's four leaves.
  // A comment is no token, and a string is one, in one line.
  EXPECT_THAT(TextsOf(code, CodeTokens(tree)),
              ElementsAre("a", "=", "b", ";", "{", "c", "=", "\"d e\"", ";", "}"));
}

TEST(Grammar, ParsesWhatIsNoCode) {
  ASSERT_OK_AND_ASSIGN(const auto grammar, Grammar::Open(GrammarFile(kGrammars, "tiny"), "tiny"));
  for (const std::string_view code : {std::string_view(), std::string_view("= } 1\xC3\xA9", 7)}) {
    ASSERT_OK_AND_ASSIGN(const SyntaxTree tree, grammar->Parse(code));
    EXPECT_EQ(tree.front().subtree_end, tree.size());
    EXPECT_LE(tree.back().bytes.end, code.size());
  }
  // Nested deeper than a stack would allow.
  const std::string nested = std::string(100'000, '{') + std::string(100'000, '}');
  ASSERT_OK_AND_ASSIGN(const SyntaxTree deep, grammar->Parse(nested));
  EXPECT_EQ(CodeTokens(deep).size(), nested.size());
}

TEST(Grammar, SaysWhatIsWrongWithAFile) {
  EXPECT_TRUE(
      absl::IsNotFound(Grammar::Open(GrammarFile(kGrammars, "klingon"), "klingon").status()));
  const auto error = [](const std::filesystem::path& file, std::string_view language) {
    return std::string(base::Message(Grammar::Open(file, language).status()));
  };
  const testing::TemporaryFolder folder;
  EXPECT_THAT(error(folder.Write("libtree-sitter-a.so", "no library"), "a"),
              HasSubstr("libtree-sitter-a.so: "));
  EXPECT_THAT(error(GrammarFile(kGrammars, "tiny"), "python"),
              HasSubstr("no function tree_sitter_python"));
  EXPECT_THAT(error(GrammarFile(kGrammars, "stale"), "stale"),
              HasSubstr("made for version 8 of tree-sitter's tables, expected 13 to 14"));
}

TEST(GrammarFolder, IsTheEnvironments) {
  ::setenv("XDG_DATA_HOME", "/data", 1);
  ::unsetenv("GANNET_GRAMMARS");
  EXPECT_EQ(GrammarFolder(), "/data/gannet/grammars");
  ::setenv("GANNET_GRAMMARS", "/grammars", 1);
  EXPECT_EQ(GrammarFolder(), "/grammars");
  ::unsetenv("XDG_DATA_HOME");
  ::unsetenv("GANNET_GRAMMARS");
  EXPECT_THAT(GrammarFolder().string(), HasSubstr(".local/share/gannet/grammars"));
}

TEST(LexicalTokens, AreWordsAndOtherCharacters) {
  const std::string_view code = "f_1(\xC3\xA9t\xC3\xA9,\n x==2)";
  EXPECT_THAT(TextsOf(code, LexicalTokens(code)),
              ElementsAre("f_1", "(", "\xC3\xA9t\xC3\xA9", ",", "x", "=", "=", "2", ")"));
}

}  // namespace
}  // namespace gannet::encoder
