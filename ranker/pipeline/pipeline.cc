#include "ranker/pipeline/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/status.h"
#include "ranker/pipeline/group.h"

namespace gannet::ranker {
namespace {

using std::chrono::duration;
using Outcome = StageReport::Outcome;

// What a stage of re-ranking has done with the candidates that it was given.
void Tally(std::span<const Candidate> given, StageReport& report) {
  for (const Candidate& candidate : given) {
    if (!candidate.status.ok()) ++report.without_score;
    report.tokens.total += candidate.tokens.total;
    report.tokens.read += candidate.tokens.read;
  }
}

// Takes over what the stage says about its scores.
void TakeExplanations(const std::string& stage, PipelineRequest::Explain explain,
                      std::span<Candidate> given) {
  for (Candidate& candidate : given) {
    std::vector<TokenMass> masses = std::exchange(candidate.masses, {});
    if (explain == PipelineRequest::Explain::kNo || !candidate.status.ok()) continue;
    if (!candidate.window && masses.empty()) continue;
    candidate.explanations.push_back({stage, candidate.window, std::move(masses)});
  }
}

// Drops those of the first `given` candidates that have a lower score of the stage.
size_t DropBelow(float min_score, size_t given, std::vector<Candidate>& candidates) {
  const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(given);
  const auto kept = std::remove_if(candidates.begin(), end, [&](const Candidate& candidate) {
    return candidate.status.ok() && candidate.score < min_score;
  });
  const auto dropped = static_cast<size_t>(end - kept);
  candidates.erase(kept, end);
  return dropped;
}

// What a stage's options do to the list once the first `scored` candidates have its scores.
void DropCandidates(const StageSpec& spec, size_t scored, std::vector<Candidate>& candidates,
                    StageReport& report) {
  if (spec.min_score) {
    report.below_min_score = DropBelow(*spec.min_score, scored, candidates);
  }
  if (!spec.group_by.empty()) report.grouped = KeepBestOfGroups(spec.group_by, candidates);
  report.candidates_out = candidates.size();
}

// The report of a stage that does not run. There are no scores of it that could be too low, but
// groups are groups.
StageReport Skip(const StageSpec& spec, std::string reason, std::vector<Candidate>& candidates) {
  StageReport report{.stage = std::string(spec.DisplayName()),
                     .outcome = Outcome::kSkipped,
                     .reason = std::move(reason)};
  StageSpec without_scores = spec;
  without_scores.min_score.reset();
  DropCandidates(without_scores, 0, candidates, report);
  return report;
}

// The documents of hits; those deleted since they were found are left out.
absl::StatusOr<std::vector<Candidate>> ReadDocuments(std::span<const Hit> hits,
                                                     const indexer::Collection& collection,
                                                     const PipelineRequest& request) {
  std::vector<Candidate> candidates;
  for (const Hit& hit : hits) {
    if (hit.id == request.left_out) continue;
    absl::StatusOr<indexer::Document> document = collection.Get(hit.key);
    if (absl::IsNotFound(document.status())) continue;
    GANNET_RETURN_IF_ERROR(document.status());
    Candidate& candidate = candidates.emplace_back();
    candidate.id = std::move(document->id);
    candidate.title = std::move(document->title);
    candidate.text = std::move(document->text);
    candidate.score = hit.score;
    candidate.stage_scores = hit.stage_scores;
    candidate.metadata_json = std::move(document->metadata_json);
  }
  return candidates;
}

std::string Milliseconds(double seconds) { return fmt::format("{:.0f} ms", seconds * 1e3); }

}  // namespace

absl::StatusOr<std::unique_ptr<const Pipeline>> Pipeline::Make(const PipelineSpec& spec,
                                                               ModelRegistry& models,
                                                               ModelAccess access) {
  GANNET_RETURN_IF_ERROR(CheckPipeline(spec));
  std::vector<OpenedStage> stages;
  for (size_t i = spec.Retrieves() ? 1 : 0; i < spec.stages.size(); ++i) {
    absl::StatusOr<OpenedStage> stage = OpenStage(spec.stages[i], models, access);
    if (!stage.ok()) {
      return base::Annotate(stage.status(), fmt::format("pipeline.stages[{}].model", i));
    }
    stages.push_back(*std::move(stage));
  }
  return std::make_unique<const Pipeline>(spec, std::move(stages));
}

Pipeline::Pipeline(PipelineSpec spec, std::vector<OpenedStage> stages, Now now)
    : spec_(std::move(spec)), now_(std::move(now)) {
  for (size_t i = 0; i < stages.size(); ++i) {
    stages_.push_back({spec_.stages[i + (spec_.Retrieves() ? 1 : 0)], std::move(stages[i]),
                       std::make_unique<CostEstimate>()});
  }
}

double Pipeline::SecondsSince(TimePoint start) const {
  return duration<double>(now_() - start).count();
}

std::optional<Pipeline::TimePoint> Pipeline::DeadlineOf(const PipelineRequest& request) const {
  if (!spec_.time_budget_ms) return request.deadline;
  const TimePoint own = now_() + std::chrono::milliseconds(*spec_.time_budget_ms);
  return request.deadline ? std::min(own, *request.deadline) : own;
}

std::string Pipeline::ReasonToSkip(const Stage& stage, size_t candidates,
                                   std::optional<TimePoint> deadline) const {
  const std::optional<double> expected = stage.cost->Predict(stage.opened.stage->Work(candidates));
  if (deadline) {
    const double left = duration<double>(*deadline - now_()).count();
    if (left <= 0) return "no time is left";
    if (expected > left) {
      return fmt::format("it would take about {}, and {} are left", Milliseconds(*expected),
                         Milliseconds(left));
    }
  }
  if (stage.spec.time_budget_ms && expected > *stage.spec.time_budget_ms / 1e3) {
    return fmt::format("it would take about {}, and its budget is {} ms", Milliseconds(*expected),
                       *stage.spec.time_budget_ms);
  }
  return "";
}

absl::StatusOr<StageReport> Pipeline::RunStage(const Stage& stage, const PipelineRequest& request,
                                               std::optional<TimePoint> deadline,
                                               std::vector<Candidate>& candidates,
                                               base::ThreadPool& pool) const {
  const size_t given = std::min(stage.spec.depth, candidates.size());
  if (std::string reason = ReasonToSkip(stage, given, deadline); !reason.empty()) {
    stage.cost->Skipped();
    return Skip(stage.spec, std::move(reason), candidates);
  }
  StageReport report{.stage = std::string(stage.spec.DisplayName())};
  const TimePoint start = now_();
  const StagePlan plan{.stage = stage.opened.stage.get(), .depth = stage.spec.depth};
  GANNET_RETURN_IF_ERROR(ranker::RunStages(request.query, std::span(&plan, 1), candidates, pool));
  report.seconds = SecondsSince(start);
  stage.cost->Measured(stage.opened.stage->Work(given), report.seconds);
  report.candidates_in = given;
  Tally(std::span(candidates).first(given), report);
  TakeExplanations(report.stage, request.explain, std::span(candidates).first(given));
  DropCandidates(stage.spec, given, candidates, report);
  return report;
}

absl::Status Pipeline::RunStages(const PipelineRequest& request, std::optional<TimePoint> deadline,
                                 base::ThreadPool& pool, PipelineAnswer& answer) const {
  for (const Stage& stage : stages_) {
    GANNET_ASSIGN_OR_RETURN(StageReport report,
                            RunStage(stage, request, deadline, answer.hits, pool));
    answer.stages.push_back(std::move(report));
  }
  if (answer.hits.size() > request.k) answer.hits.resize(request.k);
  return absl::OkStatus();
}

absl::Status Pipeline::CheckRetrieves() const {
  if (spec_.Retrieves()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("pipeline.stages[0].type: \"{}\", but a search begins with \"dense\"",
                  TypeName(spec_.stages.front().method)));
}

absl::StatusOr<PipelineAnswer> Pipeline::Search(const Searcher& searcher,
                                                const PipelineRequest& request,
                                                base::ThreadPool& pool) const {
  GANNET_RETURN_IF_ERROR(CheckRetrieves());
  const StageSpec& retrieval = spec_.stages.front();
  const std::optional<TimePoint> deadline = DeadlineOf(request);
  const TimePoint start = now_();
  indexer::CollectionSearch search = request.search;
  search.k = retrieval.depth + (request.left_out ? 1 : 0);
  GANNET_ASSIGN_OR_RETURN(std::vector<SearchResult> results,
                          searcher.Search(std::span(&request.query, 1), search, pool));
  SearchResult& found = results.front();
  GANNET_RETURN_IF_ERROR(base::Annotate(found.status, "query"));
  PipelineAnswer answer{
      .hits = {}, .stages = {}, .query_tokens = found.query_tokens, .timings = found.timings};
  GANNET_ASSIGN_OR_RETURN(answer.hits, ReadDocuments(found.hits, searcher.collection(), request));
  if (answer.hits.size() > retrieval.depth) answer.hits.resize(retrieval.depth);
  // Retrieval is known by one name wherever it happens.
  StageReport report{.stage = std::string(retrieval.DisplayName())};
  for (Candidate& candidate : answer.hits) candidate.stage_scores.front().stage = report.stage;
  report.candidates_in = answer.hits.size();
  report.tokens = found.query_tokens;
  DropCandidates(retrieval, answer.hits.size(), answer.hits, report);
  report.seconds = SecondsSince(start);
  answer.stages.push_back(std::move(report));
  GANNET_RETURN_IF_ERROR(RunStages(request, deadline, pool, answer));
  return answer;
}

absl::StatusOr<PipelineAnswer> Pipeline::Rerank(std::vector<Candidate> candidates,
                                                const PipelineRequest& request,
                                                base::ThreadPool& pool) const {
  const std::optional<TimePoint> deadline = DeadlineOf(request);
  PipelineAnswer answer{.hits = std::move(candidates), .stages = {}};
  if (spec_.Retrieves()) {
    answer.stages.push_back(
        Skip(spec_.stages.front(), "the passages came with the query", answer.hits));
  }
  GANNET_RETURN_IF_ERROR(RunStages(request, deadline, pool, answer));
  return answer;
}

}  // namespace gannet::ranker
