#include "encoder/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <cmath>
#include <set>
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

absl::StatusOr<Checkpoint> Checkpoint::Open(const std::filesystem::path& folder) {
  std::set<std::string> names = {std::string(kWhole)};
  if (!std::filesystem::exists(folder / kWhole) && std::filesystem::exists(folder / kIndex)) {
    GANNET_ASSIGN_OR_RETURN(names, ShardNames(folder / kIndex));
  }
  Checkpoint checkpoint;
  checkpoint.folder_ = folder;
  for (const std::string& name : names) {
    GANNET_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(folder / name));
    checkpoint.files_.push_back(std::move(file));
  }
  for (const SafetensorsFile& file : checkpoint.files_) {
    for (const auto& [name, tensor] : file.tensors()) {
      const auto [place, fresh] = checkpoint.tensors_.try_emplace(name, &file, &tensor);
      if (!fresh) {
        return absl::DataLossError(fmt::format("{}: tensor {} is also in {}", file.path().string(),
                                               name, place->second.first->path().string()));
      }
    }
  }
  return checkpoint;
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
  return found == tensors_.end() ? nullptr : found->second.second;
}

Shape Checkpoint::ShapeOf(std::string_view name) const {
  const TensorView* tensor = Find(name);
  return tensor == nullptr ? Shape() : tensor->shape;
}

absl::StatusOr<std::vector<float>> Checkpoint::Floats(std::string_view name,
                                                      const Shape& shape) const {
  const auto found = tensors_.find(prefix_ + std::string(name));
  if (found == tensors_.end()) {
    return absl::NotFoundError(fmt::format("{}: no tensor {}{}, expected {}",
                                           (folder_ / kWhole).string(), prefix_, name,
                                           ShapeName(shape)));
  }
  const SafetensorsFile* file = found->second.first;
  const TensorView* tensor = found->second.second;
  const auto wrong = [&](const std::string& what) {
    return absl::InvalidArgumentError(
        fmt::format("{}: tensor {}: {}", file->path().string(), found->first, what));
  };
  if (tensor->shape != shape) {
    return wrong(fmt::format("shape {}, expected {}", ShapeName(tensor->shape), ShapeName(shape)));
  }
  if (!IsFloating(tensor->dtype)) {
    return wrong(fmt::format("dtype {}, expected floating point", DTypeName(tensor->dtype)));
  }
  std::vector<float> values = ToFloats(*tensor);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return wrong(fmt::format("element {} is {}", i, values[i]));
  }
  return values;
}

}  // namespace gannet::encoder
