#include "encoder/checkpoint/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <bit>
#include <cassert>
#include <cstring>

#include "encoder/checkpoint/block_quantized.h"

namespace gannet::encoder {
namespace {

struct DTypeInfo {
  DType dtype;
  std::string_view name;
  size_t bytes;  // Of a block.
  size_t block = 1;
};

constexpr std::array<DTypeInfo, 17> kDTypes = {{{DType::kBool, "BOOL", 1},
                                                {DType::kU8, "U8", 1},
                                                {DType::kI8, "I8", 1},
                                                {DType::kI16, "I16", 2},
                                                {DType::kU16, "U16", 2},
                                                {DType::kF16, "F16", 2},
                                                {DType::kBF16, "BF16", 2},
                                                {DType::kI32, "I32", 4},
                                                {DType::kU32, "U32", 4},
                                                {DType::kF32, "F32", 4},
                                                {DType::kF64, "F64", 8},
                                                {DType::kI64, "I64", 8},
                                                {DType::kU64, "U64", 8},
                                                {DType::kQ4_0, "Q4_0", 18, 32},
                                                {DType::kQ8_0, "Q8_0", 34, 32},
                                                {DType::kQ4K, "Q4_K", 144, 256},
                                                {DType::kQ6K, "Q6_K", 210, 256}}};

const DTypeInfo& Info(DType dtype) { return kDTypes[static_cast<size_t>(dtype)]; }

float FloatFromBF16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

template <typename Raw, typename Convert>
std::vector<float> ConvertElements(const TensorView& tensor, Convert convert) {
  std::vector<float> values(tensor.elements());
  for (size_t i = 0; i < values.size(); ++i) {
    Raw raw;
    std::memcpy(&raw, tensor.bytes.data() + i * sizeof(Raw), sizeof(Raw));
    values[i] = convert(raw);
  }
  return values;
}

}  // namespace

float FloatFromF16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1Fu;
  const uint32_t mantissa = bits & 0x3FFu;
  if (exponent == 0) {  // Zero or subnormal: mantissa * 2^-24 is exact in fp32.
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000u | (mantissa << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

static_assert(std::endian::native == std::endian::little, "weights are read as little-endian");

std::optional<DType> ParseDType(std::string_view name) {
  for (const DTypeInfo& info : kDTypes) {
    if (info.name == name && info.block == 1) return info.dtype;
  }
  return std::nullopt;
}

std::string_view DTypeName(DType dtype) { return Info(dtype).name; }
size_t DTypeBlock(DType dtype) { return Info(dtype).block; }
size_t DTypeBlockBytes(DType dtype) { return Info(dtype).bytes; }

std::string ShapeName(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

size_t TensorView::elements() const {
  return bytes.size() / DTypeBlockBytes(dtype) * DTypeBlock(dtype);
}

bool IsFloating(DType dtype) {
  return dtype == DType::kF16 || dtype == DType::kBF16 || dtype == DType::kF32 ||
         dtype == DType::kF64 || DTypeBlock(dtype) > 1;
}

std::vector<float> ToFloats(const TensorView& tensor) {
  if (tensor.bytes.empty()) return {};
  switch (tensor.dtype) {
    case DType::kF32: {
      std::vector<float> values(tensor.elements());
      std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
      return values;
    }
    case DType::kF64:
      return ConvertElements<double>(tensor, [](double v) { return static_cast<float>(v); });
    case DType::kF16:
      return ConvertElements<uint16_t>(tensor, FloatFromF16);
    case DType::kBF16:
      return ConvertElements<uint16_t>(tensor, FloatFromBF16);
    case DType::kQ4_0:
    case DType::kQ8_0:
    case DType::kQ4K:
    case DType::kQ6K:
      return Dequantize(tensor);
    default:
      assert(false && "callers check IsFloating first");
      return {};
  }
}

}  // namespace gannet::encoder
