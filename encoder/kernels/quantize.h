#ifndef GANNET_ENCODER_KERNELS_QUANTIZE_H_
#define GANNET_ENCODER_KERNELS_QUANTIZE_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace gannet::encoder::kernels {

// fp32 to fewer bits and back, with the best instructions of the machine (Highway). Results are the
// same bytes on every instruction set.

// The nearest bfloat16 of each value, ties to even, as its upper 16 bits. NaN as arithmetic makes
// it stays NaN.
void RoundToBf16(std::span<const float> x, uint16_t* out);

// Back to fp32.
float FromBf16(uint16_t bits);

// How a row of 8-bit integers stands for numbers: x ≈ scale (q − zero).
struct RowScale {
  float scale = 1;
  int32_t zero = 0;
};

// Asymmetric quantisation of one row to 0 ... `levels` − 1 (256, or 128 for machines whose products
// would overflow): the range of the row, widened to hold 0, is divided evenly. A row whose values
// or range are not finite gets the scale NaN, so that all it stands for is NaN.
// With `factors`, one for each value, x times its factor is quantised; empty for none.
RowScale QuantizeRow(std::span<const float> x, std::span<const float> factors, int levels,
                     uint8_t* out);

// Symmetric quantisation of one output channel's weights to −127 ... 127; returns its scale.
float QuantizeSymmetric(std::span<const float> x, int8_t* out);

// What the columns of an integer product stand for.
struct ColumnScales {
  std::span<const float> scale;
  std::span<const int32_t> sum;  // Σ over the column's quantised weights.
  std::span<const float> bias;

  ColumnScales subspan(size_t first, size_t count) const {
    return {scale.subspan(first, count), sum.subspan(first, count), bias.subspan(first, count)};
  }
};

// y_rc = row_r.scale scale_c (sums_rc − row_r.zero sum_c) + bias_c: what the integer product of
// quantised rows with quantised columns stands for. Row r starts at sums + r * sums_stride, and
// at y + r * stride.
void Dequantize(const int32_t* sums, size_t sums_stride, std::span<const RowScale> rows,
                const ColumnScales& columns, float* y, size_t stride);

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_QUANTIZE_H_
