#ifndef GANNET_ENCODER_CHECKPOINT_TORCH_ZIP_H_
#define GANNET_ENCODER_CHECKPOINT_TORCH_ZIP_H_

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file.h"
#include "encoder/checkpoint/tensor.h"

namespace gannet::encoder {

// What a file of torch.save holds.
struct TorchTensors {
  std::map<std::string, TensorView, std::less<>> tensors;
  std::vector<std::string> gathered;  // Elements of tensors whose strides are not row-major.
};

// Reads the bytes of a file as TorchZipFile does; the tensors are views of `bytes` and of what is
// gathered.
absl::StatusOr<TorchTensors> ReadTorchZip(std::string_view bytes);

// A file of torch.save since PyTorch 1.6 (pytorch_model.bin), mapped into memory: a zip archive of
// uncompressed entries with one pickle, which says how tensors are made of the others. The pickle
// is read by a machine that can build tensors, numbers, strings and containers of them and nothing
// else: whatever else it names is refused, never run. Errors name the file and what was found.
// Source: pytorch's torch/serialization.py and torch/_utils.py, Python's pickletools.
class TorchZipFile {
 public:
  static absl::StatusOr<TorchZipFile> Open(const std::filesystem::path& path);

  // The tensors of the state dictionary, or of the one inside under "state_dict"; a "module." that
  // data-parallel training has put before every name is dropped. What is not a tensor is left out.
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return content_.tensors; }
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  TorchZipFile(base::MappedFile file, TorchTensors content)
      : file_(std::move(file)), content_(std::move(content)) {}

  base::MappedFile file_;
  TorchTensors content_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_TORCH_ZIP_H_
