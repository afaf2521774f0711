#ifndef GANNET_ENCODER_LAYERS_NORM_H_
#define GANNET_ENCODER_LAYERS_NORM_H_

#include <cstddef>
#include <variant>

#include "encoder/layers/linear.h"

namespace gannet::encoder {

// The normalisation that a family has chosen.
using Norm = std::variant<LayerNorm, RmsNorm>;

// out = norm(x) for each of `rows` rows; `out` may be `x`.
inline void Apply(const Norm& norm, const float* x, size_t rows, float* out) {
  if (const auto* layer_norm = std::get_if<LayerNorm>(&norm)) {
    layer_norm->Apply(x, nullptr, rows, out);
  } else {
    std::get_if<RmsNorm>(&norm)->Apply(x, rows, out);
  }
}

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_NORM_H_
