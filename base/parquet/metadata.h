#ifndef GANNET_BASE_PARQUET_METADATA_H_
#define GANNET_BASE_PARQUET_METADATA_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gannet::base::parquet {

// The structs of a Parquet file's footer and pages, as far as reading rows needs them
// (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift). Numbers
// are checked where they are used; those that name something keep the format's values.

enum class PhysicalType : int {
  kBoolean = 0,
  kInt32 = 1,
  kInt64 = 2,
  kInt96 = 3,
  kFloat = 4,
  kDouble = 5,
  kByteArray = 6,
  kFixedLenByteArray = 7,
};

enum class Repetition : int { kRequired = 0, kOptional = 1, kRepeated = 2 };

enum class Codec : int { kUncompressed = 0, kSnappy = 1, kGzip = 2, kZstd = 6 };

enum class Encoding : int {
  kPlain = 0,
  kPlainDictionary = 2,
  kRle = 3,
  kBitPacked = 4,
  kDeltaBinaryPacked = 5,
  kDeltaLengthByteArray = 6,
  kDeltaByteArray = 7,
  kRleDictionary = 8,
  kByteStreamSplit = 9,
};

std::string CodecName(Codec codec);           // "SNAPPY"; "codec 12" of one that is not known.
std::string EncodingName(Encoding encoding);  // "PLAIN"; "encoding 12".

// What a column's values stand for, of the logical type or the converted type that it replaced.
enum class LogicalType {
  kNone,
  kString,  // Also ENUM and JSON.
  kList,
  kMap,
  kDecimal,
  kDate,
  kTime,
  kTimestamp,
  kSigned,
  kUnsigned,
  kNull,  // No value is ever there.
  kUuid,
  kFloat16,
  kOther,
};

enum class TimeUnit { kMilliseconds, kMicroseconds, kNanoseconds };

struct SchemaElement {
  int64_t physical_type = -1;  // -1: a group.
  int64_t type_length = 0;     // Of kFixedLenByteArray, bytes.
  int64_t repetition = 0;
  std::string name;
  int64_t children = 0;
  LogicalType logical_type = LogicalType::kNone;
  std::string logical_name = {};  // Of kOther.
  int64_t scale = 0;              // Of kDecimal: digits behind the point.
  TimeUnit unit = TimeUnit::kMilliseconds;
  bool is_utc = false;  // Of kTimestamp.
};

struct Footer {
  std::vector<SchemaElement> schema;  // Depth first, the root before all.
  // Thrift structs within the file, parsed as their turn comes: only the current one takes memory.
  std::vector<std::string_view> row_groups;
  size_t position = 0;  // Of its first byte in the file, where the pages end.
};

// The footer at the end of a whole file. kDataLoss for what is no Parquet file or is damaged,
// kUnimplemented for an encrypted one. The row groups point into `file`.
absl::StatusOr<Footer> ParseFooter(std::string_view file);

struct ColumnChunk {
  bool is_encrypted = false;
  std::string_view other_file;  // Where the pages are, if not in this file.
  int64_t physical_type = -1;
  Codec codec = Codec::kUncompressed;
  int64_t num_values = 0;  // With nulls.
  int64_t compressed_bytes = 0;
  int64_t data_page_offset = 0;
  int64_t dictionary_page_offset = 0;  // 0: none.
};

struct RowGroup {
  int64_t num_rows = 0;
  std::vector<ColumnChunk> columns;  // One a leaf of the schema.
};

absl::StatusOr<RowGroup> ParseRowGroup(std::string_view bytes, size_t num_leaves);

enum class PageType : int { kData = 0, kIndex = 1, kDictionary = 2, kDataV2 = 3 };

struct PageHeader {
  PageType type = PageType::kIndex;
  int64_t uncompressed_bytes = 0;
  int64_t compressed_bytes = 0;
  bool has_crc = false;
  uint32_t crc = 0;  // Of the page as it is in the file.
  int64_t num_values = 0;
  Encoding encoding = Encoding::kPlain;
  // Of kData.
  Encoding definition_encoding = Encoding::kRle;
  Encoding repetition_encoding = Encoding::kRle;
  // Of kDataV2: how long the levels are, which are never compressed.
  int64_t definition_bytes = 0;
  int64_t repetition_bytes = 0;
  bool is_compressed = true;
};

// Takes a page's header off the front of what is left of a column chunk.
absl::StatusOr<PageHeader> TakePageHeader(std::string_view& bytes);

}  // namespace gannet::base::parquet

#endif  // GANNET_BASE_PARQUET_METADATA_H_
