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

constexpr size_t kMostParts = Bf16Panels::kFp32Parts;

// Products by tiles: of bfloat16 weights with rows rounded to it, or of fp32 weights with rows in
// parts.
template <typename T>
class PanelBf16Kernel final : public PackedLinear::Kernel {
 public:
  PanelBf16Kernel(const LinearLayer& w, std::span<const T> weight, const Bf16Panels& kernel)
      : Kernel(w.inputs, w.outputs),
        kernel_(kernel),
        panels_(weight, w.inputs, w.outputs, kernel.group_multiple),
        bias_(w.bias.begin(), w.bias.end()) {
    bias_.resize(panels_.count() * kPanelColumns);
    path = kFp32 ? fmt::format("fp32 as sums of bf16 by {}", kernel.name)
                 : fmt::format("bf16 by {}", kernel.name);
  }

  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    ApplyParts(x, rows, 0, panels_.count(), y, epilogue);
  }
  size_t parts() const override { return outputs % kPanelColumns == 0 ? panels_.count() : 1; }
  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  PackedLinear::Epilogue epilogue) override {
    std::array<const uint16_t*, kMostParts> parts{};
    Split(x, rows, parts);
    const PanelRun run{rows, first, count, y, outputs, epilogue};
    const std::span<const uint16_t* const> used = std::span(parts).first(kCount);
    if constexpr (kFp32) {
      kernel_.multiply_fp32(panels_, bias_, used, run);
    } else {
      kernel_.multiply(panels_, bias_, used, run);
    }
  }

 private:
  static constexpr bool kFp32 = std::is_same_v<T, float>;
  static constexpr size_t kCount = kFp32 ? kMostParts : 1;

  // [rows, panels_.inputs()] each, zeros beyond the inputs; valid until the thread's next call.
  void Split(const float* x, size_t rows, std::array<const uint16_t*, kMostParts>& parts) const {
    thread_local AlignedVector<uint16_t> kept;
    const size_t stride = panels_.inputs();
    const size_t size = RoundUp(rows, kernel_.row_multiple) * stride;
    uint16_t* const room = Room(kept, kCount * size);
    std::array<uint16_t*, kMostParts> out{};
    for (size_t part = 0; part < kCount; ++part) {
      out[part] = room + part * size;
      parts[part] = out[part];
    }
    const std::span<uint16_t* const> used = std::span(out).first(kCount);
    if (stride == inputs) return kernel_.split(x, rows * inputs, used);
    for (size_t r = 0; r < rows; ++r) {
      kernel_.split(x + r * inputs, inputs, used);
      for (uint16_t*& part : out) {
        if (part == nullptr) continue;
        std::fill(part + inputs, part + stride, uint16_t{0});
        part += stride;
      }
    }
  }

  const Bf16Panels& kernel_;
  const Panels<T> panels_;
  AlignedVector<float> bias_;  // Of each column of the panels: read as tiles.
};

}  // namespace

std::unique_ptr<PackedLinear::Kernel> MakeTiledFp32Kernel(const LinearLayer& layer) {
  const Bf16Panels* kernel = AmxBf16Panels();
  if (kernel == nullptr) return nullptr;
  return std::make_unique<PanelBf16Kernel<float>>(layer, layer.weight, *kernel);
}

std::unique_ptr<PackedLinear::Kernel> MakeTiledBf16Kernel(const LinearLayer& layer) {
  const Bf16Panels* kernel = AmxBf16Panels();
  if (kernel == nullptr) return nullptr;
  std::vector<uint16_t> rounded(layer.weight.size());
  RoundToBf16(layer.weight, rounded.data());
  return std::make_unique<PanelBf16Kernel<uint16_t>>(layer, rounded, *kernel);
}

}  // namespace gannet::encoder::kernels
