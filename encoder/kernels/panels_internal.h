#ifndef GANNET_ENCODER_KERNELS_PANELS_INTERNAL_H_
#define GANNET_ENCODER_KERNELS_PANELS_INTERNAL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "encoder/kernels/aligned_vector.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/kernels/quantize.h"
#include "encoder/kernels/round_up.h"

namespace gannet::encoder::kernels {

// Columns of weights that are packed together. Instructions that multiply four u8 with four s8, or
// two bfloat16 with two, and add them to a 32-bit sum, read four bytes of each of its columns at a
// time.
inline constexpr size_t kPanelColumns = 64;
inline constexpr size_t kGroupBytes = 4;

// Inputs of type T that are multiplied in one step.
template <typename T>
inline constexpr size_t kGroup = kGroupBytes / sizeof(T);

// Weights of a linear layer as panels of columns: [panels][groups][kPanelColumns][kGroup<T>], zeros
// where there is no column or input. Where the weights are sums of several parts, the parts of each
// kRunGroups groups follow one another:
// [panels][runs][parts][kRunGroups][kPanelColumns][kGroup<T>].
template <typename T>
class Panels {
 public:
  static constexpr size_t kRunGroups = 16;

  // `parts` are matrices [outputs, inputs]. With `whole_runs`, groups are filled up to a multiple
  // of kRunGroups, as several parts need it.
  Panels(const std::vector<std::vector<T>>& parts, size_t inputs, size_t outputs, bool whole_runs)
      : outputs_(outputs),
        groups_(RoundUp((inputs + kGroup<T> - 1) / kGroup<T>, whole_runs ? kRunGroups : 1)) {
    panel_size_ = parts.size() * groups_ * kPanelColumns * kGroup<T>;
    values_.resize(count() * panel_size_);
    for (size_t part = 0; part < parts.size(); ++part) {
      for (size_t o = 0; o < outputs; ++o) {
        T* panel = values_.data() + o / kPanelColumns * panel_size_;
        for (size_t i = 0; i < inputs; ++i) {
          const size_t group = i / kGroup<T>, run = group / kRunGroups;
          const size_t place = (run * parts.size() + part) * kRunGroups + group % kRunGroups;
          panel[(place * kPanelColumns + o % kPanelColumns) * kGroup<T> + i % kGroup<T>] =
              parts[part][o * inputs + i];
        }
      }
    }
  }

  size_t outputs() const { return outputs_; }
  size_t count() const { return (outputs_ + kPanelColumns - 1) / kPanelColumns; }
  size_t groups() const { return groups_; }              // Of one part.
  size_t inputs() const { return groups_ * kGroup<T>; }  // With those that were filled up.
  const T* panel(size_t i) const { return values_.data() + i * panel_size_; }

 private:
  size_t outputs_;
  size_t groups_;
  size_t panel_size_ = 0;
  AlignedVector<T> values_;
};

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
// run, kPanels of them for every block before the next ones; `columns` is the number that the panel
// holds, y its place. The epilogue follows a block.
template <size_t kRows, size_t kPanels, typename Multiply>
void ForEachBlock(const PanelRun& run, size_t outputs, Multiply multiply) {
  for (size_t step = 0; step < run.count; step += kPanels) {
    const size_t panels = std::min(kPanels, run.count - step);
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
  bool whole_runs;        // Whether panels must be made of whole runs.
  size_t row_multiple;    // Room for rows of x is a multiple of this many.

  // `x` is [rows, weights.inputs()] and begins on a line of the cache, `scales` is [rows]; the
  // spans of `columns` have kPanelColumns values for every panel of the weights.
  void (*multiply)(const Panels<int8_t>& weights, const ColumnScales& columns, const uint8_t* x,
                   const RowScale* scales, const PanelRun& run);
};

// Null on machines without the instructions: VNNI of 512 bits, and tiles (AMX), which are faster.
const Int8Panels* VnniPanels();
const Int8Panels* AmxInt8Panels();

// Products of bfloat16 whose inputs and weights are sums of parts, each the rounded rest of those
// before: 1 part is bfloat16 itself, 3 parts hold all bits of fp32. Of 3 x 3 products of parts the
// six that matter to fp32 are made (Henry, Tang & Heinecke, "Leveraging the bfloat16 Artificial
// Intelligence Datatype For Higher-Precision Computations", 2019). A value is summed in the same
// order whatever the rows and columns beside it.
struct Bf16Panels {
  std::string_view name;
  size_t row_multiple;

  // Rounds x, `count` values, to as many parts as there are in `parts`.
  void (*split)(const float* x, size_t count, std::span<uint16_t* const> parts);

  // `x` is [parts][rows, rounded up][weights.inputs()] and begins on a line of the cache, `bias`
  // has kPanelColumns values for every panel of the weights, which are in whole runs of 1 or 3
  // `parts`.
  void (*multiply)(const Panels<uint16_t>& weights, std::span<const float> bias,
                   std::span<const uint16_t* const> x, const PanelRun& run);
};

// Null on machines without the instructions, tiles (AMX).
const Bf16Panels* AmxBf16Panels();

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_PANELS_INTERNAL_H_
