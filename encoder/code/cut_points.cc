#include "encoder/code/cut_points.h"

namespace gannet::encoder {
namespace {

constexpr size_t kDeepest = 4;  // The root is at depth 0.
constexpr size_t kMinLinesBelowRoot = 5;

std::vector<TextPoint> Thin(const std::vector<TextPoint>& points, size_t min_lines) {
  std::vector<TextPoint> kept;
  for (const TextPoint& point : points) {
    if (kept.empty() || point.row > kept.back().row + min_lines) kept.push_back(point);
  }
  return kept;
}

std::vector<TextPoint> Walk(const SyntaxTree& tree, size_t node, size_t depth, size_t min_lines) {
  if (depth > kDeepest || IsLeaf(tree, node) || tree[node].kind == SyntaxKind::kComment) return {};
  std::vector<TextPoint> points = {tree[node].start};
  for (size_t child = node + 1; child < tree[node].subtree_end; child = tree[child].subtree_end) {
    const std::vector<TextPoint> below = Walk(tree, child, depth + 1, kMinLinesBelowRoot);
    points.insert(points.end(), below.begin(), below.end());
  }
  return Thin(points, min_lines);
}

}  // namespace

std::vector<TextPoint> CutPoints(const SyntaxTree& tree, size_t min_lines) {
  return Walk(tree, 0, 0, min_lines);
}

}  // namespace gannet::encoder
