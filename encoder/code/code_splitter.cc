#include "encoder/code/code_splitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "base/status.h"
#include "encoder/code/code_tokens.h"
#include "encoder/code/comments.h"
#include "encoder/code/cut_points.h"
#include "encoder/code/syntax_tree.h"

namespace gannet::encoder {
namespace {

constexpr std::array<std::pair<std::string_view, CodeUnit>, 4> kUnitNames = {
    {{"token", CodeUnit::kToken},
     {"word_space", CodeUnit::kWordSpace},
     {"line", CodeUnit::kLine},
     {"ast_subtree", CodeUnit::kAstSubtree}}};

// Windows of one text: as many as a text of some megabytes has.
constexpr size_t kMaxWindows = 65'536;

// What must stand around code for its grammar to take it for code.
struct Marks {
  std::string_view before;
  std::string_view after;
};
Marks MarksOf(std::string_view language) {
  return language == "php" ? Marks{"<?php", "?>"} : Marks{};
}

ByteSpan SpanOf(size_t begin, size_t end) {
  return {static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
}

// The parts of code[inside] between separators, runs of spaces in them made one.
std::vector<Excerpt> Between(char separator, std::string_view code, ByteSpan inside) {
  std::vector<Excerpt> units;
  for (size_t begin = inside.begin; begin <= inside.end;) {
    const size_t end = std::min<size_t>(code.find(separator, begin), inside.end);
    units.emplace_back(code).AppendWithSingleSpaces(SpanOf(begin, end));
    begin = end + 1;
    while (separator == ' ' && begin < inside.end && code[begin] == ' ') ++begin;
  }
  return units;
}

// The byte behind the first `characters` characters of code[line].
size_t SkipCharacters(std::string_view code, ByteSpan line, size_t characters) {
  const auto continues = [&](size_t i) { return (code[i] & 0xC0) == 0x80; };
  size_t i = line.begin;
  for (size_t n = 0; n < characters && i < line.end; ++n) {
    ++i;
    while (i < line.end && continues(i)) ++i;
  }
  return i;
}

std::vector<ByteSpan> Lines(std::string_view code) {
  std::vector<ByteSpan> lines;
  for (size_t begin = 0; begin <= code.size();) {
    const size_t end = std::min(code.find('\n', begin), code.size());
    lines.push_back(SpanOf(begin, end));
    begin = end + 1;
  }
  return lines;
}

// As released: from the line of one cut point up to the line of the next, and of that one so many
// first characters as the point has bytes before it, without a line end between. What stands behind
// the last point is in no subtree; with fewer than two points the whole code is one.
std::vector<Excerpt> Subtrees(std::string_view code, const std::vector<TextPoint>& points) {
  std::vector<Excerpt> subtrees;
  if (points.size() < 2) {
    subtrees.emplace_back(code).Append(SpanOf(0, code.size()));
    return subtrees;
  }
  const std::vector<ByteSpan> lines = Lines(code);
  for (size_t i = 1; i < points.size(); ++i) {
    const ByteSpan line = lines[points[i].row];
    Excerpt& subtree = subtrees.emplace_back(code);
    subtree.Append(SpanOf(lines[points[i - 1].row].begin, lines[points[i].row - 1].end));
    subtree.Append(SpanOf(line.begin, SkipCharacters(code, line, points[i].column)));
  }
  return subtrees;
}

Excerpt Join(std::string_view code, std::span<const Excerpt> units, std::string_view separator) {
  Excerpt joined(code);
  for (size_t i = 0; i < units.size(); ++i) {
    if (i != 0) joined.AppendForeign(separator);
    joined.Append(units[i]);
  }
  return joined;
}

}  // namespace

absl::StatusOr<CodeUnit> ParseCodeUnit(std::string_view name) {
  for (const auto& [known, unit] : kUnitNames) {
    if (name == known) return unit;
  }
  return absl::InvalidArgumentError(fmt::format(
      "\"{}\" is no unit of code, expected token, word_space, line or ast_subtree", name));
}

std::string_view CodeUnitName(CodeUnit unit) {
  return std::ranges::find(kUnitNames, unit, &std::pair<std::string_view, CodeUnit>::second)->first;
}

std::vector<UnitRange> SlidingWindows(size_t units, size_t window, size_t step) {
  std::vector<UnitRange> windows;
  for (size_t begin = 0; begin + 1 < units; begin += step) {
    windows.push_back({begin, std::min(begin + window, units)});
  }
  return windows;
}

CodeSplitter::CodeSplitter(CodeSplitOptions options, std::shared_ptr<const Grammar> grammar)
    : options_(std::move(options)), grammar_(std::move(grammar)) {}

absl::StatusOr<CodeBlock> CodeSplitter::TokensOf(const Excerpt& excerpt) const {
  const std::string_view text = excerpt.text();
  std::vector<ByteSpan> spans;
  if (grammar_ == nullptr) {
    spans = LexicalTokens(text);
  } else {
    GANNET_ASSIGN_OR_RETURN(const SyntaxTree tree, grammar_->Parse(text));
    spans = CodeTokens(tree);
  }
  CodeBlock block;
  for (const ByteSpan span : spans) block.push_back({TokenText(text, span), excerpt.InCode(span)});
  return block;
}

absl::StatusOr<std::vector<Excerpt>> CodeSplitter::UnitsOf(std::string_view code,
                                                           CodeUnit unit) const {
  if (unit == CodeUnit::kAstSubtree) {
    GANNET_ASSIGN_OR_RETURN(const SyntaxTree tree, grammar_->Parse(code));
    return Subtrees(code, CutPoints(tree, options_.min_lines));
  }
  const Marks marks = MarksOf(options_.language);
  return Between(unit == CodeUnit::kLine ? '\n' : ' ', code,
                 SpanOf(marks.before.size(), code.size() - marks.after.size()));
}

absl::StatusOr<std::vector<UnitRange>> CodeSplitter::WindowsOf(size_t units) const {
  std::vector<UnitRange> windows = SlidingWindows(units, options_.window, options_.step);
  if (windows.size() > kMaxWindows) {
    return absl::InvalidArgumentError(
        fmt::format("{} windows of {} units, expected at most {}: a larger step makes fewer",
                    windows.size(), options_.window, kMaxWindows));
  }
  if (windows.size() == 1) windows.clear();
  return windows;
}

absl::Status CodeSplitter::AddTextWindows(CodeUnit unit, SplitCode& split) const {
  GANNET_ASSIGN_OR_RETURN(const std::vector<Excerpt> units, UnitsOf(split.code, unit));
  GANNET_ASSIGN_OR_RETURN(const std::vector<UnitRange> windows, WindowsOf(units.size()));
  const Marks marks = MarksOf(options_.language);
  for (const UnitRange window : windows) {
    const Excerpt text =
        Join(split.code, std::span(units).subspan(window.begin, window.end - window.begin),
             unit == CodeUnit::kAstSubtree ? "\n" : " ");
    if (text.text().empty()) continue;
    Excerpt marked(split.code);
    marked.AppendForeign(marks.before);
    marked.Append(text);
    marked.AppendForeign(marks.after);
    GANNET_ASSIGN_OR_RETURN(split.blocks.emplace_back(), TokensOf(marked));
  }
  return absl::OkStatus();
}

absl::Status CodeSplitter::AddTokenWindows(SplitCode& split) const {
  const CodeBlock whole = split.blocks.front();
  GANNET_ASSIGN_OR_RETURN(const std::vector<UnitRange> windows, WindowsOf(whole.size()));
  for (const UnitRange window : windows) {
    split.blocks.emplace_back(whole.begin() + static_cast<ptrdiff_t>(window.begin),
                              whole.begin() + static_cast<ptrdiff_t>(window.end));
  }
  return absl::OkStatus();
}

absl::StatusOr<SplitCode> CodeSplitter::Split(std::string_view code) const {
  const Marks marks = MarksOf(options_.language);
  SplitCode split;
  split.code = fmt::format(
      "{}{}{}", marks.before,
      options_.comments == CommentPolicy::kStrip ? StripComments(code, options_.language) : code,
      marks.after);
  if (split.code.size() >= std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError(
        fmt::format("{} bytes of code, expected less than 4 GiB", split.code.size()));
  }
  Excerpt whole(split.code);
  whole.Append(SpanOf(0, split.code.size()));
  GANNET_ASSIGN_OR_RETURN(split.blocks.emplace_back(), TokensOf(whole));
  const CodeUnit unit = grammar_ == nullptr ? options_.unit_without_grammar : options_.unit;
  GANNET_RETURN_IF_ERROR(unit == CodeUnit::kToken ? AddTokenWindows(split)
                                                  : AddTextWindows(unit, split));
  return split;
}

}  // namespace gannet::encoder
