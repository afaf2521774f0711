#include "encoder/kernels/half.h"

#include <bit>
#include <cmath>
#include <limits>

namespace gannet::encoder::kernels {
namespace {

constexpr uint32_t kFraction = 10;  // Bits of fp16's fraction; fp32 has 23.
constexpr uint32_t kShift = 23 - kFraction;
constexpr uint32_t kExponentGap = 127 - 15;
constexpr uint16_t kInfinity = 0x7C00;

}  // namespace

uint16_t ToFp16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  const float magnitude = std::abs(value);
  if (std::isnan(value)) return static_cast<uint16_t>(sign | kInfinity | 0x200);
  // The least value that rounds away from the largest one.
  if (magnitude >= 65520.0F) return static_cast<uint16_t>(sign | kInfinity);
  if (magnitude < 0x1p-14F) {  // Subnormal: a multiple of 2^-24, by the sum's own rounding.
    const float rounded = magnitude + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(rounded) & 0x7FF));
  }
  uint32_t rest = (bits & 0x7FFFFFFF) - (kExponentGap << 23);
  rest += (1U << (kShift - 1)) - 1 + (rest >> kShift & 1);  // To even.
  return static_cast<uint16_t>(sign | rest >> kShift);
}

float FromFp16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t rest = bits & 0x7FFF;
  if (rest > kInfinity) return std::numeric_limits<float>::quiet_NaN();
  float magnitude = std::ldexp(static_cast<float>(rest), -24);  // Subnormal, or zero.
  if (rest == kInfinity) {
    magnitude = std::numeric_limits<float>::infinity();
  } else if (rest >= 1U << kFraction) {
    magnitude = std::bit_cast<float>((rest << kShift) + (kExponentGap << 23));
  }
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
}

}  // namespace gannet::encoder::kernels
