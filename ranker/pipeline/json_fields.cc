#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>

#include "ranker/pipeline/json_fields_internal.h"

namespace gannet::ranker {
namespace {

using Json = nlohmann::json;

// A value as JSON, shortened, for messages. The library's own recursion would not survive lists
// that are nested without end.
std::string Excerpt(const Json& value) {
  if (value.is_structured()) return value.is_array() ? "a list" : "an object";
  constexpr size_t kMost = 60;
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  if (text.size() > kMost) text = text.substr(0, kMost - 3) + "...";
  return text;
}

}  // namespace

JsonFields::JsonFields(const Json& json, std::string place)
    : json_(&json), place_(std::move(place)) {
  if (json.is_object()) return;
  status_ = absl::InvalidArgumentError(
      fmt::format("{}: expected an object, found {}", place_, Excerpt(json)));
}

std::string JsonFields::Unexpected(std::string_view expected, std::string_view found) {
  return fmt::format("expected {}, found {}", expected, Excerpt(Json(found)));
}

const Json* JsonFields::Find(const char* name) {
  known_.insert(name);
  if (!ok()) return nullptr;
  const auto found = json_->find(name);
  return found == json_->end() ? nullptr : &*found;
}

void JsonFields::Fail(const char* name, std::string_view problem) {
  if (ok()) status_ = absl::InvalidArgumentError(fmt::format("{}.{}: {}", place_, name, problem));
}

void JsonFields::Text(const char* name, std::string& target) {
  const Json* const found = Find(name);
  if (found == nullptr) return;
  if (!found->is_string()) {
    return Fail(name, fmt::format("expected a string, found {}", Excerpt(*found)));
  }
  target = found->get<std::string>();
}

void JsonFields::Number(const char* name, float& target) {
  const Json* const found = Find(name);
  if (found == nullptr) return;
  const auto value = found->is_number() ? found->get<float>() : NAN;
  if (!std::isfinite(value)) {
    return Fail(name, fmt::format("expected a number, found {}", Excerpt(*found)));
  }
  target = value;
}

void JsonFields::ReadCount(const char* name, uint64_t most, uint64_t& target) {
  const Json* const found = Find(name);
  if (found == nullptr) return;
  if (!found->is_number_unsigned() || found->get<uint64_t>() > most) {
    return Fail(
        name, fmt::format("expected a whole number from 0 to {}, found {}", most, Excerpt(*found)));
  }
  target = found->get<uint64_t>();
}

void JsonFields::Count(const char* name, size_t& target) {
  uint64_t value = target;
  ReadCount(name, std::numeric_limits<size_t>::max(), value);
  target = value;
}

void JsonFields::Count(const char* name, uint32_t& target) {
  uint64_t value = target;
  ReadCount(name, std::numeric_limits<uint32_t>::max(), value);
  target = static_cast<uint32_t>(value);
}

void JsonFields::ReadObject(const Json& json, std::string place,
                            absl::FunctionRef<void(JsonFields&)> read) {
  JsonFields fields(json, std::move(place));
  if (fields.ok()) read(fields);
  if (ok()) status_ = fields.Finish();
}

void JsonFields::Object(const char* name, absl::FunctionRef<void(JsonFields&)> read) {
  if (const Json* const found = Find(name)) {
    ReadObject(*found, fmt::format("{}.{}", place_, name), read);
  }
}

void JsonFields::Objects(const char* name, absl::FunctionRef<void(JsonFields&)> read) {
  const Json* const found = Find(name);
  if (found == nullptr) return;
  if (!found->is_array()) {
    return Fail(name, fmt::format("expected a list, found {}", Excerpt(*found)));
  }
  for (size_t i = 0; i < found->size() && ok(); ++i) {
    ReadObject((*found)[i], fmt::format("{}.{}[{}]", place_, name, i), read);
  }
}

absl::Status JsonFields::Finish() const {
  if (!ok()) return status_;
  for (const auto& [name, value] : json_->items()) {
    if (known_.contains(name)) continue;
    return absl::InvalidArgumentError(
        fmt::format("{}.{}: unknown, expected one of {}", place_, name, fmt::join(known_, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace gannet::ranker
