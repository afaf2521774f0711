#ifndef GANNET_ENCODER_KERNELS_PRECISION_H_
#define GANNET_ENCODER_KERNELS_PRECISION_H_

#include <string_view>

namespace gannet::encoder::kernels {

// How products are computed. Their inputs and outputs are fp32 in each.
enum class Precision {
  kFp32,
  kBf16,  // Inputs and weights rounded to bfloat16, sums in fp32.
  kInt8,  // Weights symmetric per output, inputs asymmetric per row, sums exact in 32 bits.
};

// "fp32", "bf16", "int8"
std::string_view PrecisionName(Precision precision);

// Whether this machine has the instructions of 512 bits of every server with AVX-512.
bool HasAvx512();

// Whether it multiplies bfloat16 natively.
bool HasBf16();

// Whether it multiplies 8-bit integers, 64 at a time, and adds them to 32-bit sums in one step.
bool HasVnni();

// Whether it multiplies tiles of bfloat16 and of 8-bit integers (AMX), and lets this process.
bool HasAmx();

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_PRECISION_H_
