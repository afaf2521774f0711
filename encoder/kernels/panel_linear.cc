#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "encoder/kernels/aligned_vector.h"
#include "encoder/kernels/packed_linear_internal.h"
#include "encoder/kernels/panels_internal.h"
#include "encoder/kernels/quantize.h"
#include "encoder/kernels/round_up.h"

namespace gannet::encoder::kernels {
namespace {

template <typename Weights>
class PanelKernel : public PackedLinear::Kernel {
 public:
  template <typename T>
  PanelKernel(const LinearLayer& w, std::span<const T> weight, size_t group_multiple)
      : Kernel(w.inputs, w.outputs),
        panels_(weight, w.inputs, w.outputs, group_multiple),
        bias_(w.bias.begin(), w.bias.end()) {
    bias_.resize(panels_.count() * kPanelColumns);
  }

  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) final {
    ApplyParts(x, rows, 0, panels_.count(), y, epilogue);
  }
  size_t parts() const final { return outputs % kPanelColumns == 0 ? panels_.count() : 1; }

 protected:
  const Weights& panels() const { return panels_; }
  std::span<const float> bias() const { return bias_; }

 private:
  const Weights panels_;
  AlignedVector<float> bias_;  // Of each column of the panels: read as tiles.
};

class PanelFp32Kernel final : public PanelKernel<Fp32Weights> {
 public:
  PanelFp32Kernel(const LinearLayer& w, const Fp32Panels& kernel)
      : PanelKernel(w, w.weight, /*group_multiple=*/1), kernel_(kernel) {
    path = fmt::format("fp32 by {}", kernel.name);
  }

  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  PackedLinear::Epilogue epilogue) override {
    kernel_.multiply(panels(), bias(), x, {rows, first, count, y, outputs, epilogue});
  }

 private:
  const Fp32Panels& kernel_;
};

constexpr size_t kMostParts = Bf16Panels::kFp32Parts;

// Of bfloat16 weights with rows rounded to it, or of fp32 weights with rows in parts.
template <typename Weights>
class PanelBf16Kernel final : public PanelKernel<Weights> {
 public:
  template <typename T>
  PanelBf16Kernel(const LinearLayer& w, std::span<const T> weight, const Bf16Panels& kernel)
      : PanelKernel<Weights>(w, weight, kernel.group_multiple), kernel_(kernel) {
    this->path = kFp32 ? fmt::format("fp32 as sums of bf16 by {}", kernel.name)
                       : fmt::format("bf16 by {}", kernel.name);
  }

  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  PackedLinear::Epilogue epilogue) override {
    std::array<const uint16_t*, kMostParts> parts{};
    Split(x, rows, parts);
    const PanelRun run{rows, first, count, y, this->outputs, epilogue};
    const std::span<const uint16_t* const> used = std::span(parts).first(kCount);
    if constexpr (kFp32) {
      kernel_.multiply_fp32(this->panels(), this->bias(), used, run);
    } else {
      kernel_.multiply(this->panels(), this->bias(), used, run);
    }
  }

 private:
  static constexpr bool kFp32 = std::is_same_v<Weights, Fp32PairWeights>;
  static constexpr size_t kCount = kFp32 ? kMostParts : 1;

  // [rows, panels().inputs()] each, zeros beyond the inputs; valid until the thread's next call.
  void Split(const float* x, size_t rows, std::array<const uint16_t*, kMostParts>& parts) const {
    thread_local AlignedVector<uint16_t> kept;
    const size_t width = this->inputs, stride = this->panels().inputs();
    const size_t size = RoundUp(rows, kernel_.row_multiple) * stride;
    uint16_t* const room = Room(kept, kCount * size);
    std::array<uint16_t*, kMostParts> out{};
    for (size_t part = 0; part < kCount; ++part) {
      out[part] = room + part * size;
      parts[part] = out[part];
    }
    const std::span<uint16_t* const> used = std::span(out).first(kCount);
    if (stride == width) return kernel_.split(x, rows * width, used);
    for (size_t r = 0; r < rows; ++r) {
      kernel_.split(x + r * width, width, used);
      for (uint16_t*& part : out) {
        if (part == nullptr) continue;
        std::fill(part + width, part + stride, uint16_t{0});
        part += stride;
      }
    }
  }

  const Bf16Panels& kernel_;
};

}  // namespace

std::unique_ptr<PackedLinear::Kernel> MakePanelFp32Kernel(const LinearLayer& layer) {
  if (const Bf16Panels* tiles = AmxBf16Panels()) {
    return std::make_unique<PanelBf16Kernel<Fp32PairWeights>>(layer, layer.weight, *tiles);
  }
  if (const Fp32Panels* kernel = Avx512Fp32Panels()) {
    return std::make_unique<PanelFp32Kernel>(layer, *kernel);
  }
  return nullptr;
}

std::unique_ptr<PackedLinear::Kernel> MakePanelBf16Kernel(const LinearLayer& layer) {
  const Bf16Panels* kernel = AmxBf16Panels();
  if (kernel == nullptr) kernel = Avx512Bf16Panels();
  if (kernel == nullptr) return nullptr;
  std::vector<uint16_t> rounded(layer.weight.size());
  RoundToBf16(layer.weight, rounded.data());
  return std::make_unique<PanelBf16Kernel<Bf16Weights>>(layer, std::span<const uint16_t>(rounded),
                                                        *kernel);
}

}  // namespace gannet::encoder::kernels
