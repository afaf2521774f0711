#ifndef GANNET_ENCODER_LAYERS_LINEAR_H_
#define GANNET_ENCODER_LAYERS_LINEAR_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/layers/model_options.h"

namespace gannet::encoder {

// Whether a linear layer of a checkpoint comes with a bias.
enum class Bias { kPresent, kAbsent };

// What a linear layer is packed from.
struct LinearWeights {
  std::span<const float> weight;  // [outputs, inputs]
  std::span<const float> bias;    // [outputs]
  size_t inputs;
};

// Packs a layer for the machine, in the precision that the options give the layer of that name.
absl::StatusOr<kernels::PackedLinear> PackLinear(const std::string& name, const LinearWeights& w,
                                                 const ModelOptions& options);

// Reads NAME.weight [outputs, inputs] and NAME.bias [outputs] and packs them for the machine.
absl::StatusOr<kernels::PackedLinear> LoadLinear(const Checkpoint& checkpoint,
                                                 std::string_view name, size_t inputs,
                                                 size_t outputs, Bias bias,
                                                 const ModelOptions& options);

// The same for several maps of one input side by side: outputs are those of names[0], then those of
// names[1], ...; one wide product is faster than several narrow ones. `outputs` has one entry per
// name.
absl::StatusOr<kernels::PackedLinear> LoadLinears(const Checkpoint& checkpoint,
                                                  const std::vector<std::string>& names,
                                                  size_t inputs, const std::vector<size_t>& outputs,
                                                  Bias bias, const ModelOptions& options);

// NAME.weight and NAME.bias of a layer normalisation, or NAME.gamma and NAME.beta as checkpoints
// made from TensorFlow's have them, both [size]; without bias, β is 0.
struct LayerNorm {
  std::vector<float> gamma;
  std::vector<float> beta;
  float epsilon = 0;

  static absl::StatusOr<LayerNorm> Load(const Checkpoint& checkpoint, std::string_view name,
                                        size_t size, double epsilon, Bias bias = Bias::kPresent);

  // out = LayerNorm(x + residual), rows of `size` values; see kernels::AddLayerNorm.
  void Apply(const float* x, const float* residual, size_t rows, float* out) const {
    kernels::AddLayerNorm(x, residual, rows, {gamma, beta, epsilon}, out);
  }
};

// NAME.weight of a root-mean-square normalisation, [size].
struct RmsNorm {
  // Whether the stored weight w is the scale γ, or γ = 1 + w (Gemma).
  enum class Form { kScale, kOnePlusScale };

  std::vector<float> gamma;
  float epsilon = 0;

  static absl::StatusOr<RmsNorm> Load(const Checkpoint& checkpoint, std::string_view name,
                                      size_t size, double epsilon, Form form);

  // out = RMSNorm(x), rows of `size` values; see kernels::RmsNorm.
  void Apply(const float* x, size_t rows, float* out) const {
    kernels::RmsNorm(x, rows, gamma, epsilon, out);
  }
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_LINEAR_H_
