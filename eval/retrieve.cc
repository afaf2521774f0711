#include "eval/retrieve.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace gannet::eval {
namespace {

Ranking MakeRanking(const Query& query, const std::vector<ranker::Hit>& hits,
                    const RetrieveOptions& options) {
  Ranking ranking{.query_id = query.id, .documents = {}};
  for (const ranker::Hit& hit : hits) {
    if (options.identical_ids == IdenticalIds::kDrop && hit.id == query.id) continue;
    if (ranking.documents.size() == options.depth) break;
    ranking.documents.push_back({.id = hit.id, .score = hit.score});
  }
  return ranking;
}

}  // namespace

absl::StatusOr<Retrieval> Retrieve(const ranker::Searcher& searcher, std::span<const Query> queries,
                                   const RetrieveOptions& options, base::ThreadPool& pool,
                                   RetrieveObserver observe) {
  const size_t k = options.depth + (options.identical_ids == IdenticalIds::kDrop ? 1 : 0);
  Retrieval retrieval;
  while (retrieval.run.rankings.size() < queries.size()) {
    const auto rest = queries.subspan(retrieval.run.rankings.size());
    const auto block = rest.first(std::min(options.block_queries, rest.size()));
    std::vector<std::string_view> texts;
    for (const Query& query : block) texts.push_back(query.text);
    GANNET_ASSIGN_OR_RETURN(const std::vector<ranker::SearchResult> results,
                            searcher.Search(texts, k, pool));
    for (size_t i = 0; i < block.size(); ++i) {
      GANNET_RETURN_IF_ERROR(
          base::Annotate(results[i].status, fmt::format("query {}", block[i].id)));
      retrieval.run.rankings.push_back(MakeRanking(block[i], results[i].hits, options));
      retrieval.queries.Add(results[i].query_tokens, results[i].query_windows);
    }
    // Each result carries the times of the whole call.
    retrieval.encode_seconds += results.front().timings.encode_seconds;
    retrieval.retrieve_seconds += results.front().timings.retrieve_seconds;
    observe(retrieval.run.rankings.size());
  }
  return retrieval;
}

}  // namespace gannet::eval
