#include "encoder/embed/long_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace gannet::encoder {
namespace {

using Strategy = LongTextOptions::Strategy;
using Unit = LongTextOptions::Unit;

constexpr std::array<std::pair<std::string_view, Strategy>, 7> kStrategies = {
    {{"truncate", Strategy::kTruncate},
     {"windows", Strategy::kWindows},
     {"late-chunking", Strategy::kLateChunking},
     {"mean", Strategy::kMean},
     {"max", Strategy::kMax},
     {"first", Strategy::kFirst},
     {"attention", Strategy::kAttention}}};

constexpr std::array<std::pair<std::string_view, Unit>, 2> kUnits = {
    {{"tokens", Unit::kTokens}, {"words", Unit::kWords}}};

template <typename Names, typename Value>
std::string_view NameIn(const Names& names, Value value) {
  for (const auto& [name, named] : names) {
    if (named == value) return name;
  }
  return "";
}

template <typename Value, typename Names>
absl::StatusOr<Value> ValueIn(const Names& names, std::string_view what, std::string_view wanted) {
  std::string known;
  for (const auto& [name, value] : names) {
    if (name == wanted) return value;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
  }
  return absl::InvalidArgumentError(
      fmt::format("{} \"{}\" is not known, expected one of {}", what, wanted, known));
}

// What the vectors of a long text are, for people.
std::string_view Describe(Strategy strategy) {
  switch (strategy) {
    case Strategy::kTruncate:
      return "truncated";
    case Strategy::kWindows:
      return "windows";
    case Strategy::kLateChunking:
      return "late chunking, windows";
    case Strategy::kMean:
      return "mean of windows";
    case Strategy::kMax:
      return "maxima of windows";
    case Strategy::kFirst:
      return "first of windows";
    case Strategy::kAttention:
      return "attention over windows";
  }
  return "";
}

}  // namespace

std::string_view StrategyName(Strategy strategy) { return NameIn(kStrategies, strategy); }

absl::StatusOr<Strategy> ParseStrategy(std::string_view name) {
  return ValueIn<Strategy>(kStrategies, "treatment of long texts", name);
}

std::string_view UnitName(Unit unit) { return NameIn(kUnits, unit); }

absl::StatusOr<Unit> ParseUnit(std::string_view name) {
  return ValueIn<Unit>(kUnits, "unit of windows", name);
}

absl::Status LongTextOptions::Check() const {
  if (strategy == Strategy::kTruncate && *this != LongTextOptions{.strategy = strategy}) {
    return absl::InvalidArgumentError(
        "long texts are truncated: there are no windows to have a size, stride, unit or ends");
  }
  if (stride > 0 && size == 0) {
    return absl::InvalidArgumentError(
        fmt::format("window stride {} without a window size", stride));
  }
  if (stride > size) {
    return absl::InvalidArgumentError(
        fmt::format("window stride {}: must not be above the window size {}", stride, size));
  }
  if (ends == Ends::kSentences && unit == Unit::kWords) {
    return absl::InvalidArgumentError("windows that end with sentences are counted in tokens");
  }
  return absl::OkStatus();
}

std::string LongTextOptions::ToString() const {
  std::string text(Describe(strategy));
  if (strategy == Strategy::kTruncate) return text;
  if (size > 0) {
    text += fmt::format(" of {} {}", size, UnitName(unit));
  } else {
    text += unit == Unit::kWords ? " of 150 words" : "";
  }
  if (stride > 0) text += fmt::format(", every {}", stride);
  if (ends == Ends::kSentences) text += ", ending with sentences";
  return text;
}

}  // namespace gannet::encoder
