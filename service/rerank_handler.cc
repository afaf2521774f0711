#include "service/rerank_handler.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>
#include <vector>

#include "base/status.h"
#include "gannet/v1/gannet.pb.h"
#include "indexer/filter/field_value.h"
#include "service/pipeline_message.h"

namespace gannet::service {
namespace {

using Clock = CallTime::Clock;

uint64_t Microseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

absl::Status CheckPassages(const v1::RerankRequest& request, const RerankLimits& limits) {
  const auto passages = static_cast<size_t>(request.passages_size());
  if (passages > limits.max_passages) {
    return absl::InvalidArgumentError(fmt::format("passages: {}, this server re-ranks at most {}",
                                                  passages, limits.max_passages));
  }
  for (size_t i = 0; i < passages; ++i) {
    const std::string& metadata = request.passages(static_cast<int>(i)).metadata_json();
    if (metadata.empty()) continue;
    GANNET_RETURN_IF_ERROR(base::Annotate(indexer::ExtractFields(metadata).status(),
                                          fmt::format("passages[{}].metadata_json", i)));
  }
  return absl::OkStatus();
}

std::vector<ranker::Candidate> ReadPassages(const v1::RerankRequest& request) {
  std::vector<ranker::Candidate> candidates;
  for (const v1::RerankPassage& passage : request.passages()) {
    ranker::Candidate& candidate = candidates.emplace_back();
    candidate.id = passage.id().empty() ? fmt::format("{}", candidates.size() - 1) : passage.id();
    candidate.title = passage.title();
    candidate.text = passage.text();
    if (!passage.metadata_json().empty()) candidate.metadata_json = passage.metadata_json();
    if (!passage.has_score()) continue;
    candidate.score = passage.score();
    candidate.stage_scores.push_back({"input", passage.score()});
  }
  return candidates;
}

}  // namespace

absl::StatusOr<RerankHandler::Plan> RerankHandler::Prepare(const v1::RerankRequest& request,
                                                           CallTime time) const {
  GANNET_RETURN_IF_ERROR(CheckQuery(request.query(), limits_.max_query_bytes));
  GANNET_RETURN_IF_ERROR(CheckPassages(request, limits_));
  if (request.has_k() && request.k() == 0) {
    return absl::InvalidArgumentError("k: 0, must be at least 1");
  }
  if (request.has_time_budget_ms()) GANNET_RETURN_IF_ERROR(time.Limit(request.time_budget_ms()));
  GANNET_ASSIGN_OR_RETURN(auto pipeline, PipelineOf(request, *pipelines_));
  if (pipeline == nullptr) {
    return absl::InvalidArgumentError("pipeline: expected pipeline_name or pipeline");
  }
  return Plan{.request = &request, .pipeline = std::move(pipeline), .time = time};
}

absl::Status RerankHandler::Run(const Plan& plan, v1::RerankResponse& response) const {
  using Explain = ranker::PipelineRequest::Explain;
  const Clock::time_point start = Clock::now();
  const v1::RerankRequest& request = *plan.request;
  const ranker::PipelineRequest wanted{
      .query = request.query(),
      .k = request.has_k() ? request.k() : static_cast<size_t>(request.passages_size()),
      .deadline = plan.time.deadline,
      .explain = request.explain() ? Explain::kYes : Explain::kNo};
  GANNET_ASSIGN_OR_RETURN(const ranker::PipelineAnswer answer,
                          plan.pipeline->Rerank(ReadPassages(request), wanted, *pool_));
  for (const ranker::Candidate& hit : answer.hits) WriteRanked(hit, *response.add_hits());
  for (const ranker::StageReport& report : answer.stages) {
    *response.add_stages() = WriteReport(report);
  }
  response.mutable_timings()->set_queue_us(Microseconds(start - plan.time.arrival));
  response.mutable_timings()->set_total_us(Microseconds(Clock::now() - plan.time.arrival));
  return absl::OkStatus();
}

}  // namespace gannet::service
