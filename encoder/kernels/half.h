#ifndef GANNET_ENCODER_KERNELS_HALF_H_
#define GANNET_ENCODER_KERNELS_HALF_H_

#include <cstdint>

namespace gannet::encoder::kernels {

// The nearest fp16 (IEEE 754 binary16) of a value, ties to even, as its bits; beyond 65,504 it is
// an infinity. NaN stays NaN.
uint16_t ToFp16(float value);

// Back to fp32, exactly.
float FromFp16(uint16_t bits);

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_HALF_H_
