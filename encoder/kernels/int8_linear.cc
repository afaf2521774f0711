#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <dnnl.hpp>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "encoder/kernels/aligned_vector.h"
#include "encoder/kernels/matrix_product_internal.h"
#include "encoder/kernels/packed_linear_internal.h"
#include "encoder/kernels/panels_internal.h"
#include "encoder/kernels/quantize.h"
#include "encoder/kernels/round_up.h"

namespace gannet::encoder::kernels {
namespace {

using Type = dnnl::memory::data_type;

// A layer's weights as int8, and what they stand for.
struct QuantizedWeights {
  std::vector<int8_t> values;  // [outputs, inputs]
  std::vector<float> scale;    // [outputs]
  std::vector<int32_t> sum;    // [outputs]: Σ over each output's values.

  static QuantizedWeights Of(const LinearLayer& w) {
    QuantizedWeights q{std::vector<int8_t>(w.weight.size()), std::vector<float>(w.outputs),
                       std::vector<int32_t>(w.outputs)};
    std::vector<float> balanced(w.inputs);
    for (size_t o = 0; o < w.outputs; ++o) {
      int8_t* row = q.values.data() + o * w.inputs;
      std::ranges::copy(w.weight.subspan(o * w.inputs, w.inputs), balanced.begin());
      for (size_t i = 0; i < w.balance.size(); ++i) balanced[i] *= w.balance[i];
      q.scale[o] = QuantizeSymmetric(balanced, row);
      for (size_t i = 0; i < w.inputs; ++i) q.sum[o] += row[i];
    }
    return q;
  }
};

// What inputs are multiplied with.
std::vector<float> Inverse(std::span<const float> balance) {
  std::vector<float> factors(balance.size());
  std::ranges::transform(balance, factors.begin(), [](float b) { return 1 / b; });
  return factors;
}

// A tile of rows as integers, [rows, stride]; what is beyond a row's inputs is of no account.
struct QuantizedRows {
  const uint8_t* values;
  std::array<RowScale, PackedLinear::kMaxRows> scales;

  // With room for `room` rows. Valid until the thread's next call.
  static QuantizedRows Of(const float* x, size_t rows, size_t inputs,
                          std::span<const float> factors, size_t room, size_t stride, int levels) {
    thread_local AlignedVector<uint8_t> kept;
    QuantizedRows quantized{Room(kept, room * stride), {}};
    for (size_t r = 0; r < rows; ++r) {
      quantized.scales[r] =
          QuantizeRow({x + r * inputs, inputs}, factors, levels, kept.data() + r * stride);
    }
    return quantized;
  }
};

// Products by our own kernels, which scale back what is still in a register or the first cache.
class PanelInt8Kernel final : public PackedLinear::Kernel {
 public:
  PanelInt8Kernel(const LinearLayer& w, const Int8Panels& kernel)
      : PanelInt8Kernel(w, kernel, QuantizedWeights::Of(w)) {}

  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    ApplyParts(x, rows, 0, panels_.count(), y, epilogue);
  }
  size_t parts() const override { return outputs % kPanelColumns == 0 ? panels_.count() : 1; }
  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  PackedLinear::Epilogue epilogue) override {
    const size_t room = RoundUp(rows, kernel_.row_multiple);
    const QuantizedRows quantized =
        QuantizedRows::Of(x, rows, inputs, factors_, room, panels_.inputs(), /*levels=*/256);
    kernel_.multiply(panels_, {scale_, sum_, bias_}, quantized.values, quantized.scales.data(),
                     {rows, first, count, y, outputs, epilogue});
  }

 private:
  PanelInt8Kernel(const LinearLayer& w, const Int8Panels& kernel, QuantizedWeights q)
      : Kernel(w.inputs, w.outputs),
        kernel_(kernel),
        panels_(q.values, w.inputs, w.outputs, kernel.group_multiple),
        scale_(std::move(q.scale)),
        sum_(std::move(q.sum)),
        bias_(w.bias.begin(), w.bias.end()),
        factors_(Inverse(w.balance)) {
    const size_t columns = panels_.count() * kPanelColumns;
    scale_.resize(columns);
    sum_.resize(columns);
    bias_.resize(columns);
    path = fmt::format("int8 (256 levels) by {}", kernel.name);
  }

