#include "encoder/embed/code_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace gannet::encoder {
namespace {

constexpr std::array<std::string_view, 14> kFields = {
    "model",   "language",   "split",          "without_grammar", "window",
    "step",    "min_line",   "strip_comments", "fusion",          "fusion_form",
    "pooling", "similarity", "code_length",    "nl_length"};

// The paper's code_length, and the room beside it that the released code keeps for the nodes of a
// data-flow graph, which code takes where there are none.
constexpr size_t kCodeLength = 256;
constexpr size_t kDataFlowLength = 16;
// The same for blocks of tokens: code_length is what a window has and this.
constexpr size_t kTokenWindowSlack = 20;
constexpr size_t kQueryLength = 128;

// The value that a field names, or `absent`.
template <typename Value, size_t kCount>
absl::StatusOr<Value> Choice(const ConfigFile& file, std::string_view field, Value absent,
                             const std::array<std::pair<std::string_view, Value>, kCount>& values) {
  if (!file.Has(field)) return absent;
  GANNET_ASSIGN_OR_RETURN(const std::string name, file.String(field));
  std::string known;
  for (const auto& [value_name, value] : values) {
    if (name == value_name) return value;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", value_name);
  }
  return file.Error(field, fmt::format("\"{}\" is not among {}", name, known));
}

absl::StatusOr<CodeUnit> Unit(const ConfigFile& file, std::string_view field, CodeUnit absent) {
  GANNET_ASSIGN_OR_RETURN(const std::string name,
                          file.StringOr(field, std::string(CodeUnitName(absent))));
  const absl::StatusOr<CodeUnit> unit = ParseCodeUnit(name);
  if (!unit.ok()) return file.Error(field, base::Message(unit.status()));
  return *unit;
}

// It becomes part of a file's name and of a symbol's.
absl::StatusOr<std::string> Language(const ConfigFile& file) {
  if (!file.Has("language")) {
    return file.Error("language", "missing, expected the name of a grammar, such as python");
  }
  GANNET_ASSIGN_OR_RETURN(std::string language, file.String("language"));
  const bool named = !language.empty() && std::ranges::all_of(language, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (named) return language;
  return file.Error("language",
                    fmt::format("\"{}\" is no grammar's name: a-z, 0-9 and _", language));
}

absl::StatusOr<CodeSplitOptions> ReadSplit(const ConfigFile& file) {
  CodeSplitOptions split;
  GANNET_ASSIGN_OR_RETURN(split.language, Language(file));
  GANNET_ASSIGN_OR_RETURN(split.unit, Unit(file, "split", split.unit));
  GANNET_ASSIGN_OR_RETURN(split.unit_without_grammar,
                          Unit(file, "without_grammar", split.unit_without_grammar));
  if (split.unit_without_grammar == CodeUnit::kAstSubtree) {
    return file.Error("without_grammar", "there are no subtrees without a grammar");
  }
  GANNET_ASSIGN_OR_RETURN(split.window, file.SizeOr("window", split.window));
  GANNET_ASSIGN_OR_RETURN(split.step, file.SizeOr("step", split.step));
  GANNET_ASSIGN_OR_RETURN(split.min_lines, file.SizeOr("min_line", split.min_lines));
  GANNET_ASSIGN_OR_RETURN(const bool strip, file.BoolOr("strip_comments", true));
  if (!strip) split.comments = CommentPolicy::kKeep;
  return split;
}

}  // namespace

absl::StatusOr<CodeOptions> CodeOptions::Read(const ConfigFile& file) {
  GANNET_RETURN_IF_ERROR(file.ExpectFields(kFields));
  CodeOptions options;
  GANNET_ASSIGN_OR_RETURN(options.split, ReadSplit(file));
  if (file.Has("fusion")) {
    GANNET_ASSIGN_OR_RETURN(const std::string name, file.String("fusion"));
    const absl::StatusOr<FusionKind> kind = FusionKind::Parse(name);
    if (!kind.ok()) return file.Error("fusion", base::Message(kind.status()));
    options.fusion = *kind;
  }
  GANNET_ASSIGN_OR_RETURN(
      options.form,
      Choice(file, "fusion_form", options.form,
             std::array{std::pair{std::string_view("unbiased"), FusionForm::kUnbiased},
                        std::pair{std::string_view("released"), FusionForm::kReleased}}));
  GANNET_ASSIGN_OR_RETURN(options.pooling,
                          Choice(file, "pooling", options.pooling,
                                 std::array{std::pair{std::string_view("pooler"), Pooling::kPooler},
                                            std::pair{std::string_view("cls"), Pooling::kCls},
                                            std::pair{std::string_view("mean"), Pooling::kMean}}));
  GANNET_ASSIGN_OR_RETURN(
      options.similarity,
      Choice(file, "similarity", options.similarity,
             std::array{std::pair{std::string_view("dot"), Similarity::kDot},
                        std::pair{std::string_view("cosine"), Similarity::kCosine}}));
  const bool of_tokens = options.split.unit == CodeUnit::kToken;
  GANNET_ASSIGN_OR_RETURN(
      const size_t code_length,
      file.SizeOr("code_length",
                  of_tokens ? options.split.window + kTokenWindowSlack : kCodeLength));
  options.code_tokens = code_length + kDataFlowLength;
  GANNET_ASSIGN_OR_RETURN(options.query_tokens, file.SizeOr("nl_length", kQueryLength));
  const CodeSplitOptions& split = options.split;
  const auto assume = [&](std::string_view field, auto taken) {
    AssumeAbsent(file, field, fmt::format("{}", taken), options.assumptions);
  };
  assume("split", CodeUnitName(split.unit));
  assume("window", split.window);
  assume("step", split.step);
  if (split.unit == CodeUnit::kAstSubtree) {
    assume("min_line", split.min_lines);
    assume("without_grammar", CodeUnitName(split.unit_without_grammar));
  }
  assume("strip_comments", true);
  assume("fusion_form", "unbiased");
  assume("pooling", "pooler");
  assume("similarity", "dot");
  assume("code_length", code_length);
  assume("nl_length", options.query_tokens);
  return options;
}

}  // namespace gannet::encoder
