#include "encoder/code/comments.h"

#include <gtest/gtest.h>

#include <string>

namespace gannet::encoder {
namespace {

TEST(StripComments, TakesPythonsCommentsDocstringsAndBlankLines) {
  EXPECT_EQ(StripComments("\"\"\"Module.\"\"\"\n"
                          "def f(a):  # adds\n"
                          "    '''Adds\n"
                          "    one.'''\n"
                          "\n"
                          "    # before\n"
                          "    return a + \\\n"
                          "        1\n",
                          "python"),
            "def f(a):  \n"
            "    return a +        1");
}

TEST(StripComments, KeepsPythonsStringsThatAreNoDocstrings) {
  const std::string code =
      "x = 'a # b' + rb\"c\\\"# d\" + f'''e\n# f'''\n"
      "y = [\n"
      "    'first',\n"
      "    'second']";
  EXPECT_EQ(StripComments(code, "python"), code);
}

TEST(StripComments, TakesAStringAtTheBeginningOfALineForADocstring) {
  EXPECT_EQ(StripComments("x = (\n'text')\n", "python"), "x = (\n)");
}

TEST(StripComments, LeavesPythonThatTokenizeRefuses) {
  for (const char* code : {"f(  # open\n", "x = '''  # open\n", "x = 1 + \\\n",
                           "if a:\n        b  # c\n    d\n", "x = ]  # closed\n"}) {
    EXPECT_EQ(StripComments(code, "python"), code);
  }
}

TEST(StripComments, ReadsPythonOnBehindAQuoteThatNothingEnds) {
  EXPECT_EQ(StripComments("it's # a\nb = 'c\\\nd # e\nf # g", "python"),
            "it's \nb = 'c\\\nd # e\nf ");
}

TEST(StripComments, TakesCommentsInCurlyBracesOutsideQuotes) {
  EXPECT_EQ(StripComments("a = \"// no\"; // yes\n"
                          "/* one\n two */ b = '/*';\n"
                          "\n"
                          "c = \"\\\"//\"; /* open",
                          "java"),
            "a = \"// no\";  \n"
            "  b = '/*';\n"
            "c = \"\\\"//\"; /* open");
}

TEST(StripComments, LooksForEndsThatAreNotThereOnceOnly) {
  std::string code = "/*";
  for (int i = 0; i < 200'000; ++i) code += "\\'/*";
  EXPECT_EQ(StripComments(code, "go"), code);
}

TEST(StripComments, LeavesOtherLanguages) {
  EXPECT_EQ(StripComments("# a\n\nb // c\n", "ruby"), "# a\n\nb // c\n");
  EXPECT_EQ(StripComments("fn f<'a>() {} // c", "rust"), "fn f<'a>() {} // c");
}

}  // namespace
}  // namespace gannet::encoder
