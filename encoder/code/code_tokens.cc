#include "encoder/code/code_tokens.h"

#include <cstddef>

#include "encoder/code/word_character.h"

namespace gannet::encoder {
namespace {

bool IsWhiteSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

std::vector<ByteSpan> CodeTokens(const SyntaxTree& tree) {
  std::vector<ByteSpan> tokens;
  for (size_t node = 0; node < tree.size();) {
    const SyntaxKind kind = tree[node].kind;
    const bool token = kind == SyntaxKind::kString || IsLeaf(tree, node);
    if (token && kind != SyntaxKind::kComment) tokens.push_back(tree[node].bytes);
    node = token || kind == SyntaxKind::kComment ? tree[node].subtree_end : node + 1;
  }
  return tokens;
}

std::vector<ByteSpan> LexicalTokens(std::string_view code) {
  std::vector<ByteSpan> tokens;
  for (size_t i = 0; i < code.size();) {
    const size_t begin = i;
    while (i < code.size() && IsWordCharacter(code[i])) ++i;
    if (i == begin) ++i;
    if (!IsWhiteSpace(code[begin])) {
      tokens.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(i)});
    }
  }
  return tokens;
}

std::string TokenText(std::string_view code, ByteSpan token) {
  std::string text(code.substr(token.begin, token.end - token.begin));
  std::erase(text, '\n');
  return text;
}

}  // namespace gannet::encoder
