#ifndef GANNET_ENCODER_CODE_CODE_SPLITTER_H_
#define GANNET_ENCODER_CODE_CODE_SPLITTER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/code/excerpt.h"
#include "encoder/code/grammar.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// The units of code of which windows are made.
enum class CodeUnit {
  kToken,       // Leaves of the syntax tree; see CodeTokens.
  kWordSpace,   // What stands between spaces.
  kLine,        // Lines.
  kAstSubtree,  // The code from one cut point of the syntax tree to the next; see CutPoints.
};
absl::StatusOr<CodeUnit> ParseCodeUnit(std::string_view name);  // "token", "word_space", ...
std::string_view CodeUnitName(CodeUnit unit);

enum class CommentPolicy { kStrip, kKeep };

struct CodeSplitOptions {
  std::string language;  // As grammars are called.
  CodeUnit unit = CodeUnit::kAstSubtree;
  CodeUnit unit_without_grammar = CodeUnit::kLine;  // Not kAstSubtree.
  size_t window = 32;                               // Units.
  size_t step = 16;                                 // Units from one window to the next.
  size_t min_lines = 3;                             // See CutPoints.
  CommentPolicy comments = CommentPolicy::kStrip;   // See StripComments.
};

// Units [begin, end) of a list.
struct UnitRange {
  size_t begin = 0;
  size_t end = 0;
  friend bool operator==(const UnitRange&, const UnitRange&) = default;
};

// The windows of `units` units, as released: one begins at each multiple of the step that is less
// than units - 1. A lone unit has none, and the last window may be short.
std::vector<UnitRange> SlidingWindows(size_t units, size_t window, size_t step);

// A token of a block, and where in the code it is from.
struct CodeToken {
  std::string text;
  ByteSpan code;
};
using CodeBlock = std::vector<CodeToken>;

struct SplitCode {
  std::string code;               // What was split: without comments, PHP between its marks.
  std::vector<CodeBlock> blocks;  // The whole code, then its windows where there are several.
};

// Splits code as SEA (Hu et al. 2022, arXiv:2208.11271) does. Immutable; safe to use from several
// threads.
class CodeSplitter {
 public:
  // Without a grammar (null) tokens are LexicalTokens, and units those that the options name for
  // that case.
  CodeSplitter(CodeSplitOptions options, std::shared_ptr<const Grammar> grammar);

  // Of well-formed UTF-8. Errors: code of more than 4 GiB or of more than 65,536
  // windows.
  absl::StatusOr<SplitCode> Split(std::string_view code) const;

 private:
  absl::StatusOr<CodeBlock> TokensOf(const Excerpt& excerpt) const;
  absl::StatusOr<std::vector<Excerpt>> UnitsOf(std::string_view code, CodeUnit unit) const;
  // None for a lone one.
  absl::StatusOr<std::vector<UnitRange>> WindowsOf(size_t units) const;
  absl::Status AddTextWindows(CodeUnit unit, SplitCode& split) const;
  absl::Status AddTokenWindows(SplitCode& split) const;

  const CodeSplitOptions options_;
  const std::shared_ptr<const Grammar> grammar_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CODE_CODE_SPLITTER_H_
