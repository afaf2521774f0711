#ifndef GANNET_ENCODER_KERNELS_PACKED_LINEAR_INTERNAL_H_
#define GANNET_ENCODER_KERNELS_PACKED_LINEAR_INTERNAL_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "encoder/kernels/packed_linear.h"

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

// What a layer is packed from.
struct LinearLayer {
  std::span<const float> weight;  // [outputs, inputs]
  std::span<const float> bias;    // [outputs]
  size_t inputs;
  size_t outputs;
  std::span<const float> balance = {};  // [inputs] or empty; see PackedLinear::Pack.
};

// Room for `count` values that is kept from call to call. It never shrinks: growing fills with
// zeros, which is not free.
template <typename Vector>
auto* Room(Vector& kept, size_t count) {
  if (kept.size() < count) kept.resize(count);
  return kept.data();
}

// The kernel of Precision::kInt8 for this machine.
std::unique_ptr<PackedLinear::Kernel> MakeInt8Kernel(const LinearLayer& layer);

// Our own kernels of the other precisions; null on machines without their instructions.
std::unique_ptr<PackedLinear::Kernel> MakePanelFp32Kernel(const LinearLayer& layer);
std::unique_ptr<PackedLinear::Kernel> MakePanelBf16Kernel(const LinearLayer& layer);

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_PACKED_LINEAR_INTERNAL_H_
