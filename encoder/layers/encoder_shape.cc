#include "encoder/layers/encoder_shape.h"

#include <fmt/format.h>

#include <string>

#include "base/status.h"
#include "encoder/kernels/attention.h"
#include "encoder/layers/activation.h"

namespace gannet::encoder {

absl::StatusOr<EncoderShape> EncoderShape::Read(const ConfigFile& file,
                                                const EncoderFields& fields) {
  EncoderShape shape;
  GANNET_ASSIGN_OR_RETURN(shape.hidden, file.Size(fields.hidden));
  GANNET_ASSIGN_OR_RETURN(shape.layers, file.Size(fields.layers));
  GANNET_ASSIGN_OR_RETURN(shape.heads, file.Size(fields.heads));
  GANNET_ASSIGN_OR_RETURN(shape.intermediate, file.Size(fields.intermediate));
  GANNET_ASSIGN_OR_RETURN(shape.activation,
                          ReadActivation(file, fields.activation, fields.absent_activation));
  GANNET_ASSIGN_OR_RETURN(shape.norm_epsilon,
                          file.NumberOr(fields.norm_epsilon, fields.absent_norm_epsilon));
  if (shape.hidden % shape.heads != 0 || shape.head_dim() > kernels::kMaxHeadDim) {
    return file.Error(fields.heads,
                      fmt::format("{} heads do not divide {} {} into parts of at most {}",
                                  shape.heads, fields.hidden, shape.hidden, kernels::kMaxHeadDim));
  }
  return shape;
}

absl::Status ExpectFlag(const ConfigFile& file, std::string_view field, bool expected) {
  GANNET_ASSIGN_OR_RETURN(const bool value, file.BoolOr(field, expected));
  if (value == expected) return absl::OkStatus();
  return file.Error(field, fmt::format("{} is not supported, expected {}", value, expected));
}

absl::Status ExpectName(const ConfigFile& file, std::string_view field, std::string_view expected) {
  GANNET_ASSIGN_OR_RETURN(const std::string value, file.StringOr(field, std::string(expected)));
  if (value == expected) return absl::OkStatus();
  return file.Error(field, fmt::format("\"{}\" is not supported, expected {}", value, expected));
}

}  // namespace gannet::encoder
