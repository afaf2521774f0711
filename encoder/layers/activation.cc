#include "encoder/layers/activation.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "base/status.h"

namespace gannet::encoder {
namespace {

constexpr std::array<std::pair<std::string_view, kernels::Activation>, 8> kActivations = {{
    {"gelu", kernels::Gelu},
    {"gelu_python", kernels::Gelu},
    {"gelu_new", kernels::GeluTanh},
    {"gelu_fast", kernels::GeluTanh},
    {"gelu_pytorch_tanh", kernels::GeluTanh},
    {"relu", kernels::Relu},
    {"silu", kernels::Silu},
    {"swish", kernels::Silu},
}};

}  // namespace

kernels::Activation FindActivation(std::string_view name) {
  for (const auto& [known, activation] : kActivations) {
    if (known == name) return activation;
  }
  return nullptr;
}

absl::StatusOr<kernels::Activation> ReadActivation(const ConfigFile& file, std::string_view field,
                                                   std::string_view absent) {
  GANNET_ASSIGN_OR_RETURN(const std::string name, file.StringOr(field, std::string(absent)));
  const kernels::Activation activation = FindActivation(name);
  if (activation == nullptr) return file.Error(field, fmt::format("\"{}\" is not supported", name));
  return activation;
}

}  // namespace gannet::encoder
