#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <dnnl.hpp>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "encoder/kernels/matrix_product_internal.h"
#include "encoder/kernels/packed_linear_internal.h"
#include "encoder/kernels/quantize.h"
#include "encoder/kernels/vnni_internal.h"

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
    for (size_t o = 0; o < w.outputs; ++o) {
      int8_t* row = q.values.data() + o * w.inputs;
      q.scale[o] = QuantizeSymmetric(w.weight.subspan(o * w.inputs, w.inputs), row);
      for (size_t i = 0; i < w.inputs; ++i) q.sum[o] += row[i];
    }
    return q;
  }
};

// A tile of rows as integers.
struct QuantizedRows {
  const uint8_t* values;  // [rows, stride]; what is beyond a row's inputs is of no account.
  size_t stride;
  std::array<RowScale, PackedLinear::kMaxRows> scales;

  // Valid until the thread's next call.
  static QuantizedRows Of(const float* x, size_t rows, size_t inputs, size_t stride, int levels) {
    thread_local std::vector<uint8_t> kept;
    QuantizedRows quantized{Room(kept, rows * stride), stride, {}};
    for (size_t r = 0; r < rows; ++r) {
      quantized.scales[r] = QuantizeRow({x + r * inputs, inputs}, levels, kept.data() + r * stride);
    }
    return quantized;
  }
};

// Products by our own kernel: they are scaled back before they leave the registers.
class VnniKernel final : public PackedLinear::Kernel {
 public:
  VnniKernel(const LinearLayer& w, const Vnni& vnni)
      : Kernel(w.inputs, w.outputs),
        vnni_(vnni),
        depth_((w.inputs + Vnni::kDepth - 1) / Vnni::kDepth),
        panels_((w.outputs + Vnni::kPanel - 1) / Vnni::kPanel) {
    QuantizedWeights q = QuantizedWeights::Of(w);
    weights_.resize(panels_ * PanelBytes());
    for (size_t o = 0; o < outputs; ++o) {
      int8_t* column = &weights_[o / Vnni::kPanel * PanelBytes() + o % Vnni::kPanel * Vnni::kDepth];
      for (size_t i = 0; i < inputs; ++i) {
        column[i / Vnni::kDepth * Vnni::kPanel * Vnni::kDepth + i % Vnni::kDepth] =
            q.values[o * inputs + i];
      }
    }
    scale_ = std::move(q.scale);
    sum_ = std::move(q.sum);
    bias_.assign(w.bias.begin(), w.bias.end());
    for (size_t o = outputs; o < panels_ * Vnni::kPanel; ++o) {
      scale_.push_back(0);
      sum_.push_back(0);
      bias_.push_back(0);
    }
    path = "int8 (256 levels) by avx512_vnni";
  }

  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    MultiplyPanels(x, rows, 0, panels_, y, epilogue);
  }
  size_t parts() const override { return outputs % Vnni::kPanel == 0 ? panels_ : 1; }
  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  PackedLinear::Epilogue epilogue) override {
    MultiplyPanels(x, rows, first, count, y, epilogue);
  }

 private:
  size_t PanelBytes() const { return depth_ * Vnni::kPanel * Vnni::kDepth; }

  // `y` points at the first output of the panels.
  void MultiplyPanels(const float* x, size_t rows, size_t first, size_t count, float* y,
                      PackedLinear::Epilogue epilogue) const {
    const QuantizedRows quantized =
        QuantizedRows::Of(x, rows, inputs, depth_ * Vnni::kDepth, /*levels=*/256);
    // A few panels at a time: together their weights fit the second cache, and the epilogue gets
    // stretches that are worth a call while they are in the first.
    constexpr size_t kStep = 4;
    for (size_t panel = first; panel < first + count; panel += kStep) {
      const size_t step = std::min(kStep, first + count - panel);
      float* part = y + (panel - first) * Vnni::kPanel;
      const size_t width = std::min(step * Vnni::kPanel, outputs - panel * Vnni::kPanel);
      for (size_t r = 0; r < rows; r += Vnni::kMostRows) {
        const size_t end = std::min(rows, r + Vnni::kMostRows);
        for (size_t p = 0; p < step; ++p) {
          MultiplyPanel(quantized, r, end, panel + p, part + r * outputs + p * Vnni::kPanel);
        }
        for (size_t i = r; i < end; ++i) epilogue({part + i * outputs, width});
      }
    }
  }

  // Rows [begin, end) by one panel; `y` points at the first output.
  void MultiplyPanel(const QuantizedRows& quantized, size_t begin, size_t end, size_t panel,
                     float* y) const {
    const size_t column = panel * Vnni::kPanel;
    const ColumnScales columns{std::span(scale_).subspan(column, Vnni::kPanel),
                               std::span(sum_).subspan(column, Vnni::kPanel),
                               std::span(bias_).subspan(column, Vnni::kPanel)};
    vnni_.multiply(quantized.values + begin * quantized.stride,
                   std::span(quantized.scales).subspan(begin, end - begin),
                   weights_.data() + panel * PanelBytes(), depth_, columns,
                   std::min(Vnni::kPanel, outputs - column), y, outputs);
  }

  const Vnni& vnni_;
  const size_t depth_;   // Of the packed weights: inputs / kDepth, rounded up.
  const size_t panels_;  // outputs / kPanel, rounded up.
  std::vector<int8_t> weights_;
  std::vector<float> scale_;  // Of each column of the panels, as the next two.
  std::vector<int32_t> sum_;
  std::vector<float> bias_;
};

// Products by oneDNN, on machines without VNNI of 512 bits.
class Int8Kernel final : public PackedLinear::Kernel {
 public:
  explicit Int8Kernel(const LinearLayer& w) : Int8Kernel(w, QuantizedWeights::Of(w)) {}

  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    const QuantizedRows quantized = QuantizedRows::Of(x, rows, inputs, inputs, levels_);
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
    MultiplyParts(QuantizedRows::Of(x, rows, inputs, inputs, levels_), rows, first, count, y,
                  epilogue);
  }

 private:
  Int8Kernel(const LinearLayer& w, QuantizedWeights q)
      : Kernel(w.inputs, w.outputs),
        product_({Type::u8, Type::s8, Type::s32}, q.values.data(), {}, w.inputs, w.outputs),
        scale_(std::move(q.scale)),
        sum_(std::move(q.sum)),
        bias_(w.bias.begin(), w.bias.end()) {
    // Without VNNI, pairs of u8 x s8 products are added in 16 bits, which holds 2 x 127 x 127.
    levels_ = product_.kernel().find("vnni") != std::string_view::npos ? 256 : 128;
    path = fmt::format("int8 ({} levels) by {}", levels_, product_.kernel());
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
      kernels::Dequantize(sums + r * width, std::span(quantized.scales).subspan(r, count), columns,
                          y + r * outputs, outputs);
      for (size_t i = r; i < r + count; ++i) epilogue({y + i * outputs, width});
    }
  }

  MatrixProduct product_;
  std::vector<float> scale_;
  std::vector<int32_t> sum_;
  std::vector<float> bias_;
  int levels_ = 0;
};

}  // namespace

std::unique_ptr<PackedLinear::Kernel> MakeInt8Kernel(const LinearLayer& layer) {
  if (const Vnni* vnni = NativeVnni()) return std::make_unique<VnniKernel>(layer, *vnni);
  return std::make_unique<Int8Kernel>(layer);
}

}  // namespace gannet::encoder::kernels
