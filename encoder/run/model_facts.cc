#include "encoder/run/model_facts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

namespace gannet::encoder {
namespace {

std::string_view StepName(ModelFolder::AfterPooling::Kind kind) {
  switch (kind) {
    case ModelFolder::AfterPooling::Kind::kDense:
      return "dense layer";
    case ModelFolder::AfterPooling::Kind::kLayerNorm:
      return "layer normalisation";
    case ModelFolder::AfterPooling::Kind::kNormalize:
      return "normalisation";
  }
  return "";
}

std::string PoolingOf(const ModelFolder& folder) {
  std::vector<std::string_view> parts;
  if (folder.kind == ModelFolder::Kind::kTransformer) {
    for (const Pooling pooling : folder.poolings) parts.push_back(PoolingName(pooling));
  } else {
    parts.push_back("mean of a table of token vectors");
  }
  for (const auto& step : folder.after_pooling) parts.push_back(StepName(step.kind));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

ModelFacts FactsOf(const ModelFolder& folder, const ModelDimensions& dimensions) {
  ModelFacts facts{.dimensions = dimensions, .uses = {}, .assumptions = folder.assumptions};
  facts.uses.emplace_back("pooling", PoolingOf(folder));
  facts.uses.emplace_back("query prompt", folder.query_prompt);
  facts.uses.emplace_back("document prompt", folder.document_prompt);
  return facts;
}

}  // namespace gannet::encoder
