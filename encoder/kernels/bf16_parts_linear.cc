#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "encoder/kernels/aligned_vector.h"
#include "encoder/kernels/packed_linear_internal.h"
#include "encoder/kernels/panels_internal.h"
#include "encoder/kernels/round_up.h"

namespace gannet::encoder::kernels {
namespace {

constexpr size_t kMostParts = 3;

// Rows of x as one or three parts of bfloat16.
class PanelBf16Kernel final : public PackedLinear::Kernel {
 public:
  PanelBf16Kernel(const LinearLayer& w, const Bf16Panels& kernel, size_t count)
      : Kernel(w.inputs, w.outputs),
        kernel_(kernel),
        count_(count),
        panels_(PartsOf(w, kernel, count), w.inputs, w.outputs, /*whole_runs=*/true),
        bias_(w.bias.begin(), w.bias.end()) {
    bias_.resize(panels_.count() * kPanelColumns);
    path = count == 1 ? fmt::format("bf16 by {}", kernel.name)
                      : fmt::format("fp32 as {} parts of bf16 by {}", count, kernel.name);
  }

  void Apply(const float* x, size_t rows, float* y, PackedLinear::Epilogue epilogue) override {
    ApplyParts(x, rows, 0, panels_.count(), y, epilogue);
  }
  size_t parts() const override { return outputs % kPanelColumns == 0 ? panels_.count() : 1; }
  void ApplyParts(const float* x, size_t rows, size_t first, size_t count, float* y,
                  PackedLinear::Epilogue epilogue) override {
    std::array<const uint16_t*, kMostParts> parts{};
    Split(x, rows, parts);
    kernel_.multiply(panels_, bias_, std::span(parts).first(count_),
                     {rows, first, count, y, outputs, epilogue});
  }

 private:
  static std::vector<std::vector<uint16_t>> PartsOf(const LinearLayer& w, const Bf16Panels& kernel,
                                                    size_t count) {
    std::vector<std::vector<uint16_t>> parts(count, std::vector<uint16_t>(w.weight.size()));
    std::vector<uint16_t*> out;
    for (std::vector<uint16_t>& part : parts) out.push_back(part.data());
    kernel.split(w.weight.data(), w.weight.size(), out);
    return parts;
  }

  // [rows, panels_.inputs()] each, zeros beyond the inputs; valid until the thread's next call.
  void Split(const float* x, size_t rows, std::array<const uint16_t*, kMostParts>& parts) const {
    thread_local AlignedVector<uint16_t> kept;
    const size_t stride = panels_.inputs();
    const size_t size = RoundUp(rows, kernel_.row_multiple) * stride;
    uint16_t* const room = Room(kept, count_ * size);
    std::array<uint16_t*, kMostParts> out{};
    for (size_t part = 0; part < count_; ++part) {
      out[part] = room + part * size;
      parts[part] = out[part];
    }
    const std::span<uint16_t* const> used = std::span(out).first(count_);
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
  const size_t count_;
  const Panels<uint16_t> panels_;
  AlignedVector<float> bias_;  // Of each column of the panels: read as tiles.
};

}  // namespace

std::unique_ptr<PackedLinear::Kernel> MakeTiledBf16Kernel(const LinearLayer& layer) {
  const Bf16Panels* kernel = AmxBf16Panels();
  return kernel == nullptr ? nullptr : std::make_unique<PanelBf16Kernel>(layer, *kernel, 1);
}

std::unique_ptr<PackedLinear::Kernel> MakeTiledFp32Kernel(const LinearLayer& layer) {
  const Bf16Panels* kernel = AmxBf16Panels();
  return kernel == nullptr ? nullptr : std::make_unique<PanelBf16Kernel>(layer, *kernel, 3);
}

}  // namespace gannet::encoder::kernels
