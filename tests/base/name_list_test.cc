#include "base/name_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gannet::base {
namespace {

TEST(NameListTest, ListsAFewAndCountsTheRest) {
  EXPECT_EQ(ListKeys(std::map<std::string, int>{}), "none");
  EXPECT_EQ(ListKeys(std::map<std::string, int>{{"b", 1}, {"a", 2}}), "a, b");
  const std::vector<std::string_view> many(23, "x");
  const std::string list = ListNames(many);
  EXPECT_TRUE(list.ends_with("x, x and 3 more"));
  EXPECT_EQ(std::count(list.begin(), list.end(), 'x'), 20);
  EXPECT_EQ(ListNames(std::span(many).first(20)).find("more"), std::string::npos);
}

}  // namespace
}  // namespace gannet::base
