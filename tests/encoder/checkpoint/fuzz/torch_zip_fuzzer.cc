// Any bytes as the two parts of a torch file: refused with a message, or tensors that lie inside
// it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "encoder/checkpoint/tensor_pickle.h"
#include "encoder/checkpoint/torch_zip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gannet::encoder;  // NOLINT(google-build-using-namespace): a fuzzer's only scope.
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // As a pickle alone, which mutation reaches more easily than through an archive.
  if (const auto pickled = ReadTensorPickle(bytes); pickled.ok()) {
    for (const auto& [name, tensor] : *pickled) {
      if (tensor.shape.size() != tensor.strides.size()) std::abort();
    }
  }
  const auto tensors = ReadTorchZip(bytes);
  if (!tensors.ok()) return 0;
  for (const auto& [name, tensor] : tensors->tensors) {
    size_t elements = 1;
    for (const size_t extent : tensor.shape) elements *= extent;
    if (tensor.elements() != elements) std::abort();
    if (IsFloating(tensor.dtype) && ToFloats(tensor).size() != elements) std::abort();
  }
  return 0;
}
