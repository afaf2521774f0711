#ifndef GANNET_INDEXER_VECTOR_CANDIDATE_FINDER_H_
#define GANNET_INDEXER_VECTOR_CANDIDATE_FINDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "indexer/vector/index_spec.h"
#include "indexer/vector/vector_file.h"
#include "indexer/vector/vector_table.h"

namespace gannet::indexer {

// The approximate part of a vector index: which rows to look at for a query.
class CandidateFinder {
 public:
  virtual ~CandidateFinder() = default;

  // Row numbers, the most promising first. `effort` as in VectorSearch, given; at least `count` of
  // them where that many can be reached.
  virtual absl::StatusOr<std::vector<uint32_t>> Find(std::span<const float> query, size_t effort,
                                                     size_t count) const = 0;

  // What Find takes when the caller does not say.
  virtual size_t default_effort() const = 0;

  // About how many rows Find scores.
  virtual double RowsScored(size_t effort) const = 0;

  // Beside the tables of vectors.
  virtual size_t bytes() const = 0;

  // The finder's own sections of a file; they lie in `holder`.
  virtual absl::StatusOr<std::vector<FileSection>> Sections(std::vector<uint8_t>& holder) const = 0;
};

// Over a graph on the rows of `searched`, which must outlive the finder.
absl::StatusOr<std::unique_ptr<CandidateFinder>> BuildHnswFinder(const IndexSpec& spec,
                                                                 const VectorTable& searched,
                                                                 base::ThreadPool& pool);
absl::StatusOr<std::unique_ptr<CandidateFinder>> OpenHnswFinder(const IndexSpec& spec,
                                                                const VectorTable& searched,
                                                                const VectorFile& file);

// Trained on, and holding codes of, the rows of `exact`.
absl::StatusOr<std::unique_ptr<CandidateFinder>> BuildIvfPqFinder(const IndexSpec& spec,
                                                                  const VectorTable& exact);
absl::StatusOr<std::unique_ptr<CandidateFinder>> OpenIvfPqFinder(const IndexSpec& spec,
                                                                 const VectorTable& exact,
                                                                 const VectorFile& file);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_CANDIDATE_FINDER_H_
