#include "ranker/pipeline/stage_factory.h"

#include <string>
#include <utility>

#include "base/status.h"
#include "ranker/rerank/duo_stage.h"
#include "ranker/rerank/icr_stage.h"
#include "ranker/rerank/parade_stage.h"
#include "ranker/rerank/terms_stage.h"

namespace gannet::ranker {
namespace {

// One overload a method: get the model, make the stage.

absl::StatusOr<OpenedStage> Open(const DenseMethod&, const std::string&, ModelRegistry&,
                                 ModelAccess) {
  return absl::InternalError("retrieval is no stage that re-ranks");
}

absl::StatusOr<OpenedStage> Open(const CrossEncoderMethod& method, const std::string& name,
                                 ModelRegistry& models, ModelAccess access) {
  GANNET_ASSIGN_OR_RETURN(auto model, models.Get(method, access));
  GANNET_ASSIGN_OR_RETURN(
      auto stage,
      CrossEncoderStage::Make(
          *model, {.name = name, .windows = method.windows, .window_score = method.window_score}));
  return OpenedStage{std::move(model), std::move(stage)};
}

absl::StatusOr<OpenedStage> Open(const ParadeMethod& method, const std::string& name,
                                 ModelRegistry& models, ModelAccess access) {
  GANNET_ASSIGN_OR_RETURN(auto model, models.Get(method, access));
  auto stage = std::make_unique<const ParadeStage>(*model, name, method.windows);
  return OpenedStage{std::move(model), std::move(stage)};
}

absl::StatusOr<OpenedStage> Open(const DuoMethod& method, const std::string& name,
                                 ModelRegistry& models, ModelAccess access) {
  GANNET_ASSIGN_OR_RETURN(auto model, models.Get(method, access));
  auto stage = std::make_unique<const DuoStage>(*model, name);
  return OpenedStage{std::move(model), std::move(stage)};
}

absl::StatusOr<OpenedStage> Open(const InContextMethod& method, const std::string& name,
                                 ModelRegistry& models, ModelAccess access) {
  constexpr size_t kMib = size_t{1} << 20;
  GANNET_ASSIGN_OR_RETURN(auto model, models.Get(method, access));
  GANNET_ASSIGN_OR_RETURN(auto reranker, InContextReranker::Make(*model, method.options));
  auto stage = std::make_unique<const InContextStage>(
      std::move(reranker),
      InContextStageOptions{.name = name,
                            .too_many = method.too_many,
                            .window = method.window_passages,
                            .reading = method.reading,
                            .block_cache_bytes = method.block_cache_mib * kMib});
  return OpenedStage{std::move(model), std::move(stage)};
}

absl::StatusOr<OpenedStage> Open(const TermsMethod& method, const std::string& name,
                                 ModelRegistry& models, ModelAccess access) {
  GANNET_ASSIGN_OR_RETURN(auto model, models.Get(method, access));
  auto stage = TermsStage::Make(*model->encoder, *model->collection, {.name = name});
  if (!stage.ok()) return base::Annotate(stage.status(), method.collection);
  return OpenedStage{std::move(model), *std::move(stage)};
}

}  // namespace

absl::StatusOr<OpenedStage> OpenStage(const StageSpec& spec, ModelRegistry& models,
                                      ModelAccess access) {
  return std::visit(
      [&](const auto& method) {
        return Open(method, std::string(spec.DisplayName()), models, access);
      },
      spec.method);
}

}  // namespace gannet::ranker
