#ifndef GANNET_ENCODER_CHECKPOINT_TENSOR_PICKLE_H_
#define GANNET_ENCODER_CHECKPOINT_TENSOR_PICKLE_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/tensor.h"

namespace gannet::encoder {

// A tensor as a pickle of torch.save describes it: elements of a storage, which lies elsewhere.
struct PickledTensor {
  DType dtype = DType::kF32;
  std::string storage;          // Its key: the file of the archive.
  size_t storage_elements = 0;  // As the pickle says.
  size_t offset = 0;            // In elements.
  Shape shape = {};
  std::vector<size_t> strides = {};  // In elements, one for each extent.
};

// The tensors of a pickled state dictionary under their names; see TorchZipFile. Memory grows with
// the size of `pickle` and has a bound of its own, and there is no recursion. Errors name the byte.
absl::StatusOr<std::map<std::string, PickledTensor, std::less<>>> ReadTensorPickle(
    std::string_view pickle);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_TENSOR_PICKLE_H_
