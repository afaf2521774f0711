#ifndef GANNET_ENCODER_RUN_FINITE_H_
#define GANNET_ENCODER_RUN_FINITE_H_

#include <span>

#include "absl/status/status.h"

namespace gannet::encoder {

// kInternal when one of the values that a model computed for a text is an infinity or NaN. Weights
// are finite (see Checkpoint), but what is computed with them may overflow.
absl::Status CheckFinite(std::span<const float> values);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_RUN_FINITE_H_
