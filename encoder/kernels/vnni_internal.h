#ifndef GANNET_ENCODER_KERNELS_VNNI_INTERNAL_H_
#define GANNET_ENCODER_KERNELS_VNNI_INTERNAL_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "encoder/kernels/quantize.h"

namespace gannet::encoder::kernels {

// Integer products by the instructions that multiply four u8 with four s8 and add them to a 32-bit
// sum (VNNI), scaled back to fp32 before they leave the registers. Sums are exact: a value does not
// depend on the rows and columns beside it.
struct Vnni {
  // Weights are packed in panels of this many columns: [panel][inputs / kDepth][kPanel][kDepth],
  // zeros where there is no column or input.
  static constexpr size_t kPanel = 64;
  static constexpr size_t kDepth = 4;

  // Columns of a panel from the first on, at most kPanel; y has a row stride in values.
  // y_rc = row_r.scale scale_c (Σ_k x_rk w_kc − row_r.zero sum_c) + bias_c, as Dequantize rounds.
  // `x` is [rows, depth * kDepth], `panel` [depth, kPanel, kDepth], the spans of `columns` have
  // kPanel values.
  void (*multiply)(const uint8_t* x, std::span<const RowScale> rows, const int8_t* panel,
                   size_t depth, const ColumnScales& columns, size_t count, float* y,
                   size_t y_stride);

  // The most rows that one call of `multiply` takes.
  static constexpr size_t kMostRows = 6;
};

// Null on machines without such instructions of 512 bits.
const Vnni* NativeVnni();

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_VNNI_INTERNAL_H_
