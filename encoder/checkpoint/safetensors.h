#ifndef GANNET_ENCODER_CHECKPOINT_SAFETENSORS_H_
#define GANNET_ENCODER_CHECKPOINT_SAFETENSORS_H_

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/file.h"
#include "encoder/checkpoint/tensor.h"

namespace gannet::encoder {

// The tensors of the bytes of a file, as SafetensorsFile reads it: views of `bytes`.
absl::StatusOr<std::map<std::string, TensorView, std::less<>>> ReadSafetensors(
    std::string_view bytes);

// A .safetensors file, mapped into memory. Opening checks the whole header: its length, that names
// do not repeat, that each tensor's bytes are what its dtype and shape need, and that the tensors
// cover the data without holes or overlaps (the format's own rules,
// github.com/huggingface/safetensors). Errors name the file and the tensor.
class SafetensorsFile {
 public:
  static absl::StatusOr<SafetensorsFile> Open(const std::filesystem::path& path);

  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  const std::filesystem::path& path() const { return file_.path(); }
  std::string_view bytes() const { return file_.bytes(); }

 private:
  explicit SafetensorsFile(base::MappedFile file) : file_(std::move(file)) {}

  base::MappedFile file_;
  std::map<std::string, TensorView, std::less<>> tensors_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_SAFETENSORS_H_
