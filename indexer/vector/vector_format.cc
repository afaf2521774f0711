#include "indexer/vector/vector_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gannet::indexer {
namespace {

constexpr std::array<std::string_view, 3> kFormatNames = {"fp32", "fp16", "int8"};

}  // namespace

std::string_view VectorFormatName(VectorFormat format) {
  return kFormatNames[static_cast<size_t>(format)];
}

absl::StatusOr<VectorFormat> ParseVectorFormat(std::string_view name) {
  const auto* found = std::find(kFormatNames.begin(), kFormatNames.end(), name);
  if (found == kFormatNames.end()) {
    return absl::InvalidArgumentError(
        fmt::format("vector format \"{}\": expected fp32, fp16 or int8", name));
  }
  return static_cast<VectorFormat>(found - kFormatNames.begin());
}

}  // namespace gannet::indexer
