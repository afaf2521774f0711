#ifndef GANNET_RANKER_SEARCHER_H_
#define GANNET_RANKER_SEARCHER_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/embed/embedder.h"
#include "indexer/collection.h"
#include "ranker/hit.h"

namespace gannet::ranker {

struct SearchTimings {
  double encode_seconds = 0;
  double retrieve_seconds = 0;
};

struct SearchResult {
  absl::Status status;    // Why the query has no answer; the others have theirs all the same.
  std::vector<Hit> hits;  // Best first.
  encoder::TokenCount query_tokens;
  size_t query_windows = 1;  // In which the query was read.
  SearchTimings timings;     // Of the call the query was part of.
};

// Query text to ranked hits over one collection, with the model that the collection was made with.
// Immutable; safe to use from several threads.
class Searcher {
 public:
  // Refuses (kFailedPrecondition) a model that is not the one the collection was made with, naming
  // both fingerprints. Both must outlive the searcher.
  static absl::StatusOr<Searcher> Make(const encoder::Embedder& model,
                                       const indexer::Collection& collection);

  // The best hits (k at least 1) of each query, in the order of the queries. A query that the model
  // cannot embed has the reason in its result. A query longer than the model's input has one vector
  // all the same: the mean of those of its windows, whatever windows the documents have; but a
  // collection of truncated documents has its queries truncated, too.
  absl::StatusOr<std::vector<SearchResult>> Search(std::span<const std::string_view> queries,
                                                   const indexer::CollectionSearch& search,
                                                   base::ThreadPool& pool) const;
  absl::StatusOr<std::vector<SearchResult>> Search(std::span<const std::string_view> queries,
                                                   size_t k, base::ThreadPool& pool) const {
    return Search(queries, indexer::CollectionSearch{.k = k}, pool);
  }

  const indexer::Collection& collection() const { return *collection_; }

 private:
  Searcher(const encoder::Embedder& model, const indexer::Collection& collection)
      : model_(&model), collection_(&collection) {}

  const encoder::Embedder* model_;
  const indexer::Collection* collection_;
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_SEARCHER_H_
