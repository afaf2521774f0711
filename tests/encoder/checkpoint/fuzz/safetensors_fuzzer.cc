// Any bytes as a safetensors file: refused with a message, or tensors that lie inside it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "encoder/checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gannet::encoder;  // NOLINT(google-build-using-namespace): a fuzzer's only scope.
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto tensors = ReadSafetensors(bytes);
  if (!tensors.ok()) return 0;
  for (const auto& [name, tensor] : *tensors) {
    if (tensor.bytes.data() < bytes.data() ||
        tensor.bytes.data() + tensor.bytes.size() > bytes.data() + bytes.size()) {
      std::abort();
    }
    if (IsFloating(tensor.dtype) && ToFloats(tensor).size() != tensor.elements()) std::abort();
  }
  return 0;
}
