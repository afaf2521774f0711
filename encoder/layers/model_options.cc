#include "encoder/layers/model_options.h"

#include <fmt/format.h>

namespace gannet::encoder {

absl::StatusOr<Precision> ParsePrecision(std::string_view name) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kInt8}) {
    if (name == PrecisionName(precision)) return precision;
  }
  if (name == "auto") return kernels::HasBf16() ? Precision::kBf16 : Precision::kFp32;
  return absl::InvalidArgumentError(
      fmt::format("precision \"{}\": expected fp32, bf16, int8 or auto", name));
}

std::string_view TruncationName(Truncation truncation) {
  switch (truncation) {
    case Truncation::kPlain:
      return "plain";
    case Truncation::kNormalize:
      return "unit";
    case Truncation::kLayerNormAndNormalize:
      return "layer-norm";
  }
  return "";
}

absl::StatusOr<Truncation> ParseTruncation(std::string_view name) {
  for (const Truncation truncation :
       {Truncation::kPlain, Truncation::kNormalize, Truncation::kLayerNormAndNormalize}) {
    if (name == TruncationName(truncation)) return truncation;
  }
  return absl::InvalidArgumentError(
      fmt::format("truncation \"{}\": expected plain, unit or layer-norm", name));
}

}  // namespace gannet::encoder
