#include "encoder/code/python_comments.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "encoder/code/word_character.h"

namespace gannet::encoder {
namespace {

// As far as docstrings have to tell tokens apart.
enum class TokenKind { kIndent, kNewLine, kComment, kString, kOther };

constexpr std::string_view kSpaces = " \t\f";

bool IsQuote(char c) { return c == '\'' || c == '"'; }

// Whether the letters before a quote belong to the string: r"", Rb"", ...
bool IsStringPrefix(std::string_view word) {
  static constexpr std::array<std::string_view, 8> kPrefixes = {"b",  "r",  "u",  "f",
                                                                "br", "rb", "fr", "rf"};
  std::string lower(word);
  for (char& c : lower) c = static_cast<char>(c | 0x20);
  return std::ranges::find(kPrefixes, lower) != kPrefixes.end();
}

// Reads code as Python's `tokenize` module does up to version 3.11, and writes down the tokens that
// are kept. Source: the Python language reference, chapter 2, and the module's behaviour.
class PythonStripper {
 public:
  explicit PythonStripper(std::string_view code) : code_(code) {}

  std::optional<std::string> Run() {
    while (at_ < code_.size()) {
      if (std::exchange(line_begins_, false) && !std::exchange(continued_, false) && depth_ == 0) {
        if (!ReadIndentation()) return std::nullopt;
      } else if (!ReadToken()) {
        return std::nullopt;
      }
    }
    if (depth_ != 0 || continued_) return std::nullopt;
    return std::move(kept_);
  }

 private:
  bool ReadIndentation();
  bool ReadToken();
  bool ReadString(size_t begin, size_t quote);
  bool ReadLongString(size_t begin, size_t quote);

  char CharAt(size_t i) const { return i < code_.size() ? code_[i] : '\0'; }

  // The bytes of a line's end at `i`: 2 for "\r\n", 1 for "\n", else 0.
  size_t NewLineAt(size_t i) const {
    if (CharAt(i) == '\n') return 1;
    return CharAt(i) == '\r' && CharAt(i + 1) == '\n' ? 2 : 0;
  }

  void Emit(TokenKind kind, size_t begin, size_t end) {
    kept_.append(begin - last_, ' ');
    const bool begins_line = previous_ == TokenKind::kIndent || previous_ == TokenKind::kNewLine ||
                             begin == 0 || code_[begin - 1] == '\n';
    const bool docstring = kind == TokenKind::kString && begins_line;
    if (kind != TokenKind::kComment && !docstring) kept_ += code_.substr(begin, end - begin);
    previous_ = kind;
    last_ = at_ = end;
    line_begins_ = end > begin && code_[end - 1] == '\n';
  }

  void EmitComment() {
    Emit(TokenKind::kComment, at_, std::min(code_.find_first_of("\r\n", at_), code_.size()));
  }

  const std::string_view code_;
  size_t at_ = 0;
  size_t last_ = 0;  // The end of the token before, or the beginning of the line.
  TokenKind previous_ = TokenKind::kIndent;
  std::vector<size_t> indents_ = {0};
  int depth_ = 0;            // Of brackets.
  bool line_begins_ = true;  // At `at_`.
  bool continued_ = false;   // By a backslash at the end of the line before.
  std::string kept_;
};

// A line of white space or comment alone has none; false where it matches no line above.
bool PythonStripper::ReadIndentation() {
  const size_t begin = at_;
  size_t column = 0;
  for (; kSpaces.find(CharAt(at_)) != std::string_view::npos; ++at_) {
    const char c = code_[at_];
    column = c == '\t' ? (column / 8 + 1) * 8 : c == '\f' ? 0 : column + 1;
  }
  if (at_ == code_.size()) return true;
  const bool comment = code_[at_] == '#';
  if (comment) EmitComment();
  if (comment || code_[at_] == '\r' || code_[at_] == '\n') {
    const size_t end = code_.find('\n', at_);
    Emit(TokenKind::kOther, at_, end == std::string_view::npos ? code_.size() : end + 1);
    return true;
  }
  if (column > indents_.back()) {
    indents_.push_back(column);
    Emit(TokenKind::kIndent, begin, at_);
  }
  for (; column < indents_.back(); indents_.pop_back()) {
    if (std::ranges::find(indents_, column) == indents_.end()) return false;
    previous_ = TokenKind::kOther;
  }
  return true;
}

bool PythonStripper::ReadToken() {
  at_ = std::min(code_.find_first_not_of(kSpaces, at_), code_.size());
  if (at_ == code_.size()) return true;
  const char c = code_[at_];
  if (const size_t end = NewLineAt(at_); end != 0) {
    Emit(depth_ > 0 ? TokenKind::kOther : TokenKind::kNewLine, at_, at_ + end);
  } else if (const size_t line_end = NewLineAt(at_ + 1); c == '\\' && line_end != 0) {
    last_ = at_ += 1 + line_end;
    continued_ = line_begins_ = true;
  } else if (c == '#') {
    EmitComment();
  } else {
    size_t word = at_;
    while (word < code_.size() && IsWordCharacter(code_[word])) ++word;
    const bool prefixed = word == at_ || IsStringPrefix(code_.substr(at_, word - at_));
    if (IsQuote(CharAt(word)) && prefixed) return ReadString(at_, word);
    if (c == '(' || c == '[' || c == '{') ++depth_;
    if (c == ')' || c == ']' || c == '}') --depth_;
    Emit(TokenKind::kOther, at_, std::max(word, at_ + 1));
  }
  return true;
}

// A quote that nothing ends on its line is a token of its own; where backslashes took the string on
// to further lines, all up to the end of the last one is.
bool PythonStripper::ReadString(size_t begin, size_t quote) {
  const char mark = code_[quote];
  if (CharAt(quote + 1) == mark && CharAt(quote + 2) == mark) return ReadLongString(begin, quote);
  bool first_line = true;
  for (size_t i = quote + 1; i < code_.size(); ++i) {
    if (code_[i] == mark) {
      Emit(TokenKind::kString, begin, i + 1);
      return true;
    }
    if (code_[i] == '\\') {
      const size_t line_end = NewLineAt(i + 1);
      if (line_end != 0) first_line = false;
      i += std::max<size_t>(line_end, 1);
      if (line_end != 0 && i + 1 == code_.size()) return false;
    } else if (code_[i] == '\n') {
      Emit(TokenKind::kOther, begin, first_line ? quote + 1 : i + 1);
      return true;
    }
  }
  Emit(TokenKind::kOther, begin, first_line ? quote + 1 : code_.size());
  return true;
}

bool PythonStripper::ReadLongString(size_t begin, size_t quote) {
  const std::string_view marks = code_.substr(quote, 3);
  for (size_t i = quote + 3; i < code_.size(); ++i) {
    if (code_[i] == '\\') {
      ++i;
    } else if (code_.substr(i, 3) == marks) {
      Emit(TokenKind::kString, begin, i + 3);
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<std::string> StripPythonComments(std::string_view code) {
  return PythonStripper(code).Run();
}

}  // namespace gannet::encoder
