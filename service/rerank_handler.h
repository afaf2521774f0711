#ifndef GANNET_SERVICE_RERANK_HANDLER_H_
#define GANNET_SERVICE_RERANK_HANDLER_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "service/pipeline_catalog.h"
#include "service/ranking_request.h"

namespace gannet::v1 {
class RerankRequest;
class RerankResponse;
}  // namespace gannet::v1

namespace gannet::service {

// What one re-ranking may ask for.
struct RerankLimits {
  size_t max_passages = 1000;
  size_t max_query_bytes = size_t{1} << 20;
};

// The calls of gannet.v1.RerankService, in two steps as those of SearchHandler. Immutable; safe to
// use from several threads.
class RerankHandler {
 public:
  // A request that has been looked at: it must outlive this.
  struct Plan {
    const v1::RerankRequest* request = nullptr;
    std::shared_ptr<const ranker::Pipeline> pipeline;
    CallTime time;
  };

  // `pipelines` and `pool` must outlive the handler.
  RerankHandler(const PipelineCatalog& pipelines, const RerankLimits& limits,
                base::ThreadPool& pool)
      : pipelines_(&pipelines), limits_(limits), pool_(&pool) {}

  // Does no model work. Errors name the field.
  absl::StatusOr<Plan> Prepare(const v1::RerankRequest& request, CallTime time) const;

  absl::Status Run(const Plan& plan, v1::RerankResponse& response) const;

 private:
  const PipelineCatalog* pipelines_;
  RerankLimits limits_;
  base::ThreadPool* pool_;
};

}  // namespace gannet::service

#endif  // GANNET_SERVICE_RERANK_HANDLER_H_
