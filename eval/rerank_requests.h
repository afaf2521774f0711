#ifndef GANNET_EVAL_RERANK_REQUESTS_H_
#define GANNET_EVAL_RERANK_REQUESTS_H_

#include <cstddef>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/dataset.h"
#include "eval/metrics.h"
#include "eval/run_file.h"
#include "indexer/document.h"
#include "ranker/rerank/rerank_stage.h"

namespace gannet::eval {

// A query and the documents that are to be ranked for it, best first.
struct RerankRequest {
  std::string query_id;
  std::string query;
  std::vector<ranker::Candidate> candidates;
};

// Requests of a JSONL file ("-" is standard input; it may be compressed), an object a line:
//   {"id": "q1", "query": "...", "passages": [{"id": "d1", "title": "", "text": "...", "score":
//   1, "metadata": {}}]}
// with passages as plain strings, too. A query without id gets the number of its line, a passage
// without id its place from 0. Scores become those of the stage "input". Errors name file and line.
absl::StatusOr<std::vector<RerankRequest>> ReadRerankRequests(const std::filesystem::path& path);

// What a run retrieved for the judged queries of a dataset, with the texts of its documents.
class RetrievedCandidates {
 public:
  // The first `depth` documents of each ranking in the order that `rules` make of the scores.
  // Errors name a document that is not in the corpus, and a run without any of the queries.
  static absl::StatusOr<RetrievedCandidates> Read(const Run& run, const Dataset& dataset,
                                                  size_t depth, const EvaluationRules& rules);

  size_t size() const { return rankings_.size(); }

  // How many rankings of the run belong to no judged query: they are left out.
  size_t unjudged_queries() const { return unjudged_queries_; }

  // The request of a ranking, its scores as those of the stage "run".
  RerankRequest MakeRequest(size_t i) const;

  // The rankings as they go in, cut, with the tag of the run.
  const Run& run() const { return cut_; }

 private:
  RetrievedCandidates() = default;

  absl::Status ReadTexts(const Dataset& dataset);

  Run cut_;
  std::vector<Query> rankings_;  // The query of each ranking of cut_.
  std::unordered_map<std::string, indexer::Document> documents_;
  size_t unjudged_queries_ = 0;
};

// A ranking in the order of the candidates, with scores that fall strictly: see FallingScores.
Ranking MakeRanking(const RerankRequest& request);

}  // namespace gannet::eval

#endif  // GANNET_EVAL_RERANK_REQUESTS_H_
