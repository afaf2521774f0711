#ifndef GANNET_BASE_PARQUET_SCHEMA_H_
#define GANNET_BASE_PARQUET_SCHEMA_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/parquet/metadata.h"

namespace gannet::base::parquet {

// How the values of a column become JSON.
enum class ValueForm {
  kBoolean,
  kSigned,    // INT32, INT64.
  kUnsigned,  // The same, taken as unsigned.
  kFloat,
  kDouble,
  kHalf,       // Two bytes, IEEE 754 binary16.
  kText,       // Bytes as they are.
  kDecimal,    // A number: INT32, INT64, or up to 16 bytes with the highest first.
  kDate,       // "2024-02-29"
  kTime,       // "23:59:59.001": as many digits as the unit has.
  kTimestamp,  // "2024-02-29T23:59:59.001Z"; without Z when it is no moment of UTC.
  kInt96,      // The same: 8 bytes of nanoseconds, 4 of a Julian day.
  kUuid,       // "00112233-4455-6677-8899-aabbccddeeff"
  kNotRead,
};

// A column: a leaf of the schema.
struct Leaf {
  std::string path = {};  // "answer_pids.list.element"
  PhysicalType type = PhysicalType::kByteArray;
  size_t value_bytes = 0;  // Of a value of fixed length; 0: of BYTE_ARRAY and BOOLEAN.
  ValueForm form = ValueForm::kText;
  std::string not_read = {};  // Why, of kNotRead.
  int scale = 0;
  TimeUnit unit = TimeUnit::kMilliseconds;
  bool is_utc = false;
  uint32_t max_definition = 0;
  uint32_t max_repetition = 0;
  size_t column = 0;  // Its place in every row group.
};

// A node of the schema as its rows read in JSON: lists and maps have lost the groups that Parquet
// spells them with.
struct Field {
  enum class Kind { kValue, kObject, kList };

  std::string key;  // Of an object's field: its name in JSON, with the colon.
  Kind kind = Kind::kValue;
  bool nullable = false;
  uint32_t definition = 0;  // From this definition level on it is not null.
  // Of a list: from which definition level on it has an element, and the repetition level of all
  // but its first.
  uint32_t element_definition = 0;
  uint32_t element_repetition = 0;
  std::vector<Field> children;  // Of a list: its element.
  size_t first_leaf = 0;        // Its columns: leaves[first_leaf, end_leaf).
  size_t end_leaf = 0;
};

struct Schema {
  Field root;  // An object: a row.
  std::vector<Leaf> leaves;
  size_t num_columns = 0;  // Of the file; there are less leaves when columns were chosen.
};

// The schema of a file's elements, of which only the top-level fields in `columns` are kept (empty:
// all; one that is not there is no error). kDataLoss when the elements make no tree, kUnimplemented
// naming the first kept column whose values have no form.
absl::StatusOr<Schema> BuildSchema(std::span<const SchemaElement> elements,
                                   std::span<const std::string> columns);

}  // namespace gannet::base::parquet

#endif  // GANNET_BASE_PARQUET_SCHEMA_H_
