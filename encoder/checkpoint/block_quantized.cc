#include "encoder/checkpoint/block_quantized.h"

#include <cstdint>
#include <cstring>

namespace gannet::encoder {
namespace {

float ReadF16(const uint8_t* bytes) {
  uint16_t bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return FloatFromF16(bits);
}

float Signed(uint8_t bits) { return static_cast<float>(static_cast<int8_t>(bits)); }
float Low(uint8_t bits) { return static_cast<float>(bits & 0x0F); }
float High(uint8_t bits) { return static_cast<float>(bits >> 4); }

// d, 16 bytes: number i in the lower half of byte i, number i + 16 in the upper.
void ReadQ4Block(const uint8_t* block, float* out) {
  const float d = ReadF16(block);
  for (size_t i = 0; i < 16; ++i) {
    out[i] = (Low(block[2 + i]) - 8) * d;
    out[i + 16] = (High(block[2 + i]) - 8) * d;
  }
}

// d, 32 bytes.
void ReadQ8Block(const uint8_t* block, float* out) {
  const float d = ReadF16(block);
  for (size_t i = 0; i < 32; ++i) out[i] = Signed(block[2 + i]) * d;
}

struct GroupScale {
  float scale;
  float minimum;
};

// Eight pairs of 6-bit numbers in 12 bytes: the first four lie in the lower bits of bytes 0 ... 3
// and 4 ... 7; the others have four bits in bytes 8 ... 11 and two above the first ones.
GroupScale ReadGroupScale(const uint8_t* packed, size_t group) {
  if (group < 4) {
    return {static_cast<float>(packed[group] & 63), static_cast<float>(packed[group + 4] & 63)};
  }
  const int scale = (packed[group + 4] & 0x0F) | ((packed[group - 4] >> 6) << 4);
  const int minimum = (packed[group + 4] >> 4) | ((packed[group] >> 6) << 4);
  return {static_cast<float>(scale), static_cast<float>(minimum)};
}

// d, m, 12 bytes of scales, 128 bytes: 32 of them hold two groups, one in each half.
void ReadQ4KBlock(const uint8_t* block, float* out) {
  const float d = ReadF16(block), m = ReadF16(block + 2);
  const uint8_t* packed = block + 4;
  for (size_t group = 0; group < 8; ++group) {
    const GroupScale g = ReadGroupScale(packed, group);
    const float scale = d * g.scale, minimum = m * g.minimum;
    const uint8_t* q = block + 16 + group / 2 * 32;
    for (size_t i = 0; i < 32; ++i) {
      out[group * 32 + i] = scale * (group % 2 == 0 ? Low(q[i]) : High(q[i])) - minimum;
    }
  }
}

// 128 bytes of lower halves, 64 of upper quarters, 16 scales, d. Of each half of the block, 64
// bytes hold the lower bits of numbers i and i + 64, 32 bytes the upper bits of i, i + 32, i + 64,
// i + 96.
void ReadQ6KBlock(const uint8_t* block, float* out) {
  const float d = ReadF16(block + 208);
  for (size_t i = 0; i < 256; ++i) {
    const size_t half = i / 128, quarter = i % 128 / 32, place = i % 32;
    const uint8_t low = block[half * 64 + quarter % 2 * 32 + place];
    const uint8_t high = block[128 + half * 32 + place];
    const int bits = (quarter < 2 ? low & 0x0F : low >> 4) | ((high >> (2 * quarter)) & 3) << 4;
    out[i] = d * Signed(block[192 + i / 16]) * static_cast<float>(bits - 32);
  }
}

using BlockReader = void (*)(const uint8_t* block, float* out);

BlockReader ReaderOf(DType dtype) {
  switch (dtype) {
    case DType::kQ4_0:
      return ReadQ4Block;
    case DType::kQ8_0:
      return ReadQ8Block;
    case DType::kQ4K:
      return ReadQ4KBlock;
    default:
      return ReadQ6KBlock;
  }
}

}  // namespace

std::vector<float> Dequantize(const TensorView& tensor) {
  const BlockReader read = ReaderOf(tensor.dtype);
  const size_t block = DTypeBlock(tensor.dtype), bytes = DTypeBlockBytes(tensor.dtype);
  std::vector<float> values(tensor.elements());
  const auto* data = reinterpret_cast<const uint8_t*>(tensor.bytes.data());
  for (size_t b = 0; b * block < values.size(); ++b) read(data + b * bytes, &values[b * block]);
  return values;
}

}  // namespace gannet::encoder
