#ifndef GANNET_ENCODER_KERNELS_ROUND_UP_H_
#define GANNET_ENCODER_KERNELS_ROUND_UP_H_

#include <cstddef>

namespace gannet::encoder::kernels {

// The least multiple of `multiple` that is not below `value`.
constexpr size_t RoundUp(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_ROUND_UP_H_
