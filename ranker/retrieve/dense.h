#ifndef GANNET_RANKER_RETRIEVE_DENSE_H_
#define GANNET_RANKER_RETRIEVE_DENSE_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/embed/embedder.h"
#include "indexer/collection.h"
#include "ranker/hit.h"

namespace gannet::ranker {

// What `search` finds for the one vector of each query by the similarity of the collection's
// vectors, best first; the stage's name is "dense". A query without a vector has no hits. Queries
// are spread over the pool's threads.
absl::StatusOr<std::vector<std::vector<Hit>>> RetrieveDense(
    const indexer::Collection& collection, std::span<const encoder::TextVectors> queries,
    const indexer::CollectionSearch& search, base::ThreadPool& pool);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RETRIEVE_DENSE_H_
