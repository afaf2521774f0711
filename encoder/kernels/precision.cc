#include "encoder/kernels/precision.h"

#include <dnnl.hpp>

namespace gannet::encoder::kernels {

std::string_view PrecisionName(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return "fp32";
    case Precision::kBf16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
  }
  return "";
}

bool HasBf16() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx:
      return true;
    default:
      return false;
  }
}

// oneDNN asks the kernel for the tiles' registers before it says that it uses them.
bool HasAmx() { return dnnl::get_effective_cpu_isa() == dnnl::cpu_isa::avx512_core_amx; }

bool HasVnni() {
  return HasBf16() || dnnl::get_effective_cpu_isa() == dnnl::cpu_isa::avx512_core_vnni;
}

bool HasAvx512() {
  return HasVnni() || dnnl::get_effective_cpu_isa() == dnnl::cpu_isa::avx512_core;
}

}  // namespace gannet::encoder::kernels
