#ifndef GANNET_INDEXER_FILTER_FIELD_VALUE_H_
#define GANNET_INDEXER_FILTER_FIELD_VALUE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gannet::indexer {

// A number of JSON on one line with all others: every int64, uint64 and finite double is itself,
// exactly, so that 1 equals 1.0 and 2^53 + 1 lies above 2^53.
class Number {
 public:
  static Number Of(int64_t value);
  static Number Of(uint64_t value);
  static Number Of(double value);  // Finite.

  // The parts that Number is written by: the greatest double that is not above the number, and what
  // the number exceeds it by.
  static Number FromParts(double whole, uint16_t rest);
  double whole() const { return whole_; }
  uint16_t rest() const { return rest_; }

  // As JSON writes it: "7", "0.5".
  std::string ToString() const;

  friend bool operator==(const Number&, const Number&) = default;
  friend std::strong_ordering operator<=>(const Number& a, const Number& b) {
    if (a.whole_ != b.whole_) {
      return a.whole_ < b.whole_ ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    return a.rest_ <=> b.rest_;
  }

 private:
  Number(double whole, uint16_t rest) : whole_(whole), rest_(rest) {}

  double whole_;
  uint16_t rest_;
};

// A typed value of a metadata field. Values of different types are never equal, and none is above
// or below another (their order here only serves to sort them).
using FieldValue = std::variant<bool, Number, std::string>;

// Strings are compared byte by byte. A longer one than this is kept as its first bytes and a hash
// of the whole (ShortenString), so that equality stays what it was and keys stay short.
inline constexpr size_t kMaxStringValueBytes = 1024;
std::string ShortenString(std::string value);

// For messages: the value as JSON writes it.
std::string ToString(const FieldValue& value);

// One value that a document has in one field.
struct FieldEntry {
  std::string field;
  FieldValue value;

  friend bool operator==(const FieldEntry&, const FieldEntry&) = default;
  friend std::strong_ordering operator<=>(const FieldEntry& a, const FieldEntry& b) {
    const std::strong_ordering order = a.field <=> b.field;
    return std::is_eq(order) ? a.value <=> b.value : order;
  }
};

// Limits that keep one document from flooding the inverted index.
inline constexpr size_t kMaxMetadataDepth = 32;
inline constexpr size_t kMaxFieldNameBytes = 1024;
inline constexpr size_t kMaxFieldEntries = 65'536;

// The typed values of a metadata object, sorted, each once. An object inside it gives dotted names
// ("author.name"), an array gives each of its values, null and empty arrays and objects give
// nothing. kInvalidArgument when the text is not a JSON object or is over a limit above, naming the
// field.
absl::StatusOr<std::vector<FieldEntry>> ExtractFields(std::string_view metadata_json);

// `metadata_json` changed by `patch_json`, both JSON objects, as JSON Merge Patch (RFC 7396) says:
// fields of the patch replace, null removes, objects merge.
absl::StatusOr<std::string> MergeMetadata(std::string_view metadata_json,
                                          std::string_view patch_json);

// Bytes of an entry whose order is that of (field, value), for any bytes in them. No encoding is
// the beginning of another, so that something may follow: a document key.
std::string EncodeFieldEntry(std::string_view field, const FieldValue& value);

// What the encodings of all entries of a field begin with, and those of no other field.
std::string EncodeFieldPrefix(std::string_view field);

// An encoded entry and the bytes behind it. kDataLoss when the bytes are no entry.
struct DecodedFieldEntry {
  FieldEntry entry;
  std::string_view rest;
};
absl::StatusOr<DecodedFieldEntry> DecodeFieldEntry(std::string_view bytes);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_FILTER_FIELD_VALUE_H_
