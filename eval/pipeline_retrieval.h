#ifndef GANNET_EVAL_PIPELINE_RETRIEVAL_H_
#define GANNET_EVAL_PIPELINE_RETRIEVAL_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "eval/dataset.h"
#include "eval/report.h"
#include "eval/retrieve.h"
#include "ranker/pipeline/pipeline.h"
#include "ranker/searcher.h"

namespace gannet::eval {

struct PipelineRetrieval {
  Retrieval retrieval;
  std::vector<StageTotals> stages;  // Of the pipeline, in their order.
};

// Answers every query through a pipeline, one after the other; its first stage must retrieve at
// least `options.depth` documents (kInvalidArgument). Scores fall strictly, see
// ranker::FallingScores. The query's own document, where it is dropped, is left out before anything
// is re-ranked.
absl::StatusOr<PipelineRetrieval> RetrieveByPipeline(const ranker::Pipeline& pipeline,
                                                     const ranker::Searcher& searcher,
                                                     std::span<const Query> queries,
                                                     const RetrieveOptions& options,
                                                     base::ThreadPool& pool,
                                                     RetrieveObserver observe);

}  // namespace gannet::eval

#endif  // GANNET_EVAL_PIPELINE_RETRIEVAL_H_
