#include "encoder/kernels/packed_linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <utility>
#include <vector>

#include "encoder/kernels/matrix_product_internal.h"
#include "encoder/kernels/quantize.h"

namespace gannet::encoder::kernels {

class PackedLinear::Kernel {
 public:
  Kernel(size_t inputs_in, size_t outputs_in) : inputs(inputs_in), outputs(outputs_in) {}
  virtual ~Kernel() = default;
  virtual void Apply(const float* x, size_t rows, float* y, Epilogue epilogue) = 0;
  virtual size_t parts() const = 0;
  // `y` points at the first output of the parts.
  virtual void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                          Epilogue epilogue) = 0;

  const size_t inputs;
  const size_t outputs;
  std::string path;
};

namespace {

using dnnl::memory;
using Type = memory::data_type;

// What a layer is packed from.
struct Weights {
  std::span<const float> weight;  // [outputs, inputs]
  std::span<const float> bias;    // [outputs]
  size_t inputs;
  size_t outputs;
};

// Room for `count` values that is kept from call to call. It never shrinks: growing fills with
// zeros, which is not free.
template <typename T>
T* Room(std::vector<T>& kept, size_t count) {
  if (kept.size() < count) kept.resize(count);
  return kept.data();
}

// Blocks of the columns of an fp32 product, into their place in the whole matrix.
void MultiplyParts(MatrixProduct& product, const void* x, size_t rows, size_t first, size_t count,
                   float* y, PackedLinear::Epilogue epilogue) {
  const size_t width = count * MatrixProduct::kColumnBlock;
  thread_local std::vector<float> kept;
  float* part = Room(kept, rows * width);
  product.MultiplyBlocks(x, rows, first, count, part);
  for (size_t r = 0; r < rows; ++r) {
    float* row = y + r * product.outputs();
    std::copy_n(part + r * width, width, row);
    epilogue({row, width});
  }
}

class Fp32Kernel final : public PackedLinear::Kernel {
 public:
  explicit Fp32Kernel(const Weights& w)
      : Kernel(w.inputs, w.outputs),
        product_({Type::f32, Type::f32, Type::f32}, w.weight.data(), w.bias, w.inputs, w.outputs) {
    path = fmt::format("fp32 by {}", product_.kernel());
  }
  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    product_.Multiply(x, rows, y);
    epilogue({y, rows * outputs});
  }
  size_t parts() const override { return product_.column_blocks(); }
  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  PackedLinear::Epilogue epilogue) override {
    MultiplyParts(product_, x, rows, first, count, y, epilogue);
  }

 private:
  MatrixProduct product_;
};

std::vector<uint16_t> Bf16Of(std::span<const float> values) {
  std::vector<uint16_t> rounded(values.size());
  RoundToBf16(values, rounded.data());
  return rounded;
}

class Bf16Kernel final : public PackedLinear::Kernel {
 public:
  explicit Bf16Kernel(const Weights& w)
      : Kernel(w.inputs, w.outputs),
        product_({Type::bf16, Type::bf16, Type::f32}, Bf16Of(w.weight).data(), w.bias, w.inputs,
                 w.outputs) {
    path = fmt::format("bf16 by {}", product_.kernel());
  }
  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    product_.Multiply(Rounded(x, rows), rows, y);
    epilogue({y, rows * outputs});
  }
  size_t parts() const override { return product_.column_blocks(); }
  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  PackedLinear::Epilogue epilogue) override {
    MultiplyParts(product_, Rounded(x, rows), rows, first, count, y, epilogue);
  }

 private:
  const uint16_t* Rounded(const float* x, size_t rows) const {
    thread_local std::vector<uint16_t> kept;
    uint16_t* rounded = Room(kept, rows * inputs);
    RoundToBf16({x, rows * inputs}, rounded);
    return rounded;
  }

  MatrixProduct product_;
};

std::vector<float> RoundedThroughBf16(std::span<const float> values) {
  std::vector<float> rounded(values.size());
  std::ranges::transform(Bf16Of(values), rounded.begin(), FromBf16);
  return rounded;
}

