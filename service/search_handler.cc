#include "service/search_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/status.h"
#include "base/utf8.h"
#include "gannet/v1/gannet.pb.h"
#include "ranker/found_passage.h"
#include "service/collection_handler.h"

namespace gannet::service {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kDefaultK = 10;

uint64_t Microseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

uint64_t Microseconds(double seconds) { return std::llround(seconds * 1e6); }

v1::TokenCount DescribeTokens(const encoder::TokenCount& tokens, size_t windows) {
  v1::TokenCount message;
  message.set_total(static_cast<uint32_t>(tokens.total));
  message.set_read(static_cast<uint32_t>(tokens.read));
  message.set_windows(static_cast<uint32_t>(windows));
  return message;
}

absl::Status CheckFields(const v1::SearchRequest& request, const SearchLimits& limits) {
  if (base::StripWhiteSpace(request.query()).empty()) {
    return absl::InvalidArgumentError("query: must not be empty");
  }
  if (request.query().size() > limits.max_query_bytes) {
    return absl::InvalidArgumentError(fmt::format("query: {} bytes, this server reads at most {}",
                                                  request.query().size(), limits.max_query_bytes));
  }
  if (request.has_k() && (request.k() < 1 || request.k() > limits.max_k)) {
    return absl::InvalidArgumentError(
        fmt::format("k: {}, must be from 1 to {}", request.k(), limits.max_k));
  }
  // proto3 lets through numbers that the enum does not have.
  if (!v1::DocumentView_IsValid(request.view())) {
    return absl::InvalidArgumentError(
        fmt::format("view: {} is not a DocumentView", static_cast<int>(request.view())));
  }
  return absl::OkStatus();
}

// Reads into `hit` as much of its document as `view` asks for. kNotFound when it was deleted since.
absl::Status FillDocument(const indexer::Collection& collection, const ranker::Hit& found,
                          v1::DocumentView view, v1::Hit& hit) {
  v1::Passage& passage = *hit.mutable_passage();
  passage.set_index(found.passage);
  if (view == v1::DOCUMENT_VIEW_ID_ONLY) return absl::OkStatus();
  GANNET_ASSIGN_OR_RETURN(indexer::Document document, collection.Get(found.key));
  GANNET_ASSIGN_OR_RETURN(const ranker::FoundPassage located,
                          ranker::LocatePassage(collection, found, document));
  passage.set_count(static_cast<uint32_t>(located.count));
  passage.set_first_byte(located.first_byte);
  passage.set_bytes(located.bytes);
  hit.set_title(std::move(document.title));
  hit.set_metadata_json(std::move(document.metadata_json));
  if (view == v1::DOCUMENT_VIEW_FULL) hit.set_text(std::move(document.text));
  return absl::OkStatus();
}

absl::Status FillHits(std::span<const ranker::Hit> hits, const indexer::Collection& collection,
                      v1::DocumentView view, v1::SearchResponse& response) {
  for (const ranker::Hit& found : hits) {
    v1::Hit hit;
    hit.set_id(found.id);
    hit.set_score(found.score);
    for (const ranker::StageScore& stage : found.stage_scores) {
      v1::StageScore& score = *hit.add_stage_scores();
      score.set_stage(stage.stage);
      score.set_score(stage.score);
    }
    const absl::Status filled = FillDocument(collection, found, view, hit);
    if (absl::IsNotFound(filled)) continue;
    GANNET_RETURN_IF_ERROR(filled);
    *response.add_hits() = std::move(hit);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SearchHandler::Plan> SearchHandler::Prepare(const v1::SearchRequest& request) const {
  Plan plan{.request = &request, .arrival = Clock::now()};
  GANNET_ASSIGN_OR_RETURN(plan.entry, catalog_->Find(request.collection()));
  GANNET_RETURN_IF_ERROR(CheckFields(request, limits_));
  plan.k = request.has_k() ? request.k() : std::min(kDefaultK, limits_.max_k);
  return plan;
}

absl::Status SearchHandler::Run(const Plan& plan, v1::SearchResponse& response) const {
  const Clock::time_point start = Clock::now();
  const std::array<std::string_view, 1> queries = {plan.request->query()};
  GANNET_ASSIGN_OR_RETURN(const std::vector<ranker::SearchResult> results,
                          plan.entry->searcher.Search(queries, plan.k, *pool_));
  const ranker::SearchResult& result = results.front();
  GANNET_RETURN_IF_ERROR(base::Annotate(result.status, "query"));
  GANNET_RETURN_IF_ERROR(
      FillHits(result.hits, *plan.entry->collection, plan.request->view(), response));
  *response.mutable_query_tokens() = DescribeTokens(result.query_tokens, result.query_windows);
  response.set_collection(plan.entry->name);
  *response.mutable_model() = DescribeModel(*plan.entry->model);
  v1::SearchTimings& timings = *response.mutable_timings();
  timings.set_queue_us(Microseconds(start - plan.arrival));
  timings.set_encode_us(Microseconds(result.timings.encode_seconds));
  timings.set_retrieve_us(Microseconds(result.timings.retrieve_seconds));
  timings.set_total_us(Microseconds(Clock::now() - plan.arrival));
  return absl::OkStatus();
}

}  // namespace gannet::service
