#include "cli/pipeline_file.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/file.h"
#include "base/status.h"
#include "cli/model_location.h"
#include "ranker/pipeline/pipeline_json.h"

namespace gannet::cli {

absl::StatusOr<ranker::PipelineSpec> ReadPipelineFile(const std::string& path) {
  GANNET_ASSIGN_OR_RETURN(const std::string json, base::ReadFile(path));
  absl::StatusOr<ranker::PipelineSpec> spec = ranker::ParsePipeline(json);
  if (!spec.ok()) return base::Annotate(spec.status(), path);
  return spec;
}

ranker::ModelRegistry::Options ModelsByFolderOrCache() {
  return {.locate = [](const std::string& name) { return ResolveModel(name); },
          .opened =
              [](std::string_view name, std::string_view compute_path) {
                if (!compute_path.empty()) fmt::print(stderr, "{}: {}\n", name, compute_path);
              }};
}

}  // namespace gannet::cli
