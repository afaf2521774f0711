#include "encoder/layers/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "base/status.h"
#include "encoder/layers/load_notes.h"

namespace gannet::encoder {
namespace {

using kernels::PackedLinear;

// An int8 layer suffers when its rounding is this much of what tells its outputs of one token from
// those of another. The layers of MiniLM-L6 are between 0.005 and 0.028 without balance.
constexpr double kMostInt8Error = 0.1;

absl::StatusOr<PackedLinear> Pack(const LinearWeights& w, Precision precision,
                                  std::span<const float> balance = {}) {
  return PackedLinear::Pack(w.weight, w.bias, w.inputs, w.bias.size(), precision, balance);
}

// The largest absolute value of each input's column in [rows, inputs], at least an eighth of their
// mean: what a few rows do not show may come with others.
std::vector<double> Largest(std::span<const float> rows, size_t inputs) {
  std::vector<double> largest(inputs);
  for (size_t i = 0; i < rows.size(); ++i) {
    largest[i % inputs] = std::max<double>(largest[i % inputs], std::abs(rows[i]));
  }
  const double mean =
      std::accumulate(largest.begin(), largest.end(), 0.0) / static_cast<double>(inputs);
  for (double& value : largest) value = std::max(value, mean / 8);
  return largest;
}

// What shares the rounding of int8 out between inputs and weights, for a layer that is given
// `rows`: an input that takes large values is divided by it, and its weights multiplied
// (SmoothQuant, Xiao et al. 2023, arXiv:2211.10438). Rounded to quarters of a power of two, so that
// it does not depend on the last bits of the rows.
std::vector<float> Balance(const LinearWeights& w, std::span<const float> rows) {
  constexpr double kAlpha = 0.45;  // Best of 0.2 to 0.7 on MiniLM-L6.
  const std::vector<double> of_rows = Largest(rows, w.inputs),
                            of_weights = Largest(w.weight, w.inputs);
  std::vector<float> balance(w.inputs, 1.0F);
  for (size_t i = 0; i < w.inputs; ++i) {
    const double log = kAlpha * std::log2(of_rows[i]) - (1 - kAlpha) * std::log2(of_weights[i]);
    if (!std::isfinite(log)) continue;
    balance[i] =
        static_cast<float>(std::exp2(std::clamp(std::nearbyint(4 * log) / 4, -40.0, 40.0)));
  }
  return balance;
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

// What the layer of that name was given in calibration; empty if nothing.
std::span<const float> SampleOf(const std::string& name, const LoadNotes* notes) {
  if (notes == nullptr || notes->sampling) return {};
  const auto sample = notes->samples.find(name);
  return sample == notes->samples.end() ? std::span<const float>() : sample->second->rows;
}

}  // namespace

absl::StatusOr<kernels::PackedLinear> PackLinear(const std::string& name, const LinearWeights& w,
                                                 const ModelOptions& options) {
  LoadNotes* const notes = options.notes;
  const std::span<const float> rows = SampleOf(name, notes);
  const Precision precision = PrecisionOf(name, options);
  const bool balanced = precision == Precision::kInt8 && !rows.empty();
  GANNET_ASSIGN_OR_RETURN(PackedLinear linear,
                          Pack(w, precision, balanced ? Balance(w, rows) : std::vector<float>()));
  if (notes == nullptr) return linear;
  if (notes->sampling) {
    const auto fresh = std::make_shared<PackedLinear::InputSample>();
    linear = PackedLinear::Sampled(std::move(linear), fresh);
    notes->samples[name] = fresh;
  } else if (balanced && !options.bf16_layers) {
    GANNET_ASSIGN_OR_RETURN(const bool suffers, SuffersInInt8(w, linear, rows));
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
