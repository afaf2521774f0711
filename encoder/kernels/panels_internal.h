#ifndef GANNET_ENCODER_KERNELS_PANELS_INTERNAL_H_
#define GANNET_ENCODER_KERNELS_PANELS_INTERNAL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "encoder/kernels/packed_linear.h"
#include "encoder/kernels/quantize.h"
#include "encoder/kernels/round_up.h"
#include "encoder/kernels/weight_memory.h"

namespace gannet::encoder::kernels {

// Columns of weights that are packed together. Instructions that multiply four u8 with four s8, two
// bfloat16 with two, or one fp32 with one, and add them to a 32-bit sum, read four bytes of each of
// its columns at a time.
inline constexpr size_t kPanelColumns = 64;
inline constexpr size_t kGroupBytes = 4;

// Weights of a linear layer as panels of columns: [panels][groups][kPanelColumns][kGroup], zeros
// where there is no column or input. kGroup inputs are multiplied in one step.
template <typename T, size_t kGroupInputs>
class Panels {
 public:
  static constexpr size_t kGroup = kGroupInputs;

  // `weight` is [outputs, inputs]. Groups are filled up to a multiple of `group_multiple`.
  Panels(std::span<const T> weight, size_t inputs, size_t outputs, size_t group_multiple)
      : outputs_(outputs),
        groups_(RoundUp((inputs + kGroup - 1) / kGroup, group_multiple)),
        values_(count() * panel_size()) {
    for (size_t o = 0; o < outputs; ++o) {
      T* column = values_.data() + o / kPanelColumns * panel_size() + o % kPanelColumns * kGroup;
      for (size_t i = 0; i < inputs; ++i) {
        column[i / kGroup * kPanelColumns * kGroup + i % kGroup] = weight[o * inputs + i];
      }
    }
  }

  size_t outputs() const { return outputs_; }
  size_t count() const { return (outputs_ + kPanelColumns - 1) / kPanelColumns; }
  size_t groups() const { return groups_; }
  size_t inputs() const { return groups_ * kGroup; }  // With those that were filled up.
  const T* panel(size_t i) const { return values_.data() + i * panel_size(); }

 private:
  size_t panel_size() const { return inputs() * kPanelColumns; }

  size_t outputs_;
  size_t groups_;
  WeightVector<T> values_;
};

using Fp32Weights = Panels<float, 1>;
using Fp32PairWeights = Panels<float, 2>;  // To be multiplied as bfloat16.
using Bf16Weights = Panels<uint16_t, 2>;
using Int8Weights = Panels<int8_t, 4>;

// Some rows of a product, and panels [first, first + count) of its columns: row r of them goes to
// y + r * stride.
struct PanelRun {
  size_t rows;
  size_t first;
  size_t count;
  float* y;
  size_t stride;
  PackedLinear::Epilogue epilogue;
};

// Calls multiply(row, rows, panel, columns, y) for blocks of at most kRows rows by each panel of a
// run, `panels_at_a_time` of them for every block before the next ones; `columns` is the number
// that the panel holds, y its place. The epilogue follows a block.
template <size_t kRows, typename Multiply>
void ForEachBlock(const PanelRun& run, size_t outputs, size_t panels_at_a_time, Multiply multiply) {
  for (size_t step = 0; step < run.count; step += panels_at_a_time) {
    const size_t panels = std::min(panels_at_a_time, run.count - step);
    const size_t first = (run.first + step) * kPanelColumns;
    const size_t width = std::min(panels * kPanelColumns, outputs - first);
    for (size_t r = 0; r < run.rows; r += kRows) {
      const size_t rows = std::min(kRows, run.rows - r);
      float* y = run.y + r * run.stride + step * kPanelColumns;
      for (size_t p = 0; p < panels; ++p) {
        const size_t begin = p * kPanelColumns;
        multiply(r, rows, run.first + step + p, std::min(kPanelColumns, width - begin), y + begin);
      }
      for (size_t i = 0; i < rows; ++i) run.epilogue({y + i * run.stride, width});
    }
  }
}

// Integer products of quantised rows, scaled back to fp32 as Dequantize rounds:
// y_rc = row_r.scale scale_c (Σ_k x_rk w_kc − row_r.zero sum_c) + bias_c. Sums are exact: a value
// does not depend on the rows and columns beside it.
struct Int8Panels {
  std::string_view name;  // Of the instructions.
  size_t group_multiple;  // Of panels.
  size_t row_multiple;    // Room for rows of x is a multiple of this many.

  // `x` is [rows, weights.inputs()] and begins on a line of the cache, `scales` is [rows]; the
  // spans of `columns` have kPanelColumns values for every panel of the weights.
  void (*multiply)(const Int8Weights& weights, const ColumnScales& columns, const uint8_t* x,
                   const RowScale* scales, const PanelRun& run);
};

// Null on machines without the instructions: VNNI of 512 bits, and tiles (AMX), which are faster.
const Int8Panels* Avx512Int8Panels();
const Int8Panels* AmxInt8Panels();

// Products of fp32, each value summed in the order of the inputs.
struct Fp32Panels {
  std::string_view name;

  // `x` is [rows, weights.inputs()]; `bias` has kPanelColumns values for every panel of the
  // weights.
  void (*multiply)(const Fp32Weights& weights, std::span<const float> bias, const float* x,
                   const PanelRun& run);
};

// Null on machines without instructions of 512 bits.
const Fp32Panels* Avx512Fp32Panels();

// Products of bfloat16, and of fp32 as the sum of three bfloat16, each the rounded rest of those
// before: they hold all bits. Of the 3 x 3 products of parts the six that matter to fp32 are made
// (Henry, Tang & Heinecke, "Leveraging the bfloat16 Artificial Intelligence Datatype For
// Higher-Precision Computations", 2019). A value is summed in the same order whatever the rows and
// columns beside it.
struct Bf16Panels {
  static constexpr size_t kFp32Parts = 3;

  std::string_view name;
  size_t group_multiple;
  size_t row_multiple;

  // Rounds x, `count` values, to as many parts as there are in `parts`.
  void (*split)(const float* x, size_t count, std::span<uint16_t* const> parts);

  // x: one part, or kFp32Parts of them, [rows, rounded up][weights.inputs()] each. They and `bias`,
  // which has kPanelColumns values for every panel of the weights, begin on lines of the cache.
  void (*multiply)(const Bf16Weights& weights, std::span<const float> bias,
                   std::span<const uint16_t* const> x, const PanelRun& run);
  // Null where products of fp32 itself are faster.
  void (*multiply_fp32)(const Fp32PairWeights& weights, std::span<const float> bias,
                        std::span<const uint16_t* const> x, const PanelRun& run);
};

// Null on machines without the instructions, of 512 bits or for tiles (AMX).
const Bf16Panels* Avx512Bf16Panels();
const Bf16Panels* AmxBf16Panels();

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_PANELS_INTERNAL_H_
