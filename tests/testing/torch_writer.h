#ifndef GANNET_TESTS_TESTING_TORCH_WRITER_H_
#define GANNET_TESTS_TESTING_TORCH_WRITER_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/testing/tensor_writer.h"

namespace gannet::testing {

// Pieces of a file of torch.save, so that tests can put them together rightly or wrongly.

enum class ZipForm { kPlain, kZip64 };

// A zip archive of stored entries.
std::string ZipContent(const std::vector<std::pair<std::string, std::string>>& entries,
                       ZipForm form = ZipForm::kPlain);

// Opcodes of protocol 2.
std::string PickledString(std::string_view text);
std::string PickledNumber(long long number);
std::string PickledTuple(const std::vector<long long>& numbers);
// A tensor of a storage; `type` is "FloatStorage" or another name of torch's.
struct TensorPickle {
  std::string type = "FloatStorage";
  std::string key = "0";
  long long elements = 0;
  long long offset = 0;
  std::vector<long long> shape;
  std::vector<long long> strides;
};
std::string Pickled(const TensorPickle& tensor);
// A whole pickle: a dictionary of names to what `values` are.
std::string PickledDict(const std::vector<std::pair<std::string, std::string>>& items);

// The content of a file of torch.save of fp32 tensors.
std::string TorchContent(const FloatTensors& tensors, ZipForm form = ZipForm::kPlain);

}  // namespace gannet::testing

#endif  // GANNET_TESTS_TESTING_TORCH_WRITER_H_
