#include "encoder/layers/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/status.h"
#include "encoder/layers/load_notes.h"

namespace gannet::encoder {
namespace {

using kernels::PackedLinear;

// An int8 layer suffers when its rounding is this much of what tells its outputs of one token from
// those of another. The layers of MiniLM-L6 are between 0.005 and 0.028.
constexpr double kMostInt8Error = 0.1;

absl::StatusOr<PackedLinear> Pack(const LinearWeights& w, Precision precision) {
  return PackedLinear::Pack(w.weight, w.bias, w.inputs, w.bias.size(), precision);
}

std::vector<float> Outputs(const PackedLinear& linear, std::span<const float> rows) {
  const size_t count = rows.size() / linear.inputs();
  std::vector<float> outputs(count * linear.outputs());
  linear.Apply(rows.data(), count, outputs.data());
  return outputs;
}

// Root mean square of (approximate − exact), over that of exact around its mean over the rows:
// what is the same for every row says nothing about it, however large an outlier makes it.
double RelativeError(std::span<const float> exact, std::span<const float> approximate,
                     size_t outputs) {
  const size_t rows = exact.size() / outputs;
  double error = 0, signal = 0;
  for (size_t o = 0; o < outputs; ++o) {
    double mean = 0;
    for (size_t r = 0; r < rows; ++r) mean += exact[r * outputs + o];
    mean /= static_cast<double>(rows);
    for (size_t i = o; i < exact.size(); i += outputs) {
      const double difference = static_cast<double>(approximate[i]) - exact[i];
      error += difference * difference;
      signal += (exact[i] - mean) * (exact[i] - mean);
    }
  }
  return error == 0 ? 0 : std::sqrt(error / signal);
}

absl::StatusOr<bool> SuffersInInt8(const LinearWeights& w, const PackedLinear& int8,
                                   std::span<const float> rows) {
  GANNET_ASSIGN_OR_RETURN(const PackedLinear exact, Pack(w, Precision::kFp32));
  const double error = RelativeError(Outputs(exact, rows), Outputs(int8, rows), exact.outputs());
  return !(error <= kMostInt8Error);  // NaN, too.
}

// The precision that the options give this layer, as far as that is known before calibration.
Precision PrecisionOf(std::string_view name, const ModelOptions& options) {
  const bool kept = options.precision == Precision::kInt8 && options.bf16_layers &&
                    std::ranges::find(*options.bf16_layers, name) != options.bf16_layers->end();
  return kept ? Precision::kBf16 : options.precision;
}

}  // namespace

absl::StatusOr<kernels::PackedLinear> PackLinear(const std::string& name, const LinearWeights& w,
                                                 const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(PackedLinear linear, Pack(w, PrecisionOf(name, options)));
  LoadNotes* const notes = options.notes;
  if (notes == nullptr) return linear;
  const auto sample = notes->samples.find(name);
  if (notes->sampling) {
    const auto fresh = std::make_shared<PackedLinear::InputSample>();
    linear = PackedLinear::Sampled(std::move(linear), fresh);
    notes->samples[name] = fresh;
  } else if (options.precision == Precision::kInt8 && sample != notes->samples.end() &&
             !sample->second->rows.empty()) {
    GANNET_ASSIGN_OR_RETURN(const bool suffers, SuffersInInt8(w, linear, sample->second->rows));
    if (suffers) {
      GANNET_ASSIGN_OR_RETURN(linear, Pack(w, Precision::kBf16));
      notes->kept_in_bf16.push_back(name);
    }
  }
  ++notes->paths[linear.path()];
  return linear;
}

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
  biases.resize(weights.size() / inputs);
  return PackLinear(names.front(), {weights, biases, inputs}, options);
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
