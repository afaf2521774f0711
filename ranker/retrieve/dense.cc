#include "ranker/retrieve/dense.h"

#include <utility>

#include "base/status.h"

namespace gannet::ranker {
namespace {

absl::StatusOr<std::vector<Hit>> RetrieveOne(const indexer::Collection& collection,
                                             std::span<const float> query,
                                             const indexer::CollectionSearch& search) {
  GANNET_ASSIGN_OR_RETURN(const indexer::SearchAnswer found, collection.Search(query, search));
  std::vector<Hit> hits;
  hits.reserve(found.documents.size());
  for (const indexer::ScoredDocument& document : found.documents) {
    absl::StatusOr<std::string> id = collection.GetId(document.key);
    if (absl::IsNotFound(id.status())) continue;  // Deleted since it was found.
    GANNET_RETURN_IF_ERROR(id.status());
    hits.push_back({.key = document.key,
                    .id = *std::move(id),
                    .score = document.score,
                    .stage_scores = {{"dense", document.score}},
                    .passage = document.passage});
  }
  return hits;
}

}  // namespace

absl::StatusOr<std::vector<std::vector<Hit>>> RetrieveDense(
    const indexer::Collection& collection, std::span<const encoder::TextVectors> queries,
    const indexer::CollectionSearch& search, base::ThreadPool& pool) {
  std::vector<std::vector<Hit>> hits(queries.size());
  std::vector<absl::Status> statuses(queries.size());
  pool.ParallelFor(queries.size(), [&](size_t i) {
    if (!queries[i].status.ok()) return;
    absl::StatusOr<std::vector<Hit>> found = RetrieveOne(collection, queries[i].values, search);
    if (found.ok()) {
      hits[i] = *std::move(found);
    } else {
      statuses[i] = found.status();
    }
  });
  for (const absl::Status& status : statuses) GANNET_RETURN_IF_ERROR(status);
  return hits;
}

}  // namespace gannet::ranker
