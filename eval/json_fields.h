#ifndef GANNET_EVAL_JSON_FIELDS_H_
#define GANNET_EVAL_JSON_FIELDS_H_

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace gannet::eval {

// A field of a JSON object that has to be there and to be a string.
inline absl::StatusOr<std::string> StringField(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) {
    return absl::InvalidArgumentError(fmt::format("no field \"{}\"", name));
  }
  if (!found->is_string()) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is a {}, expected a string", name, found->type_name()));
  }
  return found->get<std::string>();
}

}  // namespace gannet::eval

#endif  // GANNET_EVAL_JSON_FIELDS_H_
