#ifndef GANNET_ENCODER_CHECKPOINT_CHECKPOINT_H_
#define GANNET_ENCODER_CHECKPOINT_CHECKPOINT_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "encoder/checkpoint/gguf_model.h"
#include "encoder/checkpoint/rearrangement.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/checkpoint/tensor.h"
#include "encoder/checkpoint/tf_bundle.h"
#include "encoder/checkpoint/torch_zip.h"

namespace gannet::encoder {

// The named tensors of a model: of a folder those of model.safetensors, pytorch_model.bin or
// model.bin, or of the shards that NAME.index.json lists; in a folder without these, those of a
// GGUF file (which may be the path itself) or of a TensorFlow checkpoint (see TfBundle). Whatever
// the file, names, shapes and the order of values are those of transformers.
class Checkpoint {
 public:
  static absl::StatusOr<Checkpoint> Open(const std::filesystem::path& path);

  // Names may carry a prefix in the files (a classifier's encoder is saved as "bert.encoder...").
  // The first of `prefixes` under which `probe` exists is put before every name from here on.
  void UsePrefix(std::string_view probe, std::initializer_list<std::string_view> prefixes);

  bool Has(std::string_view name) const;

  // Values of all tensors, and the files that they lie in.
  uint64_t parameters() const;
  std::set<std::filesystem::path> files() const;

  // The shape of a tensor; empty when there is no such tensor.
  Shape ShapeOf(std::string_view name) const;

  // A floating tensor as fp32, row-major. Errors name the file, the tensor, the shape or dtype that
  // was found and what was expected.
  absl::StatusOr<std::vector<float>> Floats(std::string_view name, const Shape& shape) const;

  // One row of a floating matrix of `columns`, as fp32, where the others are not wanted. Of
  // matrices that lie in the file as they are.
  absl::StatusOr<std::vector<float>> Row(std::string_view name, size_t row, size_t columns) const;

 private:
  Checkpoint() = default;

  // A tensor, the file that it lies in, and what is left to do with its values; the shape is the
  // one that they have then.
  struct Entry {
    std::filesystem::path file;
    TensorView tensor;
    Rearrangement rearrangement = {};
  };

  template <typename File>
  absl::Status AddFiles(const std::set<std::string>& names, std::vector<File>& files);
  absl::Status AddTensor(std::string_view name, Entry entry);
  absl::Status AddGguf(const std::filesystem::path& path);
  // An error that says what was `expected` where there is no such tensor.
  absl::StatusOr<const Entry*> Find(std::string_view name, std::string_view expected) const;
  absl::StatusOr<std::vector<float>> Values(std::string_view name, const Entry& entry) const;
  absl::Status Error(std::string_view name, const Entry& entry, std::string_view what) const;

  std::vector<SafetensorsFile> safetensors_;
  std::vector<TorchZipFile> torch_;
  std::vector<GgufFile> gguf_;       // At most one.
  std::vector<TfBundle> tf_bundle_;  // At most one.
  std::map<std::string, Entry, std::less<>> tensors_;
  std::filesystem::path path_;  // The file, or the one that shards stand for.
  std::string prefix_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_CHECKPOINT_H_
