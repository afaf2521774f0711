#include "ranker/pipeline/pipeline_spec.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "base/status.h"
#include "base/utf8.h"

namespace gannet::ranker {
namespace {

constexpr size_t kMaxStages = 16;
constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxFieldBytes = 1024;
constexpr size_t kMaxDepth = 1'000'000;
constexpr size_t kMaxDuoDepth = 200;  // n (n - 1) pairs.
constexpr size_t kMaxWindowWords = 100'000;
constexpr size_t kMaxWindows = 10'000;
constexpr size_t kMaxTokens = 10'000'000;
constexpr size_t kMaxBlockCacheMib = 1 << 20;
constexpr uint32_t kMaxBudgetMs = 3'600'000;

// Checks values of one object at `place`, keeping the first problem.
class Checker {
 public:
  explicit Checker(std::string place) : place_(std::move(place)) {}

  void Fail(std::string_view field, std::string_view problem) {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(fmt::format("{}.{}: {}", place_, field, problem));
    }
  }
  void Range(std::string_view field, size_t value, size_t least, size_t most) {
    if (value >= least && value <= most) return;
    Fail(field, fmt::format("{}, must be from {} to {}", value, least, most));
  }
  void Size(std::string_view field, std::string_view text, size_t most) {
    if (text.size() > most) Fail(field, fmt::format("{} bytes, at most {}", text.size(), most));
    if (!base::IsValidUtf8(text)) Fail(field, "not well-formed UTF-8");
  }
  void Budget(std::optional<uint32_t> milliseconds) {
    if (milliseconds) Range("time_budget_ms", *milliseconds, 1, kMaxBudgetMs);
  }
  void Named(std::string_view field, const absl::Status& found) {
    if (!found.ok()) Fail(field, base::Message(found));
  }
  void Windows(const WindowOptions& windows) {
    Range("windows.words", windows.words, 1, kMaxWindowWords);
    Range("windows.stride", windows.stride, 1, kMaxWindowWords);
    Range("windows.limit", windows.most, 1, kMaxWindows);
  }

  const absl::Status& status() const { return status_; }

 private:
  const std::string place_;
  absl::Status status_;
};

void CheckMethod(const DenseMethod&, const StageSpec&, Checker&) {}

void CheckMethod(const CrossEncoderMethod& method, const StageSpec&, Checker& check) {
  check.Range("max_tokens", method.max_tokens, 0, kMaxTokens);
  if (method.windows) check.Windows(*method.windows);
}

void CheckMethod(const ParadeMethod& method, const StageSpec&, Checker& check) {
  check.Windows(method.windows);
}

void CheckMethod(const DuoMethod&, const StageSpec& stage, Checker& check) {
  check.Range("depth", stage.depth, 2, kMaxDuoDepth);
}

void CheckMethod(const InContextMethod& method, const StageSpec& stage, Checker& check) {
  check.Named("type", FindRecipe(method.options.recipe).status());
  check.Named("markup", FindMarkup(method.options.markup).status());
  check.Named("sentence", FindSentence(method.options.sentence).status());
  check.Range("max_words", method.options.max_words.value_or(0), 0, kMaxTokens);
  check.Range("window_passages", method.window_passages, 0, kMaxDepth);
  check.Range("block_cache_mib", method.block_cache_mib, 0, kMaxBlockCacheMib);
  const bool windows = method.too_many == InContextRequest::TooMany::kWindows;
  if (method.window_passages > 0 && !windows) {
    check.Fail("window_passages", "without \"too_many\": \"windows\" there are none");
  }
  if (stage.min_score && windows) {
    check.Fail("min_score", "scores of different windows cannot be compared with one limit");
  }
  if (method.block_cache_mib > 0 && method.reading != InContextRequest::Reading::kBlocks) {
    check.Fail("block_cache_mib", "only with \"reading\": \"blocks\" can documents be kept");
  }
}

void CheckMethod(const TermsMethod& method, const StageSpec&, Checker& check) {
  if (method.collection.empty()) check.Fail("collection", "missing");
}

absl::Status CheckStage(const PipelineSpec& spec, size_t i) {
  const StageSpec& stage = spec.stages[i];
  Checker check(fmt::format("pipeline.stages[{}]", i));
  if (i > 0 && std::holds_alternative<DenseMethod>(stage.method)) {
    check.Fail("type", "\"dense\" retrieves, which only the first stage does");
  }
  check.Size("name", stage.name, kMaxNameBytes);
  check.Size("group_by", stage.group_by, kMaxFieldBytes);
  check.Budget(stage.time_budget_ms);
  if (i == 0 && spec.Retrieves() && stage.time_budget_ms) {
    check.Fail("time_budget_ms", "retrieval is never skipped");
  }
  if (stage.min_score && !std::isfinite(*stage.min_score)) check.Fail("min_score", "not finite");
  std::visit([&](const auto& method) { CheckMethod(method, stage, check); }, stage.method);
  if (!std::holds_alternative<DenseMethod>(stage.method) && ModelOf(stage.method).empty()) {
    check.Fail("model", "missing");
  }
  check.Range("depth", stage.depth, 1, kMaxDepth);
  return check.status();
}

}  // namespace

