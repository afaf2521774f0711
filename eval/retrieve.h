#ifndef GANNET_EVAL_RETRIEVE_H_
#define GANNET_EVAL_RETRIEVE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "eval/dataset.h"
#include "eval/metrics.h"
#include "eval/run_file.h"
#include "eval/texts_read.h"
#include "ranker/searcher.h"

namespace gannet::eval {

struct RetrieveOptions {
  size_t depth = 100;  // Documents per query.
  // When dropped, one document more is asked for, so that `depth` remain.
  IdenticalIds identical_ids = IdenticalIds::kDrop;
  size_t block_queries = 256;  // Encoded and searched together.
};

struct Retrieval {
  Run run;  // Rankings in the order of the queries; the tag is the caller's to set.
  TextsRead queries;
  double encode_seconds = 0;
  double retrieve_seconds = 0;
};

// Told how many queries are answered.
using RetrieveObserver = absl::FunctionRef<void(uint64_t queries)>;

// Answers every query; one that cannot be answered is an error that names its id, because measures
// over the rest would not be those of the dataset.
absl::StatusOr<Retrieval> Retrieve(const ranker::Searcher& searcher, std::span<const Query> queries,
                                   const RetrieveOptions& options, base::ThreadPool& pool,
                                   RetrieveObserver observe);

}  // namespace gannet::eval

#endif  // GANNET_EVAL_RETRIEVE_H_
