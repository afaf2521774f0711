#ifndef GANNET_BASE_PARQUET_PARQUET_READER_H_
#define GANNET_BASE_PARQUET_PARQUET_READER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gannet::base {

// True for bytes that a Parquet file begins with, encrypted or not.
bool IsParquet(std::string_view beginning);

struct ParquetOptions {
  // Top-level columns to be read; empty: all. Of the others nothing is looked at.
  std::vector<std::string> columns = {};
  size_t max_row_bytes = 64 << 20;          // Of a row as JSON.
  size_t max_page_bytes = size_t{1} << 30;  // Of a page, decompressed.
};

// The rows of a Parquet file as lines of JSON, so that whatever reads JSON Lines reads Parquet
// (https://parquet.apache.org/docs/file-format/). Memory holds a row, and a page and a dictionary
// of each column, whatever the size of the file.
//
// A row is an object with a field for every column, null where it is null. Groups are objects,
// lists (of any of the spellings that the format knows) are arrays, and a map is an array of
// objects {key, value}. Integers, decimals and floating point numbers are numbers (NaN and
// infinities are null); dates, times, timestamps and UUIDs are strings in ISO 8601's and RFC 4122's
// form; other bytes are strings, not necessarily UTF-8.
//
// What is read: UNCOMPRESSED, SNAPPY, GZIP and ZSTD pages of both versions in every encoding of the
// format but the deprecated BIT_PACKED levels. Anything else, encryption too, is kUnimplemented,
// damage is kDataLoss; both name the file, and the row group and the column where there is one.
class ParquetReader {
 public:
  static absl::StatusOr<ParquetReader> Open(const std::filesystem::path& path,
                                            ParquetOptions options = {});
  // Of a whole file in memory that outlives the reader; `name` is that of messages.
  static absl::StatusOr<ParquetReader> Parse(std::string_view file, std::string name,
                                             ParquetOptions options = {});

  ParquetReader(ParquetReader&&) noexcept;
  ParquetReader& operator=(ParquetReader&&) noexcept;
  ~ParquetReader();

  // Sets `row` to the next one, valid until the next call; false behind the last. A row that is too
  // long, or has a value outside its type, is kInvalidArgument, without its place; the reader then
  // stands behind it. After any other error there is only that error.
  absl::StatusOr<bool> Next(std::string_view& row);

  uint64_t number() const;      // Of the row last read, from 1.
  uint64_t bytes_read() const;  // Of the file.

 private:
  struct State;
  explicit ParquetReader(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace gannet::base

#endif  // GANNET_BASE_PARQUET_PARQUET_READER_H_
