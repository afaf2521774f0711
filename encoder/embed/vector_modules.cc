#include "encoder/embed/vector_modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/embed/pooling.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/layers/linear.h"

namespace gannet::encoder {
namespace {

void Identity(std::span<float>) {}

void Tanh(std::span<float> x) {
  for (float& v : x) v = std::tanh(v);
}

void Sigmoid(std::span<float> x) {
  for (float& v : x) v = 1 / (1 + std::exp(-v));
}

// "torch.nn.modules.activation.Tanh" -> Tanh.
absl::StatusOr<kernels::Activation> ReadTorchActivation(const ConfigFile& file) {
  static constexpr std::array<std::pair<std::string_view, kernels::Activation>, 6> kKnown = {
      {{"Identity", Identity},
       {"Tanh", Tanh},
       {"ReLU", kernels::Relu},
       {"GELU", kernels::Gelu},
       {"SiLU", kernels::Silu},
       {"Sigmoid", Sigmoid}}};
  GANNET_ASSIGN_OR_RETURN(const std::string name,
                          file.StringOr("activation_function", "torch.nn.modules.activation.Tanh"));
  for (const auto& [known, activation] : kKnown) {
    if (std::string_view(name).substr(name.rfind('.') + 1) == known) return activation;
  }
  return file.Error("activation_function", fmt::format("\"{}\" is not supported", name));
}

// The number that `field` states must be the size of the vectors that arrive.
absl::Status CheckInputs(const ConfigFile& file, std::string_view field, size_t inputs) {
  GANNET_ASSIGN_OR_RETURN(const size_t stated, file.Size(field));
  if (stated == inputs) return absl::OkStatus();
  return file.Error(field,
                    fmt::format("{}, but the vectors that arrive have {} values", stated, inputs));
}

class Dense final : public VectorModule {
 public:
  static absl::StatusOr<std::unique_ptr<const VectorModule>> Load(
      const std::filesystem::path& folder, size_t inputs) {
    GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder / "config.json"));
    GANNET_RETURN_IF_ERROR(CheckInputs(file, "in_features", inputs));
    for (const char* field : {"module_input_name", "module_output_name"}) {
      GANNET_ASSIGN_OR_RETURN(const std::string name, file.StringOr(field, "sentence_embedding"));
      if (name != "sentence_embedding") {
        return file.Error(field, fmt::format("\"{}\" is not supported", name));
      }
    }
    GANNET_ASSIGN_OR_RETURN(const size_t outputs, file.Size("out_features"));
    GANNET_ASSIGN_OR_RETURN(const bool biased, file.BoolOr("bias", true));
    GANNET_ASSIGN_OR_RETURN(const kernels::Activation activation, ReadTorchActivation(file));
    GANNET_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(folder));
    GANNET_ASSIGN_OR_RETURN(auto linear, LoadLinear(checkpoint, "linear", inputs, outputs,
                                                    biased ? Bias::kPresent : Bias::kAbsent, {}));
    return std::unique_ptr<const VectorModule>(new Dense(std::move(linear), activation));
  }

  size_t outputs() const override { return linear_.outputs(); }

  void Apply(const float* in, size_t rows, float* out) const override {
    for (size_t first = 0; first < rows; first += kernels::PackedLinear::kMaxRows) {
      const size_t count = std::min(rows - first, kernels::PackedLinear::kMaxRows);
      linear_.Apply(in + first * linear_.inputs(), count, out + first * outputs());
    }
    activation_({out, rows * outputs()});
  }

 private:
  Dense(kernels::PackedLinear linear, kernels::Activation activation)
      : linear_(std::move(linear)), activation_(activation) {}

  const kernels::PackedLinear linear_;
  const kernels::Activation activation_;
};

class LayerNormModule final : public VectorModule {
 public:
  static absl::StatusOr<std::unique_ptr<const VectorModule>> Load(
      const std::filesystem::path& folder, size_t inputs) {
    constexpr double kTorchEpsilon = 1e-5;
    GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder / "config.json"));
    GANNET_RETURN_IF_ERROR(CheckInputs(file, "dimension", inputs));
    GANNET_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(folder));
    GANNET_ASSIGN_OR_RETURN(LayerNorm norm,
                            LayerNorm::Load(checkpoint, "norm", inputs, kTorchEpsilon));
    return std::unique_ptr<const VectorModule>(new LayerNormModule(std::move(norm)));
  }

  size_t outputs() const override { return norm_.gamma.size(); }

  void Apply(const float* in, size_t rows, float* out) const override {
    norm_.Apply(in, nullptr, rows, out);
  }

 private:
  explicit LayerNormModule(LayerNorm norm) : norm_(std::move(norm)) {}

  const LayerNorm norm_;
};

class Normalize final : public VectorModule {
 public:
  explicit Normalize(size_t size) : size_(size) {}

  size_t outputs() const override { return size_; }

  void Apply(const float* in, size_t rows, float* out) const override {
    std::copy_n(in, rows * size_, out);
    for (size_t r = 0; r < rows; ++r) NormalizeL2({out + r * size_, size_});
  }

 private:
  const size_t size_;
};

absl::StatusOr<std::unique_ptr<const VectorModule>> LoadModule(
    const ModelFolder::AfterPooling& module, size_t inputs) {
  switch (module.kind) {
    case ModelFolder::AfterPooling::Kind::kDense:
      return Dense::Load(module.path, inputs);
    case ModelFolder::AfterPooling::Kind::kLayerNorm:
      return LayerNormModule::Load(module.path, inputs);
    case ModelFolder::AfterPooling::Kind::kNormalize:
      break;
  }
  return std::unique_ptr<const VectorModule>(std::make_unique<Normalize>(inputs));
}

}  // namespace

absl::StatusOr<VectorModules> VectorModules::Load(const ModelFolder& folder, size_t inputs) {
  VectorModules modules;
  modules.dimension_ = inputs;
  for (const ModelFolder::AfterPooling& entry : folder.after_pooling) {
    GANNET_ASSIGN_OR_RETURN(auto module, LoadModule(entry, modules.dimension_));
    modules.dimension_ = module->outputs();
    modules.modules_.push_back(std::move(module));
  }
  return modules;
}

void VectorModules::Apply(size_t rows, std::vector<float>& vectors) const {
  std::vector<float> next;
  for (const auto& module : modules_) {
    next.resize(rows * module->outputs());
    module->Apply(vectors.data(), rows, next.data());
    vectors.swap(next);
  }
}

}  // namespace gannet::encoder
