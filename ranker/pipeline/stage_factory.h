#ifndef GANNET_RANKER_PIPELINE_STAGE_FACTORY_H_
#define GANNET_RANKER_PIPELINE_STAGE_FACTORY_H_

#include <memory>

#include "absl/status/statusor.h"
#include "ranker/pipeline/model_registry.h"
#include "ranker/pipeline/pipeline_spec.h"
#include "ranker/rerank/rerank_stage.h"

namespace gannet::ranker {

// A stage that re-ranks, and what it reads with.
struct OpenedStage {
  std::shared_ptr<const void> model;
  std::unique_ptr<const RerankStage> stage;
};

// The stage that `spec`, which re-ranks, describes. Errors are those of opening its model and of
// the stage.
absl::StatusOr<OpenedStage> OpenStage(const StageSpec& spec, ModelRegistry& models,
                                      ModelAccess access);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_PIPELINE_STAGE_FACTORY_H_
