#ifndef GANNET_BASE_PARQUET_JSON_TEXT_H_
#define GANNET_BASE_PARQUET_JSON_TEXT_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/parquet/schema.h"

namespace gannet::base::parquet {

// Appends `text` as a JSON string. Bytes that are no UTF-8 stay as they are.
void AppendJsonString(std::string_view text, std::string& json);

// Appends a column's value, given in its PLAIN encoding (without the length of a BYTE_ARRAY).
// Numbers that JSON cannot write are null. kInvalidArgument naming the value for one outside its
// type, as a date after 9999.
absl::Status AppendJsonValue(const Leaf& leaf, std::string_view plain, std::string& json);

}  // namespace gannet::base::parquet

#endif  // GANNET_BASE_PARQUET_JSON_TEXT_H_
