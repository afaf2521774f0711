#ifndef GANNET_SERVICE_SEARCH_HANDLER_H_
#define GANNET_SERVICE_SEARCH_HANDLER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "service/catalog.h"
#include "service/pipeline_catalog.h"
#include "service/ranking_request.h"

namespace gannet::v1 {
class SearchRequest;
class SearchResponse;
}  // namespace gannet::v1

namespace gannet::service {

// What one search may ask for.
struct SearchLimits {
  uint32_t max_k = 1000;
  size_t max_query_bytes = size_t{1} << 20;
};

// The calls of gannet.v1.SearchService, in two steps: what is wrong with a request is told at the
// door, and only a search that can be answered waits for a thread. Immutable; safe to use from
// several threads.
class SearchHandler {
 public:
  // A request that has been looked at: it and the catalog must outlive this.
  struct Plan {
    const v1::SearchRequest* request = nullptr;
    const CatalogEntry* entry = nullptr;
    size_t k = 0;
    std::shared_ptr<const ranker::Pipeline> pipeline = {};  // Null: the nearest vectors rank.
    CallTime time = {};
  };

  // `catalog`, `pipelines` and `pool` must outlive the handler.
  SearchHandler(const Catalog& catalog, const PipelineCatalog& pipelines,
                const SearchLimits& limits, base::ThreadPool& pool)
      : catalog_(&catalog), pipelines_(&pipelines), limits_(limits), pool_(&pool) {}

  // Does no model work. kNotFound for an unknown collection, pipeline or model, kInvalidArgument
  // naming the field.
  absl::StatusOr<Plan> Prepare(const v1::SearchRequest& request, CallTime time) const;

  absl::Status Run(const Plan& plan, v1::SearchResponse& response) const;

 private:
  absl::StatusOr<ranker::SearchTimings> RunVectors(const Plan& plan,
                                                   v1::SearchResponse& response) const;
  absl::StatusOr<ranker::SearchTimings> RunPipeline(const Plan& plan,
                                                    v1::SearchResponse& response) const;

  const Catalog* catalog_;
  const PipelineCatalog* pipelines_;
  SearchLimits limits_;
  base::ThreadPool* pool_;
};

}  // namespace gannet::service

#endif  // GANNET_SERVICE_SEARCH_HANDLER_H_