// The same numbers as Bf16Kernel's, up to the order of the sums, on machines without its products.
class EmulatedBf16Kernel final : public PackedLinear::Kernel {
 public:
  explicit EmulatedBf16Kernel(const Weights& w)
      : Kernel(w.inputs, w.outputs),
        product_({Type::f32, Type::f32, Type::f32}, RoundedThroughBf16(w.weight).data(), w.bias,
                 w.inputs, w.outputs) {
    path = fmt::format("bf16 emulated by {}", product_.kernel());
  }
  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    product_.Multiply(RoundedThroughBf16({x, rows * inputs}).data(), rows, y);
    epilogue({y, rows * outputs});
  }
  size_t parts() const override { return product_.column_blocks(); }
  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  PackedLinear::Epilogue epilogue) override {
    MultiplyParts(product_, RoundedThroughBf16({x, rows * inputs}).data(), rows, first, count, y,
                  epilogue);
  }

 private:
  MatrixProduct product_;
};

class Int8Kernel final : public PackedLinear::Kernel {
 public:
  static std::unique_ptr<Int8Kernel> Make(const Weights& w) {
    std::vector<int8_t> quantized(w.weight.size());
    std::vector<float> scale(w.outputs);
    std::vector<int32_t> sum(w.outputs);
    for (size_t o = 0; o < w.outputs; ++o) {
      int8_t* row = quantized.data() + o * w.inputs;
      scale[o] = QuantizeSymmetric(w.weight.subspan(o * w.inputs, w.inputs), row);
      for (size_t i = 0; i < w.inputs; ++i) sum[o] += row[i];
    }
    return std::unique_ptr<Int8Kernel>(
        new Int8Kernel(w, quantized, std::move(scale), std::move(sum)));
  }

  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    const Quantized quantized = Quantize(x, rows);
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
    MultiplyParts(Quantize(x, rows), rows, first, count, y, epilogue);
  }

 private:
  struct Quantized {
    const uint8_t* values;  // [rows, inputs]
    std::array<RowScale, PackedLinear::kMaxRows> rows;
  };

  Quantized Quantize(const float* x, size_t rows) const {
    thread_local std::vector<uint8_t> kept;
    uint8_t* values = Room(kept, rows * inputs);
    Quantized quantized{values, {}};
    for (size_t r = 0; r < rows; ++r) {
      quantized.rows[r] = QuantizeRow({x + r * inputs, inputs}, levels_, values + r * inputs);
    }
    return quantized;
  }

  // A few parts at a time: their sums are still in a near cache when they are read.
  void MultiplyParts(const Quantized& quantized, size_t rows, size_t first, size_t count, float* y,
                     PackedLinear::Epilogue epilogue) {
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
  void Dequantize(const Quantized& quantized, const int32_t* sums, size_t rows, size_t first,
                  size_t width, float* y, PackedLinear::Epilogue epilogue) const {
    const ColumnScales columns{std::span(scale_).subspan(first, width),
                               std::span(sum_).subspan(first, width),
                               std::span(bias_).subspan(first, width)};
    // A few rows at a time: they are still in the first cache for the epilogue.
    constexpr size_t kStep = 4;
    for (size_t r = 0; r < rows; r += kStep) {
      const size_t count = std::min(kStep, rows - r);
      kernels::Dequantize(sums + r * width, std::span(quantized.rows).subspan(r, count), columns,
                          y + r * outputs, outputs);
      for (size_t i = r; i < r + count; ++i) epilogue({y + i * outputs, width});
    }
  }

  Int8Kernel(const Weights& w, const std::vector<int8_t>& quantized, std::vector<float> scale,
             std::vector<int32_t> sum)
      : Kernel(w.inputs, w.outputs),
        product_({Type::u8, Type::s8, Type::s32}, quantized.data(), {}, w.inputs, w.outputs),
        scale_(std::move(scale)),
        sum_(std::move(sum)),
        bias_(w.bias.begin(), w.bias.end()) {
    // Without VNNI, pairs of u8 x s8 products are added in 16 bits, which holds 2 x 127 x 127.
    levels_ = product_.kernel().find("vnni") != std::string_view::npos ? 256 : 128;
    path = fmt::format("int8 ({} levels) by {}", levels_, product_.kernel());
  }

  MatrixProduct product_;
  std::vector<float> scale_;
  std::vector<int32_t> sum_;
  std::vector<float> bias_;
  int levels_ = 0;
};

