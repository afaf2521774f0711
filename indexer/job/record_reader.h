#ifndef GANNET_INDEXER_JOB_RECORD_READER_H_
#define GANNET_INDEXER_JOB_RECORD_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/parquet/parquet_reader.h"
#include "indexer/document.h"
#include "indexer/job/corpus_reader.h"
#include "indexer/job/line_reader.h"

namespace gannet::indexer {

// The documents of one file in one format. A record that is no document is kInvalidArgument,
// without its place; the reader then stands behind it.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  virtual absl::StatusOr<std::optional<Document>> Next() = 0;

  // Where the record last read begins, from 1; 0 when it is the whole file.
  virtual uint64_t line() const = 0;
};

// What the readers of all formats work with; all of it outlives them.
struct RecordSource {
  LineReader& lines;
  base::ParquetReader* rows;  // Instead of the lines, of a file of Parquet; else null.
  std::string id;             // What a file that is one document is called.
  size_t max_record_bytes;
  uint64_t& replaced_sequences;  // Ill-formed UTF-8 that became U+FFFD is added to it.

  // The text with ill-formed UTF-8 replaced, and counted.
  std::string Repair(std::string_view bytes) const;

  // Sets `json` to the next line that is not blank, or the next row; false behind the last.
  absl::StatusOr<bool> NextJson(std::string_view& json) const;
  uint64_t number() const;  // Of the line or row last read, from 1.
};

std::unique_ptr<RecordReader> MakeJsonlReader(const RecordSource& source);
std::unique_ptr<RecordReader> MakeTsvReader(const RecordSource& source, TsvHeader header);
std::unique_ptr<RecordReader> MakeTrecReader(const RecordSource& source);
std::unique_ptr<RecordReader> MakeLocoReader(const RecordSource& source, std::string task);
std::unique_ptr<RecordReader> MakeTextReader(const RecordSource& source);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_JOB_RECORD_READER_H_
