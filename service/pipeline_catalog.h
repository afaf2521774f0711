#ifndef GANNET_SERVICE_PIPELINE_CATALOG_H_
#define GANNET_SERVICE_PIPELINE_CATALOG_H_

#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ranker/pipeline/model_registry.h"
#include "ranker/pipeline/pipeline.h"

namespace gannet::v1 {
class Pipeline;
}

namespace gannet::service {

// What a pipeline that comes with a request may ask for.
struct PipelineLimits {
  size_t max_depth = 1000;  // Documents that it may retrieve.
  // Texts (windows of long ones; pairs of texts, for duo) that a stage may read for one query.
  size_t max_stage_texts = 10'000;
};

// The pipelines that a server ranks by: those that it was started with, by name, and those of
// requests, over the models of the former. Safe to use from several threads once all are added.
class PipelineCatalog {
 public:
  // `models` must outlive the catalog.
  PipelineCatalog(ranker::ModelRegistry& models, const PipelineLimits& limits)
      : models_(&models), limits_(limits) {}

  // Opens a pipeline. The name is 1 to 128 bytes of UTF-8 (kInvalidArgument) and new
  // (kAlreadyExists). Other errors are those of Pipeline::Make.
  absl::Status Add(const std::string& name, const ranker::PipelineSpec& spec);

  // kNotFound names the pipelines that exist.
  absl::StatusOr<std::shared_ptr<const ranker::Pipeline>> Find(std::string_view name) const;

  // The pipeline of a request. kInvalidArgument for one that is wrong or over a limit, kNotFound
  // for a model that no pipeline of the server has opened; both name the place. The last ones are
  // kept, with what they have learnt about the costs of their stages.
  absl::StatusOr<std::shared_ptr<const ranker::Pipeline>> Open(const v1::Pipeline& message) const;

 private:
  using Opened = std::pair<std::string, std::shared_ptr<const ranker::Pipeline>>;

  absl::Status CheckLimits(const ranker::PipelineSpec& spec) const;

  ranker::ModelRegistry* const models_;
  const PipelineLimits limits_;
  std::map<std::string, std::shared_ptr<const ranker::Pipeline>, std::less<>> named_;
  mutable std::mutex mutex_;
  mutable std::list<Opened> of_requests_;  // By their bytes; the most recently used first.
};

}  // namespace gannet::service

#endif  // GANNET_SERVICE_PIPELINE_CATALOG_H_
