#ifndef GANNET_ENCODER_CODE_CODE_TOKENS_H_
#define GANNET_ENCODER_CODE_CODE_TOKENS_H_

#include <string>
#include <string_view>
#include <vector>

#include "encoder/code/syntax_tree.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// The tokens of code: the leaves of its syntax tree in order, a string whole, without comments.
std::vector<ByteSpan> CodeTokens(const SyntaxTree& tree);

// The same where there is no tree: each run of letters, digits, underscores and characters outside
// ASCII, and each other character that is not white space.
std::vector<ByteSpan> LexicalTokens(std::string_view code);

// What the model is given of a token: its text, lines put together without what ended them.
std::string TokenText(std::string_view code, ByteSpan token);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CODE_CODE_TOKENS_H_