std::string_view TypeName(const StageMethod& method) {
  struct Visitor {
    std::string_view operator()(const DenseMethod&) const { return "dense"; }
    std::string_view operator()(const CrossEncoderMethod&) const { return "cross-encoder"; }
    std::string_view operator()(const ParadeMethod&) const { return "parade"; }
    std::string_view operator()(const DuoMethod&) const { return "duo"; }
    std::string_view operator()(const InContextMethod& in_context) const {
      return in_context.options.recipe;
    }
    std::string_view operator()(const TermsMethod&) const { return "terms"; }
  };
  return std::visit(Visitor(), method);
}

std::string_view ModelOf(const StageMethod& method) {
  return std::visit(
      [](const auto& of_type) -> std::string_view {
        if constexpr (requires { of_type.collection; }) {
          return of_type.collection;
        } else if constexpr (requires { of_type.model; }) {
          return of_type.model;
        } else {
          return {};
        }
      },
      method);
}

size_t DefaultDepth(const StageMethod& method) {
  constexpr size_t kDefault = 100, kDuo = 30;
  if (std::holds_alternative<DuoMethod>(method)) return kDuo;
  const auto* in_context = std::get_if<InContextMethod>(&method);
  if (in_context == nullptr) return kDefault;
  const auto recipe = FindRecipe(in_context->options.recipe);
  return recipe.ok() ? (*recipe)->candidates : kDefault;
}

absl::Status CheckPipeline(const PipelineSpec& spec) {
  if (spec.stages.empty() || spec.stages.size() > kMaxStages) {
    return absl::InvalidArgumentError(fmt::format(
        "pipeline.stages: {} stages, must be from 1 to {}", spec.stages.size(), kMaxStages));
  }
  std::map<std::string_view, size_t> names;
  for (size_t i = 0; i < spec.stages.size(); ++i) {
    GANNET_RETURN_IF_ERROR(CheckStage(spec, i));
    const std::string_view name = spec.stages[i].DisplayName();
    const auto [other, is_new] = names.emplace(name, i);
    if (is_new) continue;
    return absl::InvalidArgumentError(
        fmt::format("pipeline.stages[{}].name: \"{}\" is what stages[{}] is called, and their "
                    "scores must be told apart",
                    i, name, other->second));
  }
  Checker check("pipeline");
  check.Budget(spec.time_budget_ms);
  return check.status();
}

size_t MostTexts(const StageSpec& stage) {
  struct Visitor {
    size_t depth;
    size_t operator()(const DenseMethod&) const { return 0; }
    size_t operator()(const CrossEncoderMethod& method) const {
      return depth * (method.windows ? method.windows->most : 1);
    }
    size_t operator()(const ParadeMethod& method) const { return depth * method.windows.most; }
    size_t operator()(const DuoMethod&) const { return depth * (depth - 1); }
    size_t operator()(const InContextMethod&) const { return depth; }
    size_t operator()(const TermsMethod&) const { return depth; }
  };
  return std::visit(Visitor{stage.depth}, stage.method);
}

}  // namespace gannet::ranker
