#include "encoder/kernels/packed_linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <utility>
#include <vector>

#include "encoder/kernels/matrix_product_internal.h"
#include "encoder/kernels/packed_linear_internal.h"
#include "encoder/kernels/quantize.h"

namespace gannet::encoder::kernels {
namespace {

using dnnl::memory;
using Type = memory::data_type;

// Products by oneDNN, on machines for which there is no kernel of our own.
class Fp32Kernel final : public PackedLinear::Kernel {
 public:
  explicit Fp32Kernel(const LinearLayer& w)
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
    const size_t width = count * MatrixProduct::kColumnBlock;
    thread_local std::vector<float> kept;
    float* part = Room(kept, rows * width);
    product_.MultiplyBlocks(x, rows, first, count, part);
    for (size_t r = 0; r < rows; ++r) {
      float* row = y + r * outputs;
      std::copy_n(part + r * width, width, row);
      epilogue({row, width});
    }
  }

 private:
  MatrixProduct product_;
};

std::unique_ptr<PackedLinear::Kernel> MakeFp32Kernel(const LinearLayer& layer) {
  if (auto by_panels = MakePanelFp32Kernel(layer)) return by_panels;
  return std::make_unique<Fp32Kernel>(layer);
}

std::vector<float> RoundedThroughBf16(std::span<const float> values) {
  std::vector<uint16_t> bits(values.size());
  RoundToBf16(values, bits.data());
  std::vector<float> rounded(values.size());
  std::ranges::transform(bits, rounded.begin(), FromBf16);
  return rounded;
}

// The same numbers as products of bfloat16, up to the order of the sums, on machines without them.
class EmulatedBf16Kernel final : public PackedLinear::Kernel {
 public:
  explicit EmulatedBf16Kernel(const LinearLayer& w) : Kernel(w.inputs, w.outputs) {
    const std::vector<float> weight = RoundedThroughBf16(w.weight);
    kernel_ = MakeFp32Kernel({weight, w.bias, w.inputs, w.outputs});
    path = fmt::format("bf16 emulated in {}", kernel_->path);
  }
  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    kernel_->Apply(RoundedThroughBf16({x, rows * inputs}).data(), rows, y, epilogue);
  }
  size_t parts() const override { return kernel_->parts(); }
  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  PackedLinear::Epilogue epilogue) override {
    kernel_->ApplyParts(RoundedThroughBf16({x, rows * inputs}).data(), rows, first, count, y,
                        epilogue);
  }

 private:
  std::unique_ptr<PackedLinear::Kernel> kernel_;
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

std::unique_ptr<PackedLinear::Kernel> MakeKernel(const LinearLayer& layer, Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return MakeFp32Kernel(layer);
    case Precision::kBf16:
      if (auto by_panels = MakePanelBf16Kernel(layer)) return by_panels;
      return std::make_unique<EmulatedBf16Kernel>(layer);
    case Precision::kInt8:
      return MakeInt8Kernel(layer);
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
                                                size_t outputs, Precision precision,
                                                std::span<const float> balance) {
  assert(weight.size() == inputs * outputs && bias.size() == outputs);
  assert(balance.empty() || balance.size() == inputs);
  try {
    return PackedLinear(MakeKernel({weight, bias, inputs, outputs, balance}, precision));
  } catch (const dnnl::error& error) {
    return absl::InternalError(fmt::format("oneDNN cannot pack a {} x {} matrix in {}: {}", outputs,
                                           inputs, PrecisionName(precision), error.what()));
  }
}

PackedLinear PackedLinear::Sampled(PackedLinear linear, std::shared_ptr<InputSample> sample) {
  return PackedLinear(
      std::make_unique<SampledKernel>(std::move(linear.kernel_), std::move(sample)));
}

size_t PackedLinear::TileRows() {
  static const size_t rows = HasAmx() ? kMaxRows : MatrixProduct::kRowBlock;
  return rows;
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
