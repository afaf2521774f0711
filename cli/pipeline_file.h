#ifndef GANNET_CLI_PIPELINE_FILE_H_
#define GANNET_CLI_PIPELINE_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "ranker/pipeline/model_registry.h"
#include "ranker/pipeline/pipeline_spec.h"

namespace gannet::cli {

// Reads a pipeline from a JSON file; errors name the file and the place in it.
absl::StatusOr<ranker::PipelineSpec> ReadPipelineFile(const std::string& path);

// How pipelines find their models: as ResolveModel does. How they are computed on this machine is
// told on standard error.
ranker::ModelRegistry::Options ModelsByFolderOrCache();

}  // namespace gannet::cli

#endif  // GANNET_CLI_PIPELINE_FILE_H_
