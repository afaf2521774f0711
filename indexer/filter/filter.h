#ifndef GANNET_INDEXER_FILTER_FILTER_H_
#define GANNET_INDEXER_FILTER_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "indexer/filter/field_value.h"

namespace gannet::indexer {

// Which documents a search may find, by their metadata. A condition on a field holds for a document
// when one of the values that the document has there meets it; a document without the field meets
// none. `not` holds for every document that its filter does not hold for.
struct Filter {
  enum class Kind : uint8_t { kAnd, kOr, kNot, kIn, kRange, kExists };

  struct Bound {
    FieldValue value;  // A number or a string.
    bool inclusive = true;

    friend bool operator==(const Bound&, const Bound&) = default;
  };

  Kind kind = Kind::kAnd;
  std::vector<Filter> children = {};    // kAnd, kOr: at least one; kNot: one.
  std::string field = {};               // kIn, kRange, kExists
  std::vector<FieldValue> values = {};  // kIn: one of these; sorted, each once.
  std::optional<Bound> lower = {};  // kRange: one of the two or both, then of the same type. Values
  std::optional<Bound> upper = {};  // of another type are in no range.

  // Reads
  //   {"and": [filter, ...]}   {"or": [filter, ...]}   {"not": filter}
  //   {"field": name, "equals": value}       {"field": name, "in": [value, ...]}
  //   {"field": name, "gte": low, "lt": high}  (gt, gte, lt, lte: one bound or one on each side)
  //   {"field": name, "exists": true}        (false: the document has no such field)
  // where a value is a string, a number or a boolean, and nested objects have dotted names.
  // kInvalidArgument names the place inside the filter and what was found there.
  static absl::StatusOr<Filter> Parse(std::string_view json);

  // The filter in the form that Parse reads.
  std::string ToJson() const;

  // Whether it holds for a document with these fields, as ExtractFields gives them: what the filter
  // means, and what FieldIndex computes for all documents at once.
  bool Matches(std::span<const FieldEntry> fields) const;

  // Whether a condition (kIn, kRange) accepts a single value.
  bool Accepts(const FieldValue& value) const;

  friend bool operator==(const Filter&, const Filter&) = default;
};

// Limits of Filter::Parse; the depth is that of the JSON, lists included.
inline constexpr size_t kMaxFilterBytes = 4 << 20;
inline constexpr size_t kMaxFilterDepth = 32;

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_FILTER_FILTER_H_
