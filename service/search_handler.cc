#include "service/search_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/status.h"
#include "gannet/v1/gannet.pb.h"
#include "ranker/found_passage.h"
#include "service/collection_handler.h"
#include "service/pipeline_message.h"

namespace gannet::service {
namespace {

using Clock = CallTime::Clock;

constexpr uint32_t kDefaultK = 10;

uint64_t Microseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

uint64_t Microseconds(double seconds) { return std::llround(seconds * 1e6); }

absl::Status CheckFields(const v1::SearchRequest& request, const SearchLimits& limits) {
  GANNET_RETURN_IF_ERROR(CheckQuery(request.query(), limits.max_query_bytes));
  if (request.has_k() && (request.k() < 1 || request.k() > limits.max_k)) {
    return absl::InvalidArgumentError(
        fmt::format("k: {}, must be from 1 to {}", request.k(), limits.max_k));
  }
  // proto3 lets through numbers that the enum does not have.
  if (!v1::DocumentView_IsValid(request.view())) {
    return absl::InvalidArgumentError(
        fmt::format("view: {} is not a DocumentView", static_cast<int>(request.view())));
  }
  if (request.ranking_case() != v1::SearchRequest::RANKING_NOT_SET) return absl::OkStatus();
  if (request.explain()) return absl::InvalidArgumentError("explain: only a pipeline explains");
  if (request.has_time_budget_ms()) {
    return absl::InvalidArgumentError("time_budget_ms: only a pipeline has stages to skip");
  }
  return absl::OkStatus();
}

// Reads into `hit` as much of its document as `view` asks for. kNotFound when it was deleted since.
absl::Status FillDocument(const indexer::Collection& collection, const ranker::Hit& found,
                          v1::DocumentView view, v1::Hit& hit) {
  if (view == v1::DOCUMENT_VIEW_ID_ONLY) {
    hit.mutable_passage()->set_index(found.passage);
    return absl::OkStatus();
  }
  GANNET_ASSIGN_OR_RETURN(indexer::Document document, collection.Get(found.key));
  GANNET_ASSIGN_OR_RETURN(const ranker::TextWindow passage,
                          ranker::LocatePassage(collection, found, document));
  *hit.mutable_passage() = WriteWindow(passage);
  hit.set_title(std::move(document.title));
  hit.set_metadata_json(std::move(document.metadata_json));
  if (view == v1::DOCUMENT_VIEW_FULL) hit.set_text(std::move(document.text));
  return absl::OkStatus();
}

absl::Status FillHits(std::span<const ranker::Hit> hits, const indexer::Collection& collection,
                      v1::DocumentView view, v1::SearchResponse& response) {
  for (const ranker::Hit& found : hits) {
    v1::Hit hit;
    WriteScores(found, hit);
    const absl::Status filled = FillDocument(collection, found, view, hit);
    if (absl::IsNotFound(filled)) continue;
    GANNET_RETURN_IF_ERROR(filled);
    *response.add_hits() = std::move(hit);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SearchHandler::Plan> SearchHandler::Prepare(const v1::SearchRequest& request,
                                                           CallTime time) const {
  Plan plan{.request = &request, .time = time};
  GANNET_ASSIGN_OR_RETURN(plan.entry, catalog_->Find(request.collection()));
  GANNET_RETURN_IF_ERROR(CheckFields(request, limits_));
  if (request.has_time_budget_ms()) {
    GANNET_RETURN_IF_ERROR(plan.time.Limit(request.time_budget_ms()));
  }
  GANNET_ASSIGN_OR_RETURN(plan.pipeline, PipelineOf(request, *pipelines_));
  if (plan.pipeline != nullptr) {
    GANNET_RETURN_IF_ERROR(plan.pipeline->CheckRetrieves());
  }
  plan.k = request.has_k() ? request.k() : std::min(kDefaultK, limits_.max_k);
  return plan;
}

absl::StatusOr<ranker::SearchTimings> SearchHandler::RunVectors(
    const Plan& plan, v1::SearchResponse& response) const {
  const std::array<std::string_view, 1> queries = {plan.request->query()};
  GANNET_ASSIGN_OR_RETURN(const std::vector<ranker::SearchResult> results,
                          plan.entry->searcher.Search(queries, plan.k, *pool_));
  const ranker::SearchResult& result = results.front();
  GANNET_RETURN_IF_ERROR(base::Annotate(result.status, "query"));
  GANNET_RETURN_IF_ERROR(
      FillHits(result.hits, *plan.entry->collection, plan.request->view(), response));
  *response.mutable_query_tokens() = WriteTokens(result.query_tokens, result.query_windows);
  return result.timings;
}

absl::StatusOr<ranker::SearchTimings> SearchHandler::RunPipeline(
    const Plan& plan, v1::SearchResponse& response) const {
  using Explain = ranker::PipelineRequest::Explain;
  const ranker::PipelineRequest wanted{
      .query = plan.request->query(),
      .k = plan.k,
      .deadline = plan.time.deadline,
      .explain = plan.request->explain() ? Explain::kYes : Explain::kNo};
  GANNET_ASSIGN_OR_RETURN(ranker::PipelineAnswer answer,
                          plan.pipeline->Search(plan.entry->searcher, wanted, *pool_));
  for (ranker::Candidate& candidate : answer.hits) {
    v1::Hit& hit = *response.add_hits();
    WriteRanked(candidate, hit);
    if (candidate.passage) *hit.mutable_passage() = WriteWindow(*candidate.passage);
    if (plan.request->view() == v1::DOCUMENT_VIEW_ID_ONLY) continue;
    hit.set_title(std::move(candidate.title));
    hit.set_metadata_json(std::move(candidate.metadata_json));
    if (plan.request->view() == v1::DOCUMENT_VIEW_FULL) hit.set_text(std::move(candidate.text));
  }
  for (const ranker::StageReport& report : answer.stages) {
    *response.add_stages() = WriteReport(report);
  }
  *response.mutable_query_tokens() = WriteTokens(answer.query_tokens, answer.query_windows);
  return answer.timings;
}

absl::Status SearchHandler::Run(const Plan& plan, v1::SearchResponse& response) const {
  const Clock::time_point start = Clock::now();
  GANNET_ASSIGN_OR_RETURN(const ranker::SearchTimings taken, plan.pipeline == nullptr
                                                                 ? RunVectors(plan, response)
                                                                 : RunPipeline(plan, response));
  response.set_collection(plan.entry->name);
  *response.mutable_model() = DescribeModel(*plan.entry->model);
  v1::SearchTimings& timings = *response.mutable_timings();
  timings.set_queue_us(Microseconds(start - plan.time.arrival));
  timings.set_encode_us(Microseconds(taken.encode_seconds));
  timings.set_retrieve_us(Microseconds(taken.retrieve_seconds));
  timings.set_total_us(Microseconds(Clock::now() - plan.time.arrival));
  return absl::OkStatus();
}

}  // namespace gannet::service
