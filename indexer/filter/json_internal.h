#ifndef GANNET_INDEXER_FILTER_JSON_INTERNAL_H_
#define GANNET_INDEXER_FILTER_JSON_INTERNAL_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gannet::indexer {

// The object that `text` is. kInvalidArgument when it is not JSON, not an object, or nested more
// than `max_depth` levels deep (the object itself is one), which the library's own recursion over
// values would not survive.
absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view text, size_t max_depth);

// A value as JSON, shortened, for messages.
std::string Excerpt(const nlohmann::json& value);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_FILTER_JSON_INTERNAL_H_
