#include "encoder/checkpoint/tf_bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <system_error>

#include "base/checksum.h"
#include "base/status.h"
#include "encoder/checkpoint/proto_message.h"
#include "encoder/checkpoint/sorted_table.h"

namespace gannet::encoder {
namespace {

constexpr std::string_view kIndex = ".index";
constexpr uint64_t kVersion = 1;  // Of the format, as it has been since 2016.

template <typename... Args>
absl::Status Corrupt(fmt::format_string<Args...> format, Args&&... args) {
  return absl::DataLossError(fmt::format(format, std::forward<Args>(args)...));
}

// TensorFlow's numbers of the types that Gannet has (types.proto).
constexpr std::array<std::pair<uint64_t, DType>, 13> kDTypes = {{{1, DType::kF32},
                                                                 {2, DType::kF64},
                                                                 {3, DType::kI32},
                                                                 {4, DType::kU8},
                                                                 {5, DType::kI16},
                                                                 {6, DType::kI8},
                                                                 {9, DType::kI64},
                                                                 {10, DType::kBool},
                                                                 {14, DType::kBF16},
                                                                 {17, DType::kU16},
                                                                 {19, DType::kF16},
                                                                 {22, DType::kU32},
                                                                 {23, DType::kU64}}};

// The last parts of names that optimisers give their variables, and the step.
constexpr std::array<std::string_view, 7> kTraining = {
    "adam_m", "adam_v", "Adam", "Adam_1", "beta1_power", "beta2_power", "global_step"};

bool IsForTraining(std::string_view name) {
  return std::ranges::find(kTraining, name.substr(name.rfind('/') + 1)) != kTraining.end();
}

absl::Status CheckVersion(std::string_view message) {
  return ReadProtoMessage(message, [](const ProtoField& field) -> absl::Status {
    if (field.number == 2 && field.value > kVersion) {
      return absl::UnimplementedError(
          fmt::format("wants a reader of version {}, but only {} is known", field.value, kVersion));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<uint32_t> ReadHeader(std::string_view message) {
  uint64_t shards = 0;
  GANNET_RETURN_IF_ERROR(ReadProtoMessage(message, [&](const ProtoField& field) -> absl::Status {
    if (field.number == 1) shards = field.value;
    if (field.number == 2 && field.value != 0) {
      return absl::UnimplementedError("big-endian, which is not read");
    }
    if (field.number == 3) return CheckVersion(field.bytes);
    return absl::OkStatus();
  }));
  if (shards == 0 || shards > std::numeric_limits<int32_t>::max()) {
    return Corrupt("num_shards: {}, expected 1 or more", shards);
  }
  return static_cast<uint32_t>(shards);
}

absl::StatusOr<size_t> ReadExtent(std::string_view message) {
  uint64_t extent = 0;
  GANNET_RETURN_IF_ERROR(ReadProtoMessage(message, [&](const ProtoField& field) {
    if (field.number == 1) extent = field.value;
    return absl::OkStatus();
  }));
  if (extent > std::numeric_limits<int64_t>::max()) {
    return Corrupt("shape: {} is no extent", static_cast<int64_t>(extent));
  }
  return extent;
}

absl::StatusOr<Shape> ReadShape(std::string_view message) {
  Shape shape;
  GANNET_RETURN_IF_ERROR(ReadProtoMessage(message, [&](const ProtoField& field) -> absl::Status {
    if (field.number == 3 && field.value != 0) return Corrupt("shape: of unknown rank");
    if (field.number != 2) return absl::OkStatus();
    GANNET_ASSIGN_OR_RETURN(const size_t extent, ReadExtent(field.bytes));
    shape.push_back(extent);
    return absl::OkStatus();
  }));
  return shape;
}

// A variable; nothing where its type is none of kDTypes.
absl::StatusOr<std::optional<TfVariable>> ReadEntry(std::string_view message, uint32_t shards) {
  TfVariable variable;
  uint64_t dtype = 0, shard = 0;
  size_t slices = 0;
  GANNET_RETURN_IF_ERROR(ReadProtoMessage(message, [&](const ProtoField& field) -> absl::Status {
    switch (field.number) {
      case 1:
        dtype = field.value;
        break;
      case 2: {
        GANNET_ASSIGN_OR_RETURN(variable.shape, ReadShape(field.bytes));
        break;
      }
      case 3:
        shard = field.value;
        break;
      case 4:
        variable.offset = field.value;
        break;
      case 5:
        variable.bytes = field.value;
        break;
      case 6:
        variable.masked_crc = static_cast<uint32_t>(field.value);
        break;
      case 7:
        ++slices;
        break;
      default:
        break;
    }
    return absl::OkStatus();
  }));
  const auto known = std::ranges::find(kDTypes, dtype, &std::pair<uint64_t, DType>::first);
  if (known == kDTypes.end()) return std::nullopt;
  variable.dtype = known->second;
  if (slices > 0) {
    return absl::UnimplementedError(fmt::format("saved in {} slices, which are not read", slices));
  }
  if (shard >= shards) return Corrupt("shard_id: {}, but there are {} data files", shard, shards);
  variable.shard = static_cast<uint32_t>(shard);
  return variable;
}

std::filesystem::path DataPath(const std::filesystem::path& index, uint32_t shard,
                               uint32_t shards) {
  std::string prefix = index.string();
  prefix.resize(prefix.size() - kIndex.size());
  return fmt::format("{}.data-{:05}-of-{:05}", prefix, shard, shards);
}

}  // namespace

absl::StatusOr<TfIndex> TfIndex::Parse(std::string_view bytes) {
  TfIndex index;
  bool has_header = false;
  // Neighbouring keys share what they begin with; names that share more than those of any model do
  // would make much of a small file.
  size_t room = 16 * bytes.size();
  const auto see = [&](std::string_view key, std::string_view value) -> absl::Status {
    if (!has_header) {
      if (!key.empty()) return Corrupt("does not begin with the header of a checkpoint");
      has_header = true;
      const absl::StatusOr<uint32_t> files = ReadHeader(value);
      if (!files.ok()) return base::Annotate(files.status(), "header");
      index.shards = *files;
      return absl::OkStatus();
    }
    // Slices of a variable lie under keys that begin with a zero.
    if (key.starts_with('\0') || IsForTraining(key)) return absl::OkStatus();
    if (key.size() > room) return Corrupt("the names are too long for {} bytes", bytes.size());
    room -= key.size();
    const auto variable = ReadEntry(value, index.shards);
    if (!variable.ok()) return base::Annotate(variable.status(), fmt::format("variable {}", key));
    if (variable->has_value()) index.variables.emplace(key, **variable);
    return absl::OkStatus();
  };
  GANNET_RETURN_IF_ERROR(ReadSortedTable(bytes, see));
  if (!has_header) return Corrupt("has no entries");
  return index;
}

absl::StatusOr<TensorView> FindTfVariable(const TfVariable& variable, std::string_view data) {
  size_t expected = DTypeBlockBytes(variable.dtype);
  for (const size_t extent : variable.shape) {
    if (__builtin_mul_overflow(expected, extent, &expected)) {
      return Corrupt("shape {} is too large", ShapeName(variable.shape));
    }
  }
  if (variable.bytes != expected) {
    return Corrupt("{} bytes, but {} {} needs {}", variable.bytes, DTypeName(variable.dtype),
                   ShapeName(variable.shape), expected);
  }
  if (variable.offset > data.size() || expected > data.size() - variable.offset) {
    return Corrupt("{} bytes at byte {} lie outside the {} bytes of the file", expected,
                   variable.offset, data.size());
  }
  const std::string_view bytes = data.substr(variable.offset, expected);
  if (base::MaskCrc32c(base::Crc32c(bytes)) != variable.masked_crc) {
    return Corrupt("its {} bytes at byte {} do not have their CRC32C", expected, variable.offset);
  }
  return TensorView{variable.dtype, variable.shape, bytes};
}

absl::StatusOr<TfBundle> TfBundle::Open(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(const base::MappedFile file, base::MappedFile::Open(path));
  const absl::StatusOr<TfIndex> index = TfIndex::Parse(file.bytes());
  if (!index.ok()) return base::Annotate(index.status(), path.string());
  TfBundle bundle(path);
  std::map<uint32_t, std::string_view> data;  // Of the data files that variables lie in.
  for (const auto& [name, variable] : index->variables) {
    const std::filesystem::path data_path = DataPath(path, variable.shard, index->shards);
    if (!data.contains(variable.shard)) {
      GANNET_ASSIGN_OR_RETURN(base::MappedFile mapped, base::MappedFile::Open(data_path));
      data.emplace(variable.shard, mapped.bytes());
      bundle.data_.push_back(std::move(mapped));
    }
    absl::StatusOr<TensorView> tensor = FindTfVariable(variable, data.at(variable.shard));
    if (!tensor.ok()) {
      return base::Annotate(tensor.status(),
                            fmt::format("{}: variable {}", data_path.string(), name));
    }
    bundle.tensors_.emplace(name, *std::move(tensor));
  }
  return bundle;
}

absl::StatusOr<std::optional<std::filesystem::path>> FindTfBundle(
    const std::filesystem::path& folder) {
  std::set<std::string> found;
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator(folder, unreadable)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(kIndex) && name.find(".ckpt") != name.npos) found.insert(name);
  }
  if (found.empty()) return std::nullopt;
  if (found.size() > 1) {
    return absl::InvalidArgumentError(
        fmt::format("{}: has more than one checkpoint, {} and {}: keep the one that is meant",
                    folder.string(), *found.begin(), *std::next(found.begin())));
  }
  return folder / *found.begin();
}

}  // namespace gannet::encoder
