#ifndef GANNET_INDEXER_COLLECTION_SEGMENT_FILES_H_
#define GANNET_INDEXER_COLLECTION_SEGMENT_FILES_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "indexer/collection.h"
#include "indexer/collection/view.h"
#include "indexer/store/store.h"
#include "indexer/vector/vector_index.h"

namespace gannet::indexer {

// The shape of a collection's vectors.
VectorShape ShapeOf(const CollectionSchema& schema);

// Live passages of the store, in the order of their keys.
struct PassageRows {
  std::vector<PassageKey> keys;
  VectorTable vectors;
};

// Reads the vectors of whole documents from `first` to `last`, until there are `most_rows` or a few
// more.
absl::StatusOr<PassageRows> ReadRows(const Store& store, const StoreSnapshot* snapshot,
                                     const VectorShape& shape, PassageKey first, PassageKey last,
                                     uint64_t most_rows);

// The folder of a collection's segment files.
class SegmentFiles {
 public:
  SegmentFiles(std::filesystem::path folder, const CollectionSchema& schema)
      : folder_(std::move(folder)), schema_(schema) {}

  const std::filesystem::path& folder() const { return folder_; }

  // Builds the index that the schema wants for these rows (at least one), writes it to a file and
  // opens that. The same rows give the same file.
  absl::StatusOr<std::shared_ptr<const Segment>> Build(PassageRows rows,
                                                       base::ThreadPool& pool) const;

  // The segment of a record; kNotFound or kDataLoss when its file is not the one that was recorded.
  absl::StatusOr<std::shared_ptr<const Segment>> Open(const SegmentRecord& record) const;

  // A segment without its file: the rows, searched exactly.
  absl::StatusOr<std::shared_ptr<const Segment>> InMemory(const SegmentRecord& record,
                                                          PassageRows rows) const;

  // Files in the folder that no record names.
  absl::StatusOr<std::vector<std::filesystem::path>> Strays(
      std::span<const SegmentRecord> records) const;

 private:
  absl::StatusOr<IndexSpec> SpecFor(uint64_t rows) const;

  const std::filesystem::path folder_;
  const CollectionSchema schema_;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_SEGMENT_FILES_H_
