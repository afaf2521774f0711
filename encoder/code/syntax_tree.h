#ifndef GANNET_ENCODER_CODE_SYNTAX_TREE_H_
#define GANNET_ENCODER_CODE_SYNTAX_TREE_H_

#include <cstdint>
#include <vector>

#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// A place in a text: the line, and the bytes of the line before it; both count from 0.
struct TextPoint {
  uint32_t row = 0;
  uint32_t column = 0;
  friend bool operator==(const TextPoint&, const TextPoint&) = default;
};

// What a grammar calls a part of the code, as far as it matters here.
enum class SyntaxKind { kOther, kString, kComment };

struct SyntaxNode {
  SyntaxKind kind = SyntaxKind::kOther;
  ByteSpan bytes;
  TextPoint start;
  uint32_t subtree_end = 0;  // The index behind its last descendant; a leaf's is its own plus one.
};

// The nodes of a syntax tree, every parent before its children, the root first.
using SyntaxTree = std::vector<SyntaxNode>;

inline bool IsLeaf(const SyntaxTree& tree, size_t node) {
  return tree[node].subtree_end == node + 1;
}

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CODE_SYNTAX_TREE_H_
