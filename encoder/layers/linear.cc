#include "encoder/layers/linear.h"

#include <fmt/format.h>

#include <string>

#include "base/status.h"

namespace gannet::encoder {

absl::StatusOr<kernels::PackedLinear> LoadLinear(const Checkpoint& checkpoint,
                                                 std::string_view name, size_t inputs,
                                                 size_t outputs, Bias bias,
                                                 const ModelOptions& options) {
  return LoadLinears(checkpoint, {std::string(name)}, inputs, {outputs}, bias, options);
}

absl::StatusOr<kernels::PackedLinear> LoadLinears(const Checkpoint& checkpoint,
                                                  const std::vector<std::string>& names,
                                                  size_t inputs, const std::vector<size_t>& outputs,
                                                  Bias bias, const ModelOptions& options) {
  std::vector<float> weights, biases;
  for (size_t i = 0; i < names.size(); ++i) {
    GANNET_ASSIGN_OR_RETURN(
        const std::vector<float> weight,
        checkpoint.Floats(fmt::format("{}.weight", names[i]), {outputs[i], inputs}));
    weights.insert(weights.end(), weight.begin(), weight.end());
    if (bias == Bias::kPresent) {
      GANNET_ASSIGN_OR_RETURN(const std::vector<float> values,
                              checkpoint.Floats(fmt::format("{}.bias", names[i]), {outputs[i]}));
      biases.insert(biases.end(), values.begin(), values.end());
    }
  }
  const size_t total = weights.size() / inputs;
  biases.resize(total);
  return kernels::PackedLinear::Pack(weights, biases, inputs, total, options.precision);
}

absl::StatusOr<LayerNorm> LayerNorm::Load(const Checkpoint& checkpoint, std::string_view name,
                                          size_t size, double epsilon, Bias bias) {
  LayerNorm norm;
  const bool older = checkpoint.Has(fmt::format("{}.gamma", name));
  GANNET_ASSIGN_OR_RETURN(
      norm.gamma,
      checkpoint.Floats(fmt::format("{}.{}", name, older ? "gamma" : "weight"), {size}));
  norm.beta.resize(size);
  if (bias == Bias::kPresent) {
    GANNET_ASSIGN_OR_RETURN(
        norm.beta, checkpoint.Floats(fmt::format("{}.{}", name, older ? "beta" : "bias"), {size}));
  }
  norm.epsilon = static_cast<float>(epsilon);
  return norm;
}

absl::StatusOr<RmsNorm> RmsNorm::Load(const Checkpoint& checkpoint, std::string_view name,
                                      size_t size, double epsilon, Form form) {
  RmsNorm norm;
  GANNET_ASSIGN_OR_RETURN(norm.gamma, checkpoint.Floats(fmt::format("{}.weight", name), {size}));
  if (form == Form::kOnePlusScale) {
    for (float& v : norm.gamma) v += 1;
  }
  norm.epsilon = static_cast<float>(epsilon);
  return norm;
}

}  // namespace gannet::encoder
