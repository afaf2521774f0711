#include "ranker/searcher.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/status.h"
#include "ranker/retrieve/dense.h"

namespace gannet::ranker {
namespace {

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

encoder::LongTextOptions QueryOptions(const indexer::CollectionSchema& schema) {
  using Strategy = encoder::LongTextOptions::Strategy;
  const bool truncates = schema.long_text.strategy == Strategy::kTruncate;
  return {.strategy = truncates ? Strategy::kTruncate : Strategy::kMean};
}

}  // namespace

absl::StatusOr<Searcher> Searcher::Make(const encoder::Embedder& model,
                                        const indexer::Collection& collection) {
  const indexer::CollectionSchema& schema = collection.schema();
  if (schema.model_fingerprint != model.fingerprint()) {
    return absl::FailedPreconditionError(fmt::format(
        "the collection was made with model {} (fingerprint {}), not with {} (fingerprint {})",
        schema.model_name, schema.model_fingerprint, model.name(), model.fingerprint()));
  }
  return Searcher(model, collection);
}

absl::StatusOr<std::vector<SearchResult>> Searcher::Search(
    std::span<const std::string_view> queries, const indexer::CollectionSearch& search,
    base::ThreadPool& pool) const {
  if (search.k == 0) return absl::InvalidArgumentError("k is 0, expected at least 1");
  SearchTimings timings;
  const auto start = std::chrono::steady_clock::now();
  GANNET_ASSIGN_OR_RETURN(const std::vector<encoder::TextVectors> vectors,
                          model_->EmbedLong(queries, encoder::TextRole::kQuery,
                                            QueryOptions(collection_->schema()), pool));
  timings.encode_seconds = SecondsSince(start);

  const auto encoded = std::chrono::steady_clock::now();
  GANNET_ASSIGN_OR_RETURN(auto hits, RetrieveDense(*collection_, vectors, search, pool));
  timings.retrieve_seconds = SecondsSince(encoded);

  std::vector<SearchResult> results(queries.size());
  for (size_t i = 0; i < queries.size(); ++i) {
    results[i] = {vectors[i].status, std::move(hits[i]), vectors[i].tokens, vectors[i].windows,
                  timings};
  }
  return results;
}

}  // namespace gannet::ranker
