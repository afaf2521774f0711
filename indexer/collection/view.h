#ifndef GANNET_INDEXER_COLLECTION_VIEW_H_
#define GANNET_INDEXER_COLLECTION_VIEW_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "indexer/store/record.h"
#include "indexer/vector/vector_index.h"

namespace gannet::indexer {

// An index over the passages of whole documents that lie next to each other: a segment, or a piece
// of the growing part.
class Segment {
 public:
  // Of the growing part, in memory only.
  explicit Segment(std::unique_ptr<const VectorIndex> index) : index_(std::move(index)) {}

  // `path`: the file that the index was read from, or that is missing or damaged where the index
  // was made from the store instead.
  enum class Origin { kFile, kStore };
  Segment(std::unique_ptr<const VectorIndex> index, SegmentRecord record,
          std::filesystem::path path, Origin origin)
      : index_(std::move(index)),
        record_(std::move(record)),
        path_(std::move(path)),
        origin_(origin) {}

  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment();

  // The file is to be removed when the last search that uses it is over.
  void Discard() const { discarded_ = true; }

  const VectorIndex& index() const { return *index_; }
  bool sealed() const { return record_.has_value(); }
  const SegmentRecord& record() const { return *record_; }  // Requires sealed().
  const std::filesystem::path& path() const { return path_; }
  Origin origin() const { return origin_; }

  PassageKey first() const { return index_->keys().front(); }
  PassageKey last() const { return index_->keys().back(); }

  // The rows of a document: [begin, end), empty when it has none here.
  std::pair<uint32_t, uint32_t> RowsOf(DocumentKey document) const;

 private:
  const std::unique_ptr<const VectorIndex> index_;
  const std::optional<SegmentRecord> record_;
  const std::filesystem::path path_;
  const Origin origin_ = Origin::kFile;
  mutable std::atomic<bool> discarded_ = false;
};

// Which rows are deleted.
class DeadRows {
 public:
  bool Contains(uint32_t row) const {
    return !words_.empty() && (words_[row / 64] >> row % 64 & 1) != 0;
  }
  void Add(uint32_t row, size_t rows);
  uint64_t count() const { return count_; }

 private:
  std::vector<uint64_t> words_;  // Empty while none is.
  uint64_t count_ = 0;
};

// A segment and which of its rows are deleted, at one moment.
struct Part {
  std::shared_ptr<const Segment> segment;
  std::shared_ptr<const DeadRows> dead;  // Never null.

  uint64_t live_rows() const { return segment->index().size() - dead->count(); }
};

// What a committed change did to the passages.
struct ViewChange {
  std::vector<PassageKey> added_keys;  // Ascending, above all there were.
  std::vector<std::string> added_records;
  std::vector<DocumentKey> deleted;
};

// Segments that take the place of parts, or of rows of the growing part.
struct SegmentSwap {
  PassageKey first = 0;  // What is replaced: all rows of this range.
  PassageKey last = 0;
  std::shared_ptr<const Segment> segment;  // Null where nothing is left of the range.
  std::vector<DocumentKey> deleted;        // Since the segment was built.
};

// The passages of a collection at one moment; never changed, so that searches hold it for as long
// as they like and wait for nobody.
struct View {
  std::vector<Part> parts;  // In the order of keys: segments first, then the growing part.
  size_t segments = 0;      // How many of the parts are segments.
  Totals totals;

  // Last passage key that segments cover; nullopt where there is no segment.
  std::optional<PassageKey> LastSealed() const;
  uint64_t LiveRows() const;
  uint64_t GrowingRows() const;  // Live ones.
};

// Where a growing part is kept in memory, or not (Access::kIndexing).
enum class Growing { kKept, kLeftOut };

// The view after a change; `shape` is that of its vectors.
absl::StatusOr<std::shared_ptr<const View>> ApplyChange(const View& view, ViewChange change,
                                                        const Totals& totals,
                                                        const VectorShape& shape, Growing growing);

absl::StatusOr<std::shared_ptr<const View>> ApplySwap(const View& view, const SegmentSwap& swap,
                                                      const Totals& totals);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_VIEW_H_
