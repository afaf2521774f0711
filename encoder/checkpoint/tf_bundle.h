#ifndef GANNET_ENCODER_CHECKPOINT_TF_BUNDLE_H_
#define GANNET_ENCODER_CHECKPOINT_TF_BUNDLE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file.h"
#include "encoder/checkpoint/tensor.h"

namespace gannet::encoder {

// What the index of a TensorFlow checkpoint says of one variable.
struct TfVariable {
  DType dtype = DType::kF32;
  Shape shape = {};
  uint32_t shard = 0;  // The data file, in which the elements lie
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint32_t masked_crc = 0;  // See base::MaskCrc32c.
};

// The index of a TensorFlow checkpoint (PREFIX.index): a sorted table of protocol buffers.
// Variables that only training needs (the optimiser's, the step) and those that hold no numbers of
// a type that Gannet has are left out. Nothing is allocated beyond a small multiple of `bytes`.
struct TfIndex {
  uint32_t shards = 1;  // Data files.
  std::map<std::string, TfVariable, std::less<>> variables;

  static absl::StatusOr<TfIndex> Parse(std::string_view bytes);
};

// The variable as a view of its data file, when its place, its size and its CRC32C are right.
absl::StatusOr<TensorView> FindTfVariable(const TfVariable& variable, std::string_view data);

// A checkpoint that TensorFlow's Saver wrote (PREFIX.index and PREFIX.data-00000-of-00001, ...),
// mapped into memory. Opening checks every byte of the index and of the variables that are read.
// Big-endian checkpoints and variables saved in slices are refused. Errors name the file and the
// variable.
// Source: tensorflow/core/protobuf/tensor_bundle.proto, core/util/tensor_bundle.
class TfBundle {
 public:
  // `path` is PREFIX.index.
  static absl::StatusOr<TfBundle> Open(const std::filesystem::path& path);

  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TfBundle(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  std::vector<base::MappedFile> data_;
  std::map<std::string, TensorView, std::less<>> tensors_;
};

// The PREFIX.index of a folder whose prefix has ".ckpt" in it; nothing where there is none, an
// error where there are several.
absl::StatusOr<std::optional<std::filesystem::path>> FindTfBundle(
    const std::filesystem::path& folder);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_TF_BUNDLE_H_
