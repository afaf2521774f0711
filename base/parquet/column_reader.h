#ifndef GANNET_BASE_PARQUET_COLUMN_READER_H_
#define GANNET_BASE_PARQUET_COLUMN_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/parquet/encodings.h"
#include "base/parquet/metadata.h"
#include "base/parquet/pages.h"
#include "base/parquet/schema.h"

namespace gannet::base::parquet {

// The entries of a column chunk, one after another, as Dremel stripes them (Melnik et al. 2010): a
// value, or the place of one that is null or in an empty list, with its repetition level (0 begins
// a row) and its definition level. Memory holds the dictionary and the current page.
class ColumnReader {
 public:
  // Errors name the column.
  static absl::StatusOr<ColumnReader> Open(const Leaf& leaf, const ColumnChunk& chunk,
                                           std::string_view file, size_t pages_end,
                                           size_t max_page_bytes);

  // Goes to the next entry, which Open has done for the first. Errors name the column; behind the
  // last entry there is none to go to.
  absl::Status Advance();

  bool at_end() const { return at_end_; }
  uint64_t row() const {
    return rows_ - 1;
  }  // Of the entry, from 0; at the end, the number of rows.
  uint32_t repetition() const { return repetition_; }
  uint32_t definition() const { return definition_; }

  // Of an entry whose definition level is the highest: the value in PLAIN, valid until Advance.
  std::string_view value() const { return value_; }

  const Leaf& leaf() const { return *leaf_; }
  uint64_t bytes_read() const { return chunk_bytes_ - rest_.size(); }  // Of the file.

 private:
  ColumnReader(const Leaf& leaf, const ColumnChunk& chunk, std::string_view bytes,
               size_t max_page_bytes);

  absl::Status Step();
  absl::Status NextDataPage();
  absl::Status TakeDictionary(const Page& page);
  absl::Status TakeDataPage(const Page& page);

  const Leaf* leaf_;
  Codec codec_;
  size_t max_page_bytes_;
  size_t chunk_bytes_;
  std::string_view rest_;  // Of the chunk: the pages that were not taken.
  uint64_t left_in_chunk_;
  uint64_t left_in_page_ = 0;
  PageBuffer dictionary_buffer_;
  PageBuffer page_buffer_;
  bool has_dictionary_ = false;
  std::vector<std::string_view> dictionary_;
  DataPage page_;
  std::unique_ptr<ValueDecoder> values_;
  // The current entry.
  bool at_end_ = false;
  uint64_t rows_ = 0;  // Begun.
  uint32_t repetition_ = 0;
  uint32_t definition_ = 0;
  std::string_view value_;
};

}  // namespace gannet::base::parquet

#endif  // GANNET_BASE_PARQUET_COLUMN_READER_H_
