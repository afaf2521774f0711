#include "encoder/run/finite.h"

#include "encoder/kernels/row_ops.h"

namespace gannet::encoder {

absl::Status CheckFinite(std::span<const float> values) {
  if (kernels::AllFinite(values)) return absl::OkStatus();
  return absl::InternalError("the model's output is not finite (infinite or NaN activations)");
}

}  // namespace gannet::encoder
