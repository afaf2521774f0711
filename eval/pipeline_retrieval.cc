#include "eval/pipeline_retrieval.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/status.h"
#include "eval/rerank_requests.h"

namespace gannet::eval {
namespace {

std::vector<StageTotals> StagesOf(const ranker::PipelineSpec& spec) {
  std::vector<StageTotals> stages;
  for (const ranker::StageSpec& stage : spec.stages) {
    stages.push_back({.stage = std::string(stage.DisplayName()),
                      .type = std::string(ranker::TypeName(stage.method)),
                      .model = std::string(ranker::ModelOf(stage.method)),
                      .depth = stage.depth});
  }
  return stages;
}

void Add(const ranker::StageReport& report, StageTotals& totals) {
  ++(report.outcome == ranker::StageReport::Outcome::kRan ? totals.ran : totals.skipped);
  totals.seconds += report.seconds;
  totals.without_score += report.without_score;
  totals.dropped += report.below_min_score + report.grouped;
  totals.tokens_total += report.tokens.total;
  totals.tokens_read += report.tokens.read;
}

}  // namespace

absl::StatusOr<PipelineRetrieval> RetrieveByPipeline(const ranker::Pipeline& pipeline,
                                                     const ranker::Searcher& searcher,
                                                     std::span<const Query> queries,
                                                     const RetrieveOptions& options,
                                                     base::ThreadPool& pool,
                                                     RetrieveObserver observe) {
  GANNET_RETURN_IF_ERROR(pipeline.CheckRetrieves());
  if (const size_t depth = pipeline.spec().stages.front().depth; depth < options.depth) {
    return absl::InvalidArgumentError(
        fmt::format("pipeline.stages[0].depth: {}, but {} documents a query are measured", depth,
                    options.depth));
  }
  PipelineRetrieval result{.retrieval = {}, .stages = StagesOf(pipeline.spec())};
  for (const Query& query : queries) {
    ranker::PipelineRequest request{.query = query.text, .k = options.depth};
    if (options.identical_ids == IdenticalIds::kDrop) request.left_out = query.id;
    auto answer = pipeline.Search(searcher, request, pool);
    if (!answer.ok()) {
      return base::Annotate(answer.status(), fmt::format("query {}", query.id));
    }
    result.retrieval.run.rankings.push_back(MakeRanking(
        {.query_id = query.id, .query = query.text, .candidates = std::move(answer->hits)}));
    result.retrieval.queries.Add(answer->query_tokens, answer->query_windows);
    result.retrieval.encode_seconds += answer->timings.encode_seconds;
    result.retrieval.retrieve_seconds += answer->timings.retrieve_seconds;
    for (size_t i = 0; i < result.stages.size(); ++i) Add(answer->stages[i], result.stages[i]);
    observe(result.retrieval.run.rankings.size());
  }
  return result;
}

}  // namespace gannet::eval