// Another kernel, and a note of what it is given first.
class SampledKernel final : public PackedLinear::Kernel {
 public:
  SampledKernel(std::unique_ptr<PackedLinear::Kernel> kernel,
                std::shared_ptr<PackedLinear::InputSample> sample)
      : Kernel(kernel->inputs, kernel->outputs),
        kernel_(std::move(kernel)),
        sample_(std::move(sample)) {
    path = kernel_->path;
  }
  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    Note(x, rows);
    kernel_->Apply(x, rows, y, epilogue);
  }
  size_t parts() const override { return 1; }  // So that Apply is given everything.
  void ApplyParts(const float* x, size_t rows, size_t, size_t, float* y,
                  PackedLinear::Epilogue epilogue) override {
    Apply(x, rows, y, epilogue);
  }

 private:
  void Note(const float* x, size_t rows) {
    const std::scoped_lock lock(sample_->mutex);
    const size_t room = PackedLinear::InputSample::kMostRows - sample_->rows.size() / inputs;
    sample_->rows.insert(sample_->rows.end(), x, x + std::min(rows, room) * inputs);
  }

  std::unique_ptr<PackedLinear::Kernel> kernel_;
  std::shared_ptr<PackedLinear::InputSample> sample_;
};

std::unique_ptr<PackedLinear::Kernel> MakeKernel(const Weights& weights, Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return std::make_unique<Fp32Kernel>(weights);
    case Precision::kBf16:
      try {
        return std::make_unique<Bf16Kernel>(weights);
      } catch (const dnnl::error&) {  // No such kernel on this machine.
        return std::make_unique<EmulatedBf16Kernel>(weights);
      }
    case Precision::kInt8:
      return Int8Kernel::Make(weights);
  }
  return nullptr;
}

}  // namespace

PackedLinear::PackedLinear(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
PackedLinear::PackedLinear(PackedLinear&&) noexcept = default;
PackedLinear& PackedLinear::operator=(PackedLinear&&) noexcept = default;
PackedLinear::~PackedLinear() = default;

size_t PackedLinear::inputs() const { return kernel_->inputs; }
size_t PackedLinear::outputs() const { return kernel_->outputs; }
const std::string& PackedLinear::path() const { return kernel_->path; }

absl::StatusOr<PackedLinear> PackedLinear::Pack(std::span<const float> weight,
                                                std::span<const float> bias, size_t inputs,
                                                size_t outputs, Precision precision) {
  assert(weight.size() == inputs * outputs && bias.size() == outputs);
  try {
    return PackedLinear(MakeKernel({weight, bias, inputs, outputs}, precision));
  } catch (const dnnl::error& error) {
    return absl::InternalError(fmt::format("oneDNN cannot pack a {} x {} matrix in {}: {}", outputs,
                                           inputs, PrecisionName(precision), error.what()));
  }
}

PackedLinear PackedLinear::Sampled(PackedLinear linear, std::shared_ptr<InputSample> sample) {
  return PackedLinear(
      std::make_unique<SampledKernel>(std::move(linear.kernel_), std::move(sample)));
}

size_t PackedLinear::column_parts() const { return kernel_->parts(); }

void PackedLinear::ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                              Epilogue epilogue) const {
  const size_t width = kernel_->outputs / kernel_->parts();
  if (count == kernel_->parts()) return kernel_->Apply(x, rows, y, epilogue);
  kernel_->ApplyParts(x, rows, first, count, y + first * width, epilogue);
}

void PackedLinear::Apply(const float* x, size_t rows, float* y, Epilogue epilogue) const {
  kernel_->Apply(x, rows, y, epilogue);
}

}  // namespace gannet::encoder::kernels
