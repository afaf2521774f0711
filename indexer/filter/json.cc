#include <fmt/format.h>

#include <algorithm>

#include "base/status.h"
#include "indexer/filter/json_internal.h"

namespace gannet::indexer {
namespace {

using Json = nlohmann::json;

// How deep arrays and objects are nested in a text that may be JSON.
size_t Depth(std::string_view text) {
  size_t depth = 0, deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

absl::StatusOr<Json> ParseJsonObject(std::string_view text, size_t max_depth) {
  if (Depth(text) > max_depth) {
    return absl::InvalidArgumentError(
        fmt::format("JSON nested more than {} levels deep", max_depth));
  }
  try {
    Json json = Json::parse(text);
    if (json.is_object()) return json;
    return absl::InvalidArgumentError(
        fmt::format("expected a JSON object, found {}", Excerpt(json)));
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("not JSON: {}", error.what()));
  }
}

std::string Excerpt(const Json& value) {
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace gannet::indexer
