#include "encoder/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/config_file.h"

namespace gannet::encoder {
namespace {

constexpr std::string_view kWhole = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";

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
  std::error_code unreadable;
  Checkpoint checkpoint;
  const bool safetensors = std::filesystem::exists(path / kWhole, unreadable) ||
                           std::filesystem::exists(path / kIndex, unreadable);
  const std::optional<std::filesystem::path> gguf = safetensors ? std::nullopt : FindGguf(path);
  GANNET_RETURN_IF_ERROR(gguf ? checkpoint.OpenGguf(*gguf) : checkpoint.OpenSafetensors(path));
  return checkpoint;
}

absl::Status Checkpoint::OpenSafetensors(const std::filesystem::path& folder) {
  std::set<std::string> names = {std::string(kWhole)};
  if (!std::filesystem::exists(folder / kWhole) && std::filesystem::exists(folder / kIndex)) {
    GANNET_ASSIGN_OR_RETURN(names, ShardNames(folder / kIndex));
  }
  path_ = folder / kWhole;
  for (const std::string& name : names) {
    GANNET_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(folder / name));
    files_.push_back(std::move(file));
  }
  for (const SafetensorsFile& file : files_) {
    for (const auto& [name, tensor] : file.tensors()) {
      const auto [place, fresh] = tensors_.try_emplace(name, Entry{&file.path(), &tensor, {}});
      if (!fresh) {
        return absl::DataLossError(fmt::format("{}: tensor {} is also in {}", file.path().string(),
                                               name, place->second.file->string()));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Checkpoint::OpenGguf(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(GgufFile file, GgufFile::Open(path));
  gguf_.push_back(std::move(file));
  path_ = path;
  GANNET_ASSIGN_OR_RETURN(const std::vector<GgufTensor> tensors, ListGgufTensors(gguf_.front()));
  for (const GgufTensor& tensor : tensors) {
    tensors_.try_emplace(tensor.name,
                         Entry{&gguf_.front().path(), tensor.tensor, tensor.rearrangement});
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

const TensorView* Checkpoint::Find(std::string_view name) const {
  const auto found = tensors_.find(prefix_ + std::string(name));
  return found == tensors_.end() ? nullptr : found->second.tensor;
}

Shape Checkpoint::ShapeOf(std::string_view name) const {
  const TensorView* tensor = Find(name);
  return tensor == nullptr ? Shape() : tensor->shape;
}

absl::StatusOr<std::vector<float>> Checkpoint::Floats(std::string_view name,
                                                      const Shape& shape) const {
  const auto found = tensors_.find(prefix_ + std::string(name));
  if (found == tensors_.end()) {
    return absl::NotFoundError(fmt::format("{}: no tensor {}{}, expected {}", path_.string(),
                                           prefix_, name, ShapeName(shape)));
  }
  const TensorView* tensor = found->second.tensor;
  const auto wrong = [&](const std::string& what) {
    return absl::InvalidArgumentError(
        fmt::format("{}: tensor {}: {}", found->second.file->string(), found->first, what));
  };
  if (tensor->shape != shape) {
    return wrong(fmt::format("shape {}, expected {}", ShapeName(tensor->shape), ShapeName(shape)));
  }
  if (!IsFloating(tensor->dtype)) {
    return wrong(fmt::format("dtype {}, expected floating point", DTypeName(tensor->dtype)));
  }
  std::vector<float> values = ToFloats(*tensor);
  found->second.rearrangement.Apply(values, values.size() / shape.front());
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return wrong(fmt::format("element {} is {}", i, values[i]));
  }
  return values;
}

}  // namespace gannet::encoder
