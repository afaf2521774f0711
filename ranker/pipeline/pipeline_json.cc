#include "ranker/pipeline/pipeline_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "ranker/pipeline/json_fields_internal.h"

namespace gannet::ranker {
namespace {

using Json = nlohmann::json;

template <typename Method>
void ReadModel(JsonFields& fields, Method& method) {
  fields.Text("model", method.model);
  fields.Parsed("precision", encoder::ParsePrecision, method.precision);
}

// {"words": 150, "stride": 75, "limit": 30}, and "score" where there is one to choose.
void ReadWindows(JsonFields& fields, WindowOptions& windows, WindowScore* score) {
  fields.Object("windows", [&](JsonFields& inner) {
    if (score != nullptr) inner.Parsed("score", ParseWindowScore, *score);
    inner.Count("words", windows.words);
    inner.Count("stride", windows.stride);
    inner.Count("limit", windows.most);
  });
}

void ReadMethod(JsonFields&, DenseMethod&) {}

void ReadMethod(JsonFields& fields, CrossEncoderMethod& method) {
  ReadModel(fields, method);
  fields.Count("max_tokens", method.max_tokens);
  if (fields.Has("instruction")) fields.Text("instruction", method.instruction.emplace());
  if (fields.Has("windows")) method.windows = WindowOptions::MaxP();
  WindowOptions unused;
  ReadWindows(fields, method.windows ? *method.windows : unused, &method.window_score);
}

void ReadMethod(JsonFields& fields, ParadeMethod& method) {
  ReadModel(fields, method);
  ReadWindows(fields, method.windows, nullptr);
}

void ReadMethod(JsonFields& fields, DuoMethod& method) { ReadModel(fields, method); }

void ReadMethod(JsonFields& fields, InContextMethod& method) {
  using Request = InContextRequest;
  ReadModel(fields, method);
  fields.Text("markup", method.options.markup);
  fields.Text("sentence", method.options.sentence);
  fields.Parsed("heads", FindHeads, method.options.heads);
  if (fields.Has("max_words")) fields.Count("max_words", method.options.max_words.emplace());
  if (fields.Has("order")) {
    fields.Choice<DocumentOrder>(
        "order",
        {{"best-first", DocumentOrder::kBestFirst}, {"best-last", DocumentOrder::kBestLast}},
        method.options.order.emplace());
  }
  fields.Choice<Request::TooMany>(
      "too_many", {{"refuse", Request::TooMany::kRefuse}, {"windows", Request::TooMany::kWindows}},
      method.too_many);
  fields.Count("window_passages", method.window_passages);
  fields.Choice<Request::Reading>(
      "reading", {{"exact", Request::Reading::kExact}, {"blocks", Request::Reading::kBlocks}},
      method.reading);
  fields.Count("block_cache_mib", method.block_cache_mib);
}

void ReadMethod(JsonFields& fields, TermsMethod& method) {
  fields.Text("collection", method.collection);
  fields.Text("model", method.model);
}

// The methods by the names of their types, each as it is when nothing more is said.
const std::vector<StageMethod>& Methods() {
  static const std::vector<StageMethod> kMethods = {
      DenseMethod(),
      CrossEncoderMethod(),
      ParadeMethod(),
      DuoMethod(),
      InContextMethod{.model = {}, .options = {.recipe = "icr"}},
      InContextMethod{.model = {}, .options = {.recipe = "qrhead"}},
      InContextMethod{.model = {}, .options = {.recipe = "core"}},
      TermsMethod()};
  return kMethods;
}

absl::StatusOr<StageMethod> FindMethod(std::string_view type) {
  std::vector<std::string_view> known;
  for (const StageMethod& method : Methods()) {
    if (TypeName(method) == type) return method;
    known.push_back(TypeName(method));
  }
  return absl::InvalidArgumentError(
      fmt::format("\"{}\", expected one of {}", type, fmt::join(known, ", ")));
}

void ReadStage(JsonFields& fields, StageSpec& stage) {
  if (!fields.Has("type")) return fields.Fail("type", "missing");
  fields.Parsed("type", FindMethod, stage.method);
  if (!fields.ok()) return;
  stage.depth = DefaultDepth(stage.method);
  fields.Text("name", stage.name);
  fields.Count("depth", stage.depth);
  if (fields.Has("min_score")) fields.Number("min_score", stage.min_score.emplace());
  fields.Text("group_by", stage.group_by);
  if (fields.Has("time_budget_ms")) {
    fields.Count("time_budget_ms", stage.time_budget_ms.emplace());
  }
  std::visit([&](auto& method) { ReadMethod(fields, method); }, stage.method);
}

}  // namespace

absl::StatusOr<PipelineSpec> ParsePipeline(std::string_view json) {
  if (json.size() > kMaxPipelineBytes) {
    return absl::InvalidArgumentError(
        fmt::format("pipeline: {} bytes, at most {} are read", json.size(), kMaxPipelineBytes));
  }
  Json parsed;
  try {
    parsed = Json::parse(json);
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("pipeline: not JSON: {}", error.what()));
  }
  PipelineSpec spec;
  JsonFields fields(parsed, "pipeline");
  if (fields.Has("time_budget_ms")) fields.Count("time_budget_ms", spec.time_budget_ms.emplace());
  fields.Objects("stages", [&](JsonFields& stage) {
    ReadStage(stage, spec.stages.emplace_back(StageSpec{.method = DenseMethod()}));
  });
  GANNET_RETURN_IF_ERROR(fields.Finish());
  GANNET_RETURN_IF_ERROR(CheckPipeline(spec));
  return spec;
}

}  // namespace gannet::ranker