  const Int8Panels& kernel_;
  const Int8Weights panels_;
  std::vector<float> scale_;  // Of each column of the panels, as the next two.
  std::vector<int32_t> sum_;
  std::vector<float> bias_;
  std::vector<float> factors_;  // Of each input, or empty.
};

// Products by oneDNN, on machines without VNNI of 512 bits.
class Int8Kernel final : public PackedLinear::Kernel {
 public:
  explicit Int8Kernel(const LinearLayer& w) : Int8Kernel(w, QuantizedWeights::Of(w)) {}

  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    const QuantizedRows quantized = Quantized(x, rows);
    if (parts() == 1) {
      int32_t* sums = Sums(rows * outputs);
      product_.Multiply(quantized.values, rows, sums);
      return Dequantize(quantized, sums, rows, 0, outputs, y, epilogue);
    }
    MultiplyParts(quantized, rows, 0, parts(), y, epilogue);
  }
  size_t parts() const override { return product_.column_blocks(); }
  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  PackedLinear::Epilogue epilogue) override {
    MultiplyParts(Quantized(x, rows), rows, first, count, y, epilogue);
  }

 private:
  Int8Kernel(const LinearLayer& w, QuantizedWeights q)
      : Kernel(w.inputs, w.outputs),
        product_({Type::u8, Type::s8, Type::s32}, q.values.data(), {}, w.inputs, w.outputs),
        scale_(std::move(q.scale)),
        sum_(std::move(q.sum)),
        bias_(w.bias.begin(), w.bias.end()),
        factors_(Inverse(w.balance)) {
    // Without VNNI, pairs of u8 x s8 products are added in 16 bits, which holds 2 x 127 x 127.
    levels_ = product_.kernel().find("vnni") != std::string_view::npos ? 256 : 128;
    path = fmt::format("int8 ({} levels) by {}", levels_, product_.kernel());
  }

  QuantizedRows Quantized(const float* x, size_t rows) const {
    return QuantizedRows::Of(x, rows, inputs, factors_, /*room=*/rows, /*stride=*/inputs, levels_);
  }

  // A few parts at a time: their sums are still in a near cache when they are read.
  void MultiplyParts(const QuantizedRows& quantized, size_t rows, size_t first, size_t count,
                     float* y, PackedLinear::Epilogue epilogue) {
    constexpr size_t kStep = 6;
    for (size_t part = first; part < first + count; part += kStep) {
      const size_t step = std::min(kStep, first + count - part);
      const size_t width = step * MatrixProduct::kColumnBlock;
      int32_t* sums = Sums(rows * width);
      product_.MultiplyBlocks(quantized.values, rows, part, step, sums);
      Dequantize(quantized, sums, rows, part * MatrixProduct::kColumnBlock, width,
                 y + (part - first) * MatrixProduct::kColumnBlock, epilogue);
    }
  }

  static int32_t* Sums(size_t count) {
    thread_local std::vector<int32_t> kept;
    return Room(kept, count);
  }

  // Outputs [first, first + width) of each row; `y` points at the first of them.
  void Dequantize(const QuantizedRows& quantized, const int32_t* sums, size_t rows, size_t first,
                  size_t width, float* y, PackedLinear::Epilogue epilogue) const {
    const ColumnScales columns{std::span(scale_).subspan(first, width),
                               std::span(sum_).subspan(first, width),
                               std::span(bias_).subspan(first, width)};
    // A few rows at a time: they are still in the first cache for the epilogue.
    constexpr size_t kStep = 4;
    for (size_t r = 0; r < rows; r += kStep) {
      const size_t count = std::min(kStep, rows - r);
      kernels::Dequantize(sums + r * width, width, std::span(quantized.scales).subspan(r, count),
                          columns, y + r * outputs, outputs);
      for (size_t i = r; i < r + count; ++i) epilogue({y + i * outputs, width});
    }
  }

  MatrixProduct product_;
  std::vector<float> scale_;
  std::vector<int32_t> sum_;
  std::vector<float> bias_;
  std::vector<float> factors_;  // Of each input, or empty.
  int levels_ = 0;
};

}  // namespace

std::unique_ptr<PackedLinear::Kernel> MakeInt8Kernel(const LinearLayer& layer) {
  for (const Int8Panels* kernel : {AmxInt8Panels(), Avx512Int8Panels()}) {
    if (kernel != nullptr) return std::make_unique<PanelInt8Kernel>(layer, *kernel);
  }
  return std::make_unique<Int8Kernel>(layer);
}

}  // namespace gannet::encoder::kernels
