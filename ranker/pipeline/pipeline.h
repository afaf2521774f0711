#ifndef GANNET_RANKER_PIPELINE_PIPELINE_H_
#define GANNET_RANKER_PIPELINE_PIPELINE_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "indexer/collection.h"
#include "ranker/pipeline/cost_estimate.h"
#include "ranker/pipeline/model_registry.h"
#include "ranker/pipeline/pipeline_spec.h"
#include "ranker/pipeline/stage_factory.h"
#include "ranker/rerank/rerank_stage.h"
#include "ranker/searcher.h"

namespace gannet::ranker {

// What one query wants of a pipeline.
struct PipelineRequest {
  std::string_view query;
  size_t k = 10;  // Hits of the answer, at most.
  // When it must be answered, which also bounds the pipeline's own budget.
  std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;
  // Whether hits say why they have their scores.
  enum class Explain { kNo, kYes } explain = Explain::kNo;
  // How the first stage searches; its depth takes the place of `search.k`.
  indexer::CollectionSearch search = {};
  // Id of a document that is not to be found: on some datasets the query's own.
  std::optional<std::string> left_out = std::nullopt;
};

// What a stage did with a query.
struct StageReport {
  std::string stage;
  enum class Outcome { kRan, kSkipped } outcome = Outcome::kRan;
  std::string reason = {};  // Why it was skipped.
  double seconds = 0;
  size_t candidates_in = 0;         // That it was given: the head of the list.
  size_t candidates_out = 0;        // In the whole list after it.
  size_t without_score = 0;         // Of those it was given; Candidate::status says why.
  size_t below_min_score = 0;       // Dropped,
  size_t grouped = 0;               // also dropped, for a better one of their group.
  encoder::TokenCount tokens = {};  // Over all that it read.
};

struct PipelineAnswer {
  std::vector<Candidate> hits;  // Best first, with the scores of all stages.
  std::vector<StageReport> stages;
  // Of a pipeline that retrieves:
  encoder::TokenCount query_tokens = {};
  size_t query_windows = 0;
  SearchTimings timings = {};
};

// A pipeline with its models. It keeps, for each stage, an estimate of what a candidate costs: a
// stage that would overrun the budget that is left, or its own, is skipped; one whose cost nobody
// has measured runs unless no time is left. A stage that runs runs to its end. Safe to use from
// several threads.
class Pipeline {
 public:
  using Now = std::function<std::chrono::steady_clock::time_point()>;

  // Errors name the place in the pipeline.
  static absl::StatusOr<std::unique_ptr<const Pipeline>> Make(const PipelineSpec& spec,
                                                              ModelRegistry& models,
                                                              ModelAccess access);

  // From stages that are open, one for each of `spec` that re-ranks. `spec` is a checked one.
  Pipeline(PipelineSpec spec, std::vector<OpenedStage> stages,
           Now now = &std::chrono::steady_clock::now);

  // kInvalidArgument where the first stage does not retrieve, as a search needs it to.
  absl::Status CheckRetrieves() const;

  // Runs all stages over the collection of `searcher`; see CheckRetrieves. An error of a stage is
  // one of the query, and names the stage.
  absl::StatusOr<PipelineAnswer> Search(const Searcher& searcher, const PipelineRequest& request,
                                        base::ThreadPool& pool) const;

  // Runs the stages over candidates that the caller brings, best first. They take the place of
  // those that a first stage would retrieve, whose report says so; its group_by holds for them.
  absl::StatusOr<PipelineAnswer> Rerank(std::vector<Candidate> candidates,
                                        const PipelineRequest& request,
                                        base::ThreadPool& pool) const;

  const PipelineSpec& spec() const { return spec_; }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Stage {
    StageSpec spec;
    OpenedStage opened;
    std::unique_ptr<CostEstimate> cost;
  };

  std::optional<TimePoint> DeadlineOf(const PipelineRequest& request) const;
  // Why a stage is not to run with so many candidates; empty if it is.
  std::string ReasonToSkip(const Stage& stage, size_t candidates,
                           std::optional<TimePoint> deadline) const;
  absl::StatusOr<StageReport> RunStage(const Stage& stage, const PipelineRequest& request,
                                       std::optional<TimePoint> deadline,
                                       std::vector<Candidate>& candidates,
                                       base::ThreadPool& pool) const;
  absl::Status RunStages(const PipelineRequest& request, std::optional<TimePoint> deadline,
                         base::ThreadPool& pool, PipelineAnswer& answer) const;
  double SecondsSince(TimePoint start) const;

  const PipelineSpec spec_;
  std::vector<Stage> stages_;  // Those that re-rank.
  const Now now_;
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_PIPELINE_PIPELINE_H_
