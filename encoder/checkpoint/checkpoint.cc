#include "encoder/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/tf_names.h"

namespace gannet::encoder {
namespace {

constexpr std::string_view kSafetensors = "model.safetensors";
// What a folder's weights may be called, each whole or as shards that an index names. The last is
// what M2-BERT's authors call theirs.
constexpr std::string_view kKinds[] = {kSafetensors, "pytorch_model.bin", "model.bin"};

// The shard files that an index names, each once.
absl::StatusOr<std::set<std::string>> ShardNames(const std::filesystem::path& index) {
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(index));
  GANNET_ASSIGN_OR_RETURN(const auto weight_map, file.Strings("weight_map"));
  std::set<std::string> names;
  for (const auto& [tensor, name] : weight_map) {
    if (std::filesystem::path(name).filename() != name) {
      return file.Error(fmt::format("weight_map.{}", tensor),
                        fmt::format("expected a file name, found \"{}\"", name));
    }
    names.insert(name);
  }
  if (names.empty()) return file.Error("weight_map", "names no file");
  return names;
}

}  // namespace

absl::StatusOr<Checkpoint> Checkpoint::Open(const std::filesystem::path& path) {
  const auto index = [](std::string_view whole) { return fmt::format("{}.index.json", whole); };
  const auto present = [&](std::string_view whole) {
    std::error_code unreadable;
    return std::filesystem::exists(path / whole, unreadable) ||
           std::filesystem::exists(path / index(whole), unreadable);
  };
  Checkpoint checkpoint;
  const auto kind = std::ranges::find_if(kKinds, present);
  if (kind == std::end(kKinds)) {
    if (const std::optional<std::filesystem::path> gguf = FindGguf(path)) {
      GANNET_RETURN_IF_ERROR(checkpoint.AddGguf(*gguf));
      return checkpoint;
    }
    GANNET_ASSIGN_OR_RETURN(const auto bundle, FindTfBundle(path));
    if (bundle) {
      checkpoint.path_ = *bundle;
      GANNET_RETURN_IF_ERROR(
          checkpoint.AddFiles({bundle->filename().string()}, checkpoint.tf_bundle_));
      return checkpoint;
    }
  }
  const std::string whole(kind == std::end(kKinds) ? kSafetensors : *kind);
  checkpoint.path_ = path / whole;
  std::set<std::string> names = {whole};
  if (!std::filesystem::exists(checkpoint.path_) && present(whole)) {
    GANNET_ASSIGN_OR_RETURN(names, ShardNames(path / index(whole)));
  }
  GANNET_RETURN_IF_ERROR(whole == kSafetensors ? checkpoint.AddFiles(names, checkpoint.safetensors_)
                                               : checkpoint.AddFiles(names, checkpoint.torch_));
  return checkpoint;
}

template <typename File>
absl::Status Checkpoint::AddFiles(const std::set<std::string>& names, std::vector<File>& files) {
  for (const std::string& name : names) {
    GANNET_ASSIGN_OR_RETURN(File file, File::Open(path_.parent_path() / name));
    files.push_back(std::move(file));
  }
  for (const File& file : files) {
    for (const auto& [name, tensor] : file.tensors()) {
      GANNET_RETURN_IF_ERROR(AddTensor(name, {file.path(), tensor}));
    }
  }
  return absl::OkStatus();
}

// Files of any kind may have kept TensorFlow's names, and with them its matrices.
absl::Status Checkpoint::AddTensor(std::string_view name, Entry entry) {
  if (IsTfKernel(name) && entry.tensor.shape.size() == 2) {
    std::swap(entry.tensor.shape[0], entry.tensor.shape[1]);
    entry.rearrangement.kind = Rearrangement::Kind::kTranspose;
  }
  const std::filesystem::path file = entry.file;
  const auto [place, fresh] =
      tensors_.try_emplace(IsTfName(name) ? FromTfName(name) : std::string(name), std::move(entry));
  if (fresh) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}: tensor {} is also in {}", file.string(), name, place->second.file.string()));
}

