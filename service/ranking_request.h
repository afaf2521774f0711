#ifndef GANNET_SERVICE_RANKING_REQUEST_H_
#define GANNET_SERVICE_RANKING_REQUEST_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/pipeline_catalog.h"

namespace gannet::service {

// What searches and re-rankings ask for alike.

// Whether a query is there and no longer than the server reads; the error names the field "query".
absl::Status CheckQuery(std::string_view query, size_t max_bytes);

// When a call arrived and until when it must be answered, its deadline and budget together.
struct CallTime {
  using Clock = std::chrono::steady_clock;

  Clock::time_point arrival;
  std::optional<Clock::time_point> deadline;

  // kInvalidArgument for a budget of 0.
  absl::Status Limit(uint32_t time_budget_ms);
};

// The pipeline that a request names or brings along; null where it does neither. `Request` is
// SearchRequest or RerankRequest.
template <typename Request>
absl::StatusOr<std::shared_ptr<const ranker::Pipeline>> PipelineOf(
    const Request& request, const PipelineCatalog& pipelines) {
  if (request.has_pipeline_name()) return pipelines.Find(request.pipeline_name());
  if (request.has_pipeline()) return pipelines.Open(request.pipeline());
  return nullptr;
}

}  // namespace gannet::service

#endif  // GANNET_SERVICE_RANKING_REQUEST_H_
