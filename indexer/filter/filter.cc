#include "indexer/filter/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "indexer/filter/json_internal.h"

namespace gannet::indexer {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Filter::Kind;

absl::Status Error(const std::string& place, std::string_view problem) {
  return absl::InvalidArgumentError(fmt::format("filter{}: {}", place, problem));
}

// nlohmann's plain objects are sorted: the order of a filter's words bears no meaning.
using Parsed = nlohmann::json;

absl::StatusOr<Filter> ParseFilter(const Parsed& json, const std::string& place);

absl::StatusOr<FieldValue> ParseValue(const Parsed& json, const std::string& place) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned()) return Number::Of(json.get<uint64_t>());
  if (json.is_number_integer()) return Number::Of(json.get<int64_t>());
  if (json.is_number_float()) return Number::Of(json.get<double>());
  if (json.is_string()) return ShortenString(json.get<std::string>());
  return Error(place,
               fmt::format("expected a string, a number or a boolean, found {}{}", Excerpt(json),
                           json.is_null() ? " (no value: {\"exists\": false})" : ""));
}

// {"and": [...]}, {"or": [...]}
absl::StatusOr<Filter> ParseList(Kind kind, const Parsed& json, const std::string& place) {
  if (!json.is_array() || json.empty()) {
    return Error(place, fmt::format("expected a list of filters, found {}", Excerpt(json)));
  }
  Filter filter{.kind = kind};
  for (size_t i = 0; i < json.size(); ++i) {
    GANNET_ASSIGN_OR_RETURN(Filter child, ParseFilter(json[i], fmt::format("{}[{}]", place, i)));
    filter.children.push_back(std::move(child));
  }
  return filter;
}

absl::StatusOr<Filter> ParseIn(const Parsed& json, const std::string& place) {
  if (!json.is_array() || json.empty()) {
    return Error(place, fmt::format("expected a list of values, found {}", Excerpt(json)));
  }
  Filter filter{.kind = Kind::kIn};
  for (size_t i = 0; i < json.size(); ++i) {
    GANNET_ASSIGN_OR_RETURN(FieldValue value, ParseValue(json[i], fmt::format("{}[{}]", place, i)));
    filter.values.push_back(std::move(value));
  }
  std::sort(filter.values.begin(), filter.values.end());
  filter.values.erase(std::unique(filter.values.begin(), filter.values.end()), filter.values.end());
  return filter;
}

absl::StatusOr<Filter> ParseExists(const Parsed& json, const std::string& place) {
  if (!json.is_boolean()) {
    return Error(place, fmt::format("expected true or false, found {}", Excerpt(json)));
  }
  return Filter{.kind = Kind::kExists};
}

// Adds one bound to a range.
absl::Status ParseBound(const std::string& word, const Parsed& json, const std::string& place,
                        Filter& filter) {
  GANNET_ASSIGN_OR_RETURN(FieldValue value, ParseValue(json, place));
  if (std::holds_alternative<bool>(value)) {
    return Error(place, fmt::format("expected a string or a number, found {}", Excerpt(json)));
  }
  std::optional<Filter::Bound>& side = word[0] == 'g' ? filter.lower : filter.upper;
  const std::optional<Filter::Bound>& other = word[0] == 'g' ? filter.upper : filter.lower;
  if (side.has_value()) return Error(place, "a second bound on the same side");
  if (other.has_value() && other->value.index() != value.index()) {
    return Error(place, fmt::format("{} and {} are of different types", ToString(other->value),
                                    ToString(value)));
  }
  side = Filter::Bound{std::move(value), word.size() == 3};
  return absl::OkStatus();
}

bool IsBound(std::string_view word) {
  return word == "gt" || word == "gte" || word == "lt" || word == "lte";
}

// What is said of the field: `word` and its operand, except a range.
absl::StatusOr<Filter> ParseTest(const std::string& word, const Parsed& json,
                                 const std::string& place) {
  if (word == "in") return ParseIn(json, place);
  if (word == "exists") return ParseExists(json, place);
  if (word != "equals") {
    return Error(place, "unknown, expected one of equals, in, gt, gte, lt, lte, exists");
  }
  GANNET_ASSIGN_OR_RETURN(FieldValue value, ParseValue(json, place));
  return Filter{.kind = Kind::kIn, .values = {std::move(value)}};
}

// {"field": name, ...}
absl::StatusOr<Filter> ParseCondition(const Parsed& json, const std::string& place) {
  const Parsed& field = json.at("field");
  if (!field.is_string()) {
    return Error(place + ".field", fmt::format("expected a name, found {}", Excerpt(field)));
  }
  std::optional<Filter> filter;
  for (const auto& [word, operand] : json.items()) {
    if (word == "field") continue;
    const std::string there = fmt::format("{}.{}", place, word);
    const bool bound = IsBound(word);
    if (filter.has_value() && !(bound && filter->kind == Kind::kRange)) {
      return Error(there, "a second condition on one field; join two with \"and\"");
    }
    if (bound) {
      if (!filter.has_value()) filter = Filter{.kind = Kind::kRange};
      GANNET_RETURN_IF_ERROR(ParseBound(word, operand, there, *filter));
    } else {
      GANNET_ASSIGN_OR_RETURN(filter, ParseTest(word, operand, there));
    }
  }
  if (!filter.has_value()) {
    return Error(place, "a field without a condition: equals, in, gt, gte, lt, lte or exists");
  }
  filter->field = field.get<std::string>();
  if (filter->kind != Kind::kExists || json.at("exists").get<bool>()) return *std::move(filter);
  return Filter{.kind = Kind::kNot, .children = {*std::move(filter)}};
}

