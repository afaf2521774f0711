#include "encoder/code/cut_points.h"

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <vector>

#include "encoder/code/syntax_tree.h"

namespace gannet::encoder {
namespace {

// A node and those below it, to be written as it nests.
struct Node {
  uint32_t row = 0;
  uint32_t column = 0;
  std::vector<Node> children = {};
  SyntaxKind kind = SyntaxKind::kOther;
};

SyntaxTree TreeOf(const Node& root) {
  SyntaxTree tree;
  const std::function<void(const Node&)> add = [&](const Node& node) {
    const size_t index = tree.size();
    tree.push_back({.kind = node.kind, .bytes = {}, .start = {node.row, node.column}});
    for (const Node& child : node.children) add(child);
    tree[index].subtree_end = static_cast<uint32_t>(tree.size());
  };
  add(root);
  return tree;
}

Node Inner(uint32_t row, uint32_t column) { return {row, column, {{row, column}}}; }

using Points = std::vector<TextPoint>;

TEST(CutPoints, AreTheBeginningsOfNodesWithChildrenFarEnoughApart) {
  // The limit at the root is three lines: more than three have to lie between.
  EXPECT_EQ(CutPoints(TreeOf({0, 0, {Inner(3, 2), Inner(4, 1), Inner(8, 0), {20, 0}}}), 3),
            (Points{{0, 0}, {4, 1}, {8, 0}}));
  EXPECT_EQ(CutPoints(TreeOf({0, 0, {Inner(3, 2), Inner(4, 1), Inner(8, 0)}}), 2),
            (Points{{0, 0}, {3, 2}, {8, 0}}));
}

TEST(CutPoints, AreThinnedByFiveLinesBelowTheRootWhateverTheRootsLimit) {
  // Of the child at row 10, rows 14 and 15 are too near to it; the root then takes what is left.
  const Node child{10, 0, {Inner(14, 4), Inner(15, 4), Inner(16, 4)}};
  EXPECT_EQ(CutPoints(TreeOf({0, 0, {child}}), 1), (Points{{0, 0}, {10, 0}, {16, 4}}));
}

TEST(CutPoints, EndAtTheFifthLevelAndPassOverComments) {
  Node nested = Inner(100, 0);
  for (const uint32_t row : {80, 60, 40, 20}) nested = {row, 0, {nested}};
  const Node comment{300, 0, {{300, 2}}, SyntaxKind::kComment};
  EXPECT_EQ(CutPoints(TreeOf({0, 0, {nested, comment}}), 3),
            (Points{{0, 0}, {20, 0}, {40, 0}, {60, 0}, {80, 0}}));
}

TEST(CutPoints, AreNoneInATreeOfOneNode) { EXPECT_EQ(CutPoints(TreeOf({7, 0}), 3), Points()); }

}  // namespace
}  // namespace gannet::encoder
