#ifndef GANNET_INDEXER_VECTOR_FLAT_INDEX_H_
#define GANNET_INDEXER_VECTOR_FLAT_INDEX_H_

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "indexer/collection.h"
#include "indexer/vector/exact_scan.h"

namespace gannet::indexer {

// Exact inner-product search over fp32 vectors in memory, on the calling thread: the growing part
// of a collection. A score depends on the two vectors alone. Searches may run side by side, but not
// beside Put.
class FlatIndex {
 public:
  explicit FlatIndex(size_t dimension);
  FlatIndex(FlatIndex&&) noexcept;
  FlatIndex& operator=(FlatIndex&&) noexcept;
  ~FlatIndex();

  size_t size() const;

  // Adds the vector of a document, or replaces it. Requires vector.size() == dimension;
  // kInvalidArgument when a value of it is not finite or beyond 1e15.
  absl::Status Put(DocumentKey key, std::span<const float> vector);

  // The `k` best of those that `filter` lets pass (all, when there are fewer): score descending,
  // then key ascending.
  absl::StatusOr<std::vector<ScoredDocument>> Search(std::span<const float> query, size_t k,
                                                     const KeyFilter& filter = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_FLAT_INDEX_H_
