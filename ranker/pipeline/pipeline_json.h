#ifndef GANNET_RANKER_PIPELINE_PIPELINE_JSON_H_
#define GANNET_RANKER_PIPELINE_PIPELINE_JSON_H_

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "ranker/pipeline/pipeline_spec.h"

namespace gannet::ranker {

inline constexpr size_t kMaxPipelineBytes = 1 << 16;

// Reads a pipeline as docs/pipelines.md describes it:
//   {"time_budget_ms": 200, "stages": [
//     {"type": "dense", "depth": 100},
//     {"type": "cross-encoder", "model": "...", "depth": 50, "min_score": 0.5}]}
// Unknown fields, wrong types and values out of their ranges (CheckPipeline) are kInvalidArgument
// with the place, as "pipeline.stages[1].depth: ...".
absl::StatusOr<PipelineSpec> ParsePipeline(std::string_view json);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_PIPELINE_PIPELINE_JSON_H_
