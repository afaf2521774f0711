#ifndef GANNET_ENCODER_CHECKPOINT_TENSOR_H_
#define GANNET_ENCODER_CHECKPOINT_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gannet::encoder {

// Element types, by the names that safetensors gives them, and those of GGUF that store neighbours
// of a row together in blocks (see block_quantized.h).
enum class DType {
  kBool,
  kU8,
  kI8,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kF64,
  kI64,
  kU64,
  kQ4_0,
  kQ8_0,
  kQ4K,
  kQ6K
};

// The type that safetensors calls `name`.
std::optional<DType> ParseDType(std::string_view name);
std::string_view DTypeName(DType dtype);

// How many elements lie together, and in how many bytes: 1 but for block types.
size_t DTypeBlock(DType dtype);
size_t DTypeBlockBytes(DType dtype);

using Shape = std::vector<size_t>;

// "[384, 1536]"
std::string ShapeName(const Shape& shape);

// A tensor in a mapped file: row-major, little-endian, not necessarily aligned. Valid as long as
// the file is mapped.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  std::string_view bytes;

  size_t elements() const;
};

// The elements as fp32. Requires a dtype that stands for real numbers (see IsFloating).
std::vector<float> ToFloats(const TensorView& tensor);
bool IsFloating(DType dtype);

// IEEE 754 binary16.
float FloatFromF16(uint16_t bits);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_TENSOR_H_