absl::Status Checkpoint::AddGguf(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(GgufFile file, GgufFile::Open(path));
  path_ = path;
  gguf_.push_back(std::move(file));
  GANNET_ASSIGN_OR_RETURN(const std::vector<GgufTensor> tensors, ListGgufTensors(gguf_.front()));
  for (const GgufTensor& tensor : tensors) {
    tensors_.try_emplace(tensor.name, Entry{path, *tensor.tensor, tensor.rearrangement});
  }
  return absl::OkStatus();
}

void Checkpoint::UsePrefix(std::string_view probe,
                           std::initializer_list<std::string_view> prefixes) {
  for (const std::string_view prefix : prefixes) {
    if (tensors_.contains(fmt::format("{}{}", prefix, probe))) {
      prefix_ = prefix;
      return;
    }
  }
}

bool Checkpoint::Has(std::string_view name) const {
  return tensors_.contains(prefix_ + std::string(name));
}

uint64_t Checkpoint::parameters() const {
  uint64_t parameters = 0;
  for (const auto& [name, entry] : tensors_) parameters += entry.tensor.elements();
  return parameters;
}

std::set<std::filesystem::path> Checkpoint::files() const {
  std::set<std::filesystem::path> files;
  for (const auto& [name, entry] : tensors_) files.insert(entry.file);
  return files;
}

Shape Checkpoint::ShapeOf(std::string_view name) const {
  const auto found = tensors_.find(prefix_ + std::string(name));
  return found == tensors_.end() ? Shape() : found->second.tensor.shape;
}

absl::StatusOr<const Checkpoint::Entry*> Checkpoint::Find(std::string_view name,
                                                          std::string_view expected) const {
  const auto found = tensors_.find(prefix_ + std::string(name));
  if (found != tensors_.end()) return &found->second;
  return absl::NotFoundError(
      fmt::format("{}: no tensor {}{}, expected {}", path_.string(), prefix_, name, expected));
}

absl::Status Checkpoint::Error(std::string_view name, const Entry& entry,
                               std::string_view what) const {
  return absl::InvalidArgumentError(
      fmt::format("{}: tensor {}{}: {}", entry.file.string(), prefix_, name, what));
}

absl::StatusOr<std::vector<float>> Checkpoint::Floats(std::string_view name,
                                                      const Shape& shape) const {
  GANNET_ASSIGN_OR_RETURN(const Entry* entry, Find(name, ShapeName(shape)));
  if (entry->tensor.shape != shape) {
    return Error(
        name, *entry,
        fmt::format("shape {}, expected {}", ShapeName(entry->tensor.shape), ShapeName(shape)));
  }
  return Values(name, *entry);
}

absl::StatusOr<std::vector<float>> Checkpoint::Row(std::string_view name, size_t row,
                                                   size_t columns) const {
  GANNET_ASSIGN_OR_RETURN(const Entry* entry, Find(name, fmt::format("[rows, {}]", columns)));
  const auto& [file, tensor, rearrangement] = *entry;
  if (tensor.shape.size() != 2 || tensor.shape[1] != columns || row >= tensor.shape[0] ||
      rearrangement.kind != Rearrangement::Kind::kNone) {
    return Error(name, *entry,
                 fmt::format("shape {}, expected one with a row {} of {} values",
                             ShapeName(tensor.shape), row, columns));
  }
  const size_t bytes = tensor.bytes.size() / tensor.shape[0];
  return Values(name, {file, {tensor.dtype, {columns}, tensor.bytes.substr(row * bytes, bytes)}});
}

absl::StatusOr<std::vector<float>> Checkpoint::Values(std::string_view name,
                                                      const Entry& entry) const {
  const auto& [file, tensor, rearrangement] = entry;
  if (!IsFloating(tensor.dtype)) {
    return Error(name, entry,
                 fmt::format("dtype {}, expected floating point", DTypeName(tensor.dtype)));
  }
  std::vector<float> values = ToFloats(tensor);
  rearrangement.Apply(values, tensor.shape.empty() ? 1 : tensor.shape.front());
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return Error(name, entry, fmt::format("element {} is {}", i, values[i]));
    }
  }
  return values;
}

}  // namespace gannet::encoder
