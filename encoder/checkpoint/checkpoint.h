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
#include "encoder/checkpoint/safetensors.h"
#include "encoder/checkpoint/torch_zip.h"

namespace gannet::encoder {

// The named tensors of a model: of a folder those of model.safetensors, pytorch_model.bin or
// model.bin, or of the shards that NAME.index.json lists; or those of a GGUF file (the path itself,
// or the one of a folder without the others) under the names and in the order of transformers.
class Checkpoint {
 public:
  static absl::StatusOr<Checkpoint> Open(const std::filesystem::path& path);

  // Names may carry a prefix in the files (a classifier's encoder is saved as "bert.encoder...").
  // The first of `prefixes` under which `probe` exists is put before every name from here on.
  void UsePrefix(std::string_view probe, std::initializer_list<std::string_view> prefixes);

  bool Has(std::string_view name) const { return Find(name) != nullptr; }

  // Values of all tensors, and the files that they lie in.
  uint64_t parameters() const;
  std::set<std::filesystem::path> files() const;

  // The shape of a tensor; empty when there is no such tensor.
  Shape ShapeOf(std::string_view name) const;

  // A floating tensor as fp32, row-major. Errors name the file, the tensor, the shape or dtype that
  // was found and what was expected.
  absl::StatusOr<std::vector<float>> Floats(std::string_view name, const Shape& shape) const;

 private:
  Checkpoint() = default;

  // A tensor, the file that it lies in, and what is left to do with its values.
  struct Entry {
    std::filesystem::path file;
    const TensorView* tensor = nullptr;
    GgufRearrangement rearrangement;
  };

  template <typename File>
  absl::Status AddFiles(const std::set<std::string>& names, std::vector<File>& files);
  absl::Status AddGguf(const std::filesystem::path& path);
  const TensorView* Find(std::string_view name) const;

  std::vector<SafetensorsFile> safetensors_;
  std::vector<TorchZipFile> torch_;
  std::vector<GgufFile> gguf_;  // At most one.
  std::map<std::string, Entry, std::less<>> tensors_;
  std::filesystem::path path_;  // The file, or the one that shards stand for.
  std::string prefix_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_CHECKPOINT_H_
