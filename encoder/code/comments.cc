#include "encoder/code/comments.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/utf8.h"
#include "encoder/code/python_comments.h"

namespace gannet::encoder {
namespace {

constexpr std::array<std::string_view, 8> kCurlyLanguages = {
    "c", "cpp", "go", "java", "javascript", "php", "tsx", "typescript"};

// Behind the quoted text that begins at `begin`, or npos where it does not end.
size_t EndOfQuote(std::string_view code, size_t begin) {
  for (size_t i = begin + 1; i < code.size(); ++i) {
    if (code[i] == '\\') {
      ++i;
    } else if (code[i] == code[begin]) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

// Walks over code from one comment or quoted text to the next. What does not end is code like any
// other; it is looked for once only, since one that begins later does not end either.
class CurlyScanner {
 public:
  explicit CurlyScanner(std::string_view code) : code_(code) {}

  std::string Strip() {
    std::string kept;
    for (size_t i = 0; i < code_.size();) {
      if (const size_t comment = EndOfComment(i); comment != kNone) {
        kept += ' ';
        i = comment;
      } else {
        const size_t quote = EndOfQuoted(i);
        const size_t end = quote == kNone ? i + 1 : quote;
        kept += code_.substr(i, end - i);
        i = end;
      }
    }
    return kept;
  }

 private:
  static constexpr size_t kNone = std::string_view::npos;

  size_t EndOfComment(size_t i) {
    if (code_.substr(i, 2) == "//") return std::min(code_.find('\n', i), code_.size());
    if (code_.substr(i, 2) != "/*" || !comments_end_) return kNone;
    const size_t end = code_.find("*/", i + 2);
    comments_end_ = end != kNone;
    return comments_end_ ? end + 2 : kNone;
  }

  size_t EndOfQuoted(size_t i) {
    if (code_[i] != '\'' && code_[i] != '"') return kNone;
    bool& ends = code_[i] == '"' ? double_quotes_end_ : single_quotes_end_;
    if (!ends) return kNone;
    const size_t end = EndOfQuote(code_, i);
    ends = end != kNone;
    return end;
  }

  const std::string_view code_;
  bool comments_end_ = true;
  bool single_quotes_end_ = true;
  bool double_quotes_end_ = true;
};

std::string WithoutBlankLines(std::string_view code) {
  std::string kept;
  for (size_t begin = 0; begin <= code.size();) {
    const size_t end = std::min(code.find('\n', begin), code.size());
    const std::string_view line = code.substr(begin, end - begin);
    if (!base::StripWhiteSpace(line).empty()) {
      if (!kept.empty()) kept += '\n';
      kept += line;
    }
    begin = end + 1;
  }
  return kept;
}

}  // namespace

std::string StripComments(std::string_view code, std::string_view language) {
  if (language == "python") {
    const std::optional<std::string> stripped = StripPythonComments(code);
    return stripped ? WithoutBlankLines(*stripped) : std::string(code);
  }
  if (std::ranges::find(kCurlyLanguages, language) == kCurlyLanguages.end()) {
    return std::string(code);
  }
  return WithoutBlankLines(CurlyScanner(code).Strip());
}

}  // namespace gannet::encoder