absl::StatusOr<Filter> ParseFilter(const Parsed& json, const std::string& place) {
  if (!json.is_object()) {
    return Error(place, fmt::format("expected an object, found {}", Excerpt(json)));
  }
  if (json.contains("field")) return ParseCondition(json, place);
  if (json.size() != 1) {
    return Error(place,
                 fmt::format("expected one of and, or, not, field, found {}", Excerpt(json)));
  }
  const std::string& word = json.begin().key();
  const auto& operand = *json.begin();
  const std::string there = fmt::format("{}.{}", place, word);
  if (word == "and") return ParseList(Kind::kAnd, operand, there);
  if (word == "or") return ParseList(Kind::kOr, operand, there);
  if (word != "not") return Error(there, "unknown, expected one of and, or, not, field");
  GANNET_ASSIGN_OR_RETURN(Filter child, ParseFilter(operand, there));
  return Filter{.kind = Kind::kNot, .children = {std::move(child)}};
}

Json ValueToJson(const FieldValue& value) { return Json::parse(ToString(value)); }

Json FilterToJson(const Filter& filter) {
  switch (filter.kind) {
    case Kind::kAnd:
    case Kind::kOr: {
      Json children = Json::array();
      for (const Filter& child : filter.children) children.push_back(FilterToJson(child));
      return {{filter.kind == Kind::kAnd ? "and" : "or", std::move(children)}};
    }
    case Kind::kNot:
      return {{"not", FilterToJson(filter.children.front())}};
    case Kind::kExists:
      return {{"field", filter.field}, {"exists", true}};
    case Kind::kRange: {
      Json range = {{"field", filter.field}};
      if (filter.lower)
        range[filter.lower->inclusive ? "gte" : "gt"] = ValueToJson(filter.lower->value);
      if (filter.upper)
        range[filter.upper->inclusive ? "lte" : "lt"] = ValueToJson(filter.upper->value);
      return range;
    }
    case Kind::kIn:
      break;
  }
  if (filter.values.size() == 1) {
    return {{"field", filter.field}, {"equals", ValueToJson(filter.values.front())}};
  }
  Json values = Json::array();
  for (const FieldValue& value : filter.values) values.push_back(ValueToJson(value));
  return {{"field", filter.field}, {"in", std::move(values)}};
}

// The entries of one field, in entries sorted by field.
std::span<const FieldEntry> EntriesOf(std::span<const FieldEntry> entries, std::string_view field) {
  const auto begin = std::ranges::lower_bound(entries, field, {}, &FieldEntry::field);
  const auto end = std::ranges::upper_bound(entries, field, {}, &FieldEntry::field);
  return {begin, end};
}

}  // namespace

absl::StatusOr<Filter> Filter::Parse(std::string_view json) {
  if (json.size() > kMaxFilterBytes) {
    return Error("", fmt::format("{} bytes, at most {} are read", json.size(), kMaxFilterBytes));
  }
  const absl::StatusOr<Parsed> parsed = ParseJsonObject(json, kMaxFilterDepth);
  if (!parsed.ok()) return base::Annotate(parsed.status(), "filter");
  return ParseFilter(*parsed, "");
}

std::string Filter::ToJson() const {
  return FilterToJson(*this).dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

bool Filter::Accepts(const FieldValue& value) const {
  if (kind == Kind::kIn) return std::ranges::binary_search(values, value);
  const size_t type = (lower ? lower : upper)->value.index();
  if (value.index() != type) return false;
  if (lower && (lower->inclusive ? value < lower->value : value <= lower->value)) return false;
  return !upper || (upper->inclusive ? value <= upper->value : value < upper->value);
}

bool Filter::Matches(std::span<const FieldEntry> fields) const {
  const auto matches = [&](const Filter& child) { return child.Matches(fields); };
  switch (kind) {
    case Kind::kAnd:
      return std::ranges::all_of(children, matches);
    case Kind::kOr:
      return std::ranges::any_of(children, matches);
    case Kind::kNot:
      return !children.front().Matches(fields);
    case Kind::kExists:
      return !EntriesOf(fields, field).empty();
    case Kind::kIn:
    case Kind::kRange:
      break;
  }
  return std::ranges::any_of(EntriesOf(fields, field),
                             [&](const FieldEntry& entry) { return Accepts(entry.value); });
}

}  // namespace gannet::indexer
