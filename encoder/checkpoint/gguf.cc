#include "encoder/checkpoint/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/status.h"
#include "base/utf8.h"

namespace gannet::encoder {

static_assert(std::endian::native == std::endian::little, "GGUF is read as little-endian");

namespace {

using Type = GgufMetadata::Type;

constexpr uint64_t kDefaultAlignment = 32;
constexpr size_t kMostExtents = 4;

// A name as it stands in the file, fit for a message.
std::string Shown(std::string_view name) {
  constexpr size_t kMost = 80;
  std::string text = base::RepairUtf8(name.substr(0, kMost)).text;
  if (name.size() > kMost) text += "...";
  return text;
}

// Bytes of one element; 0 for strings and arrays, which vary, and for what is not known.
size_t SizeOf(Type type) {
  switch (type) {
    case Type::kUint8:
    case Type::kInt8:
    case Type::kBool:
      return 1;
    case Type::kUint16:
    case Type::kInt16:
      return 2;
    case Type::kUint32:
    case Type::kInt32:
    case Type::kFloat32:
      return 4;
    case Type::kUint64:
    case Type::kInt64:
    case Type::kFloat64:
      return 8;
    default:
      return 0;
  }
}

bool IsNumber(Type type) { return type == Type::kFloat32 || type == Type::kFloat64; }

template <typename T>
T Load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

int64_t LoadInteger(Type type, const char* bytes) {
  switch (type) {
    case Type::kInt8:
      return Load<int8_t>(bytes);
    case Type::kUint16:
      return Load<uint16_t>(bytes);
    case Type::kInt16:
      return Load<int16_t>(bytes);
    case Type::kUint32:
      return Load<uint32_t>(bytes);
    case Type::kInt32:
      return Load<int32_t>(bytes);
    case Type::kUint64:
    case Type::kInt64:
      return Load<int64_t>(bytes);
    default:
      return Load<uint8_t>(bytes);
  }
}

double LoadNumber(Type type, const char* bytes) {
  return type == Type::kFloat32 ? Load<float>(bytes) : Load<double>(bytes);
}

// GGUF's numbers for the types of tensors that are read.
constexpr std::array<std::pair<uint32_t, DType>, 7> kTensorTypes = {{{0, DType::kF32},
                                                                     {1, DType::kF16},
                                                                     {2, DType::kQ4_0},
                                                                     {8, DType::kQ8_0},
                                                                     {12, DType::kQ4K},
                                                                     {14, DType::kQ6K},
                                                                     {30, DType::kBF16}}};

}  // namespace

// Reads a file from front to back; after a failure every read gives zero.
class GgufReader {
 public:
  explicit GgufReader(std::string_view file) : file_(file) {}

  absl::StatusOr<GgufContent> Read() {
    if (!file_.starts_with("GGUF")) return absl::InvalidArgumentError("not a GGUF file");
    position_ = 4;
    const auto version = Scalar<uint32_t>();
    if (version != 2 && version != 3) {
      return absl::InvalidArgumentError(
          fmt::format("GGUF version {}; versions 2 and 3 are known", version));
    }
    const auto tensors = Scalar<uint64_t>();
    const auto entries = Scalar<uint64_t>();
    if (!what_.empty()) return absl::DataLossError(fmt::format("{} at byte {}", what_, position_));
    GANNET_RETURN_IF_ERROR(ReadMetadata(entries));
    GANNET_RETURN_IF_ERROR(ReadTensorEntries(tensors));
    GANNET_RETURN_IF_ERROR(PlaceTensors());
    return std::move(content_);
  }

 private:
  struct Entry {
    TensorView tensor;
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  void Fail(std::string_view what) {
    if (what_.empty()) what_ = what;
  }

  uint64_t left() const { return file_.size() - position_; }

  std::string_view Bytes(uint64_t size) {
    if (!what_.empty() || size > left()) {
      Fail("the file ends early");
      return {};
    }
    position_ += size;
    return file_.substr(position_ - size, size);
  }

  template <typename T>
  T Scalar() {
    const std::string_view bytes = Bytes(sizeof(T));
    return bytes.size() == sizeof(T) ? Load<T>(bytes.data()) : T{};
  }

  std::string_view String() { return Bytes(Scalar<uint64_t>()); }

  absl::Status ReadMetadata(uint64_t entries) {
    for (uint64_t i = 0; i < entries; ++i) {
      const std::string_view key = String();
      const GgufMetadata::Value value = ReadValue();
      if (!what_.empty()) {
        return absl::DataLossError(
            fmt::format("metadata {} (\"{}\"): {} at byte {}", i, Shown(key), what_, position_));
      }
      if (!content_.metadata.values_.emplace(key, value).second) {
        return absl::DataLossError(fmt::format("metadata \"{}\" stands twice", Shown(key)));
      }
    }
    return absl::OkStatus();
  }

  GgufMetadata::Value ReadValue() {
    const auto type = static_cast<Type>(Scalar<uint32_t>());
    if (type == Type::kString) return String();
    if (type == Type::kArray) return ReadArray();
    const size_t size = SizeOf(type);
    if (size == 0) Fail(fmt::format("type {} is not known", static_cast<uint32_t>(type)));
    const std::string_view bytes = Bytes(size);
    if (bytes.empty()) return int64_t{0};
    if (IsNumber(type)) return LoadNumber(type, bytes.data());
    return LoadInteger(type, bytes.data());
  }

  GgufMetadata::Array ReadArray() {
    GgufMetadata::Array array;
    array.type = static_cast<Type>(Scalar<uint32_t>());
    array.size = Scalar<uint64_t>();
    const bool strings = array.type == Type::kString;
    // A string is at least its length.
    const size_t least = strings ? sizeof(uint64_t) : SizeOf(array.type);
    if (least == 0) {
      Fail(fmt::format("an array of type {}", static_cast<uint32_t>(array.type)));
    } else if (array.size > left() / least) {
      Fail(fmt::format("an array of {} elements", array.size));
    } else if (!strings) {
      array.bytes = Bytes(array.size * least);
    } else {
      const size_t begin = position_;
      for (uint64_t i = 0; i < array.size && what_.empty(); ++i) String();
      array.bytes = file_.substr(begin, position_ - begin);
    }
    return array;
  }

  absl::Status ReadTensorEntries(uint64_t tensors) {
    for (uint64_t i = 0; i < tensors; ++i) {
      const std::string_view name = String();
      Entry entry = ReadTensorEntry();
      if (!what_.empty()) {
        return absl::DataLossError(
            fmt::format("tensor {} (\"{}\"): {} at byte {}", i, Shown(name), what_, position_));
      }
      if (!entries_.emplace(name, std::move(entry)).second) {
        return absl::DataLossError(fmt::format("tensor \"{}\" stands twice", Shown(name)));
      }
    }
    return absl::OkStatus();
  }

  Entry ReadTensorEntry() {
    Entry entry;
    const auto extents = Scalar<uint32_t>();
    if (extents == 0 || extents > kMostExtents) {
      Fail(fmt::format("{} extents, expected 1 to {}", extents, kMostExtents));
      return entry;
    }
    for (uint32_t e = 0; e < extents; ++e) entry.tensor.shape.push_back(Scalar<uint64_t>());
    const auto type = Scalar<uint32_t>();
    entry.offset = Scalar<uint64_t>();
    const auto* known = std::ranges::find(kTensorTypes, type, &std::pair<uint32_t, DType>::first);
    if (known == kTensorTypes.end()) {
      Fail(fmt::format("type {} is not among F32, F16, BF16, Q8_0, Q4_0, Q4_K and Q6_K", type));
      return entry;
    }
    entry.tensor.dtype = known->second;
    SetSize(entry);
    std::ranges::reverse(entry.tensor.shape);
    return entry;
  }

  // entry.size from the extents, the innermost first.
  void SetSize(Entry& entry) {
    const size_t block = DTypeBlock(entry.tensor.dtype);
    const Shape& extents = entry.tensor.shape;
    if (extents.front() % block != 0) {
      return Fail(fmt::format("rows of {} are not whole blocks of {}", extents.front(), block));
    }
    uint64_t size = DTypeBlockBytes(entry.tensor.dtype);
    for (size_t e = 0; e < extents.size(); ++e) {
      const uint64_t extent = e == 0 ? extents[e] / block : extents[e];
      if (extent == 0 || __builtin_mul_overflow(size, extent, &size) || size > file_.size()) {
        return Fail(fmt::format("extents {} do not fit a file of {} bytes", ShapeName(extents),
                                file_.size()));
      }
    }
    entry.size = size;
  }

  absl::StatusOr<uint64_t> Alignment() const {
    if (!content_.metadata.Has("general.alignment")) return kDefaultAlignment;
    const std::optional<int64_t> alignment = content_.metadata.Integer("general.alignment");
    if (!alignment || *alignment < 8 || *alignment > (1 << 20) ||
        !std::has_single_bit(static_cast<uint64_t>(*alignment))) {
      return absl::DataLossError(
          fmt::format("metadata \"general.alignment\": {}, expected a power of 2 from 8",
                      alignment ? fmt::format("{}", *alignment) : "no whole number"));
    }
    return static_cast<uint64_t>(*alignment);
  }

  // The data begin at the next multiple of the alignment, and so does every tensor.
  absl::Status PlaceTensors() {
    if (entries_.empty()) return absl::OkStatus();  // A vocabulary alone.
    GANNET_ASSIGN_OR_RETURN(const uint64_t alignment, Alignment());
    const auto aligned = [&](uint64_t value) { return (value + alignment - 1) & ~(alignment - 1); };
    const uint64_t begin = aligned(position_);
    if (begin > file_.size()) return absl::DataLossError("the file ends before the tensors");
    const std::string_view data = file_.substr(begin);

    std::vector<std::pair<std::string_view, Entry*>> in_order;
    for (auto& [name, entry] : entries_) in_order.emplace_back(name, &entry);
    std::ranges::sort(in_order, {}, [](const auto& e) { return e.second->offset; });
    uint64_t end = 0;
    for (const auto& [name, entry] : in_order) {
      if (entry->offset != aligned(end)) {
        return absl::DataLossError(fmt::format("tensor \"{}\" begins at byte {} of the data, {}",
                                               Shown(name), entry->offset,
                                               fmt::format("expected {}", aligned(end))));
      }
      if (entry->offset > data.size() || entry->size > data.size() - entry->offset) {
        return absl::DataLossError(
            fmt::format("tensor \"{}\": {} bytes from byte {} on lie outside the {} bytes of data",
                        Shown(name), entry->size, entry->offset, data.size()));
      }
      entry->tensor.bytes = data.substr(entry->offset, entry->size);
      end = entry->offset + entry->size;
      content_.tensors.emplace(name, entry->tensor);
    }
    if (data.size() > aligned(end)) {
      return absl::DataLossError(
          fmt::format("the tensors end at byte {} of {} bytes of data", end, data.size()));
    }
    return absl::OkStatus();
  }

  std::string_view file_;
  size_t position_ = 0;
  std::string what_;  // What has failed first.
  GgufContent content_;
  std::map<std::string_view, Entry> entries_;
};

std::optional<std::string_view> GgufMetadata::String(std::string_view key) const {
  const auto* value = Find<std::string_view>(key);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<int64_t> GgufMetadata::Integer(std::string_view key) const {
  const auto* value = Find<int64_t>(key);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<double> GgufMetadata::Number(std::string_view key) const {
  if (const auto* value = Find<double>(key)) return *value;
  const std::optional<int64_t> integer = Integer(key);
  return integer ? std::optional(static_cast<double>(*integer)) : std::nullopt;
}

std::optional<std::vector<std::string_view>> GgufMetadata::Strings(std::string_view key) const {
  const auto* array = Find<Array>(key);
  if (array == nullptr || array->type != Type::kString) return std::nullopt;
  std::vector<std::string_view> strings;
  strings.reserve(array->size);
  std::string_view rest = array->bytes;
  for (uint64_t i = 0; i < array->size; ++i) {
    const auto size = Load<uint64_t>(rest.data());
    strings.push_back(rest.substr(sizeof(size), size));
    rest.remove_prefix(sizeof(size) + size);
  }
  return strings;
}

std::optional<std::vector<int64_t>> GgufMetadata::Integers(std::string_view key) const {
  const auto* array = Find<Array>(key);
  if (array == nullptr || array->type == Type::kString || IsNumber(array->type)) {
    return std::nullopt;
  }
  std::vector<int64_t> integers(array->size);
  for (size_t i = 0; i < integers.size(); ++i) {
    integers[i] = LoadInteger(array->type, array->bytes.data() + i * SizeOf(array->type));
  }
  return integers;
}

std::optional<std::vector<double>> GgufMetadata::Numbers(std::string_view key) const {
  const auto* array = Find<Array>(key);
  if (array == nullptr || !IsNumber(array->type)) return std::nullopt;
  std::vector<double> numbers(array->size);
  for (size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = LoadNumber(array->type, array->bytes.data() + i * SizeOf(array->type));
  }
  return numbers;
}

absl::StatusOr<GgufContent> GgufContent::Parse(std::string_view bytes) {
  return GgufReader(bytes).Read();
}

absl::StatusOr<GgufFile> GgufFile::Open(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(base::MappedFile file, base::MappedFile::Open(path));
  absl::StatusOr<GgufContent> content = GgufContent::Parse(file.bytes());
  if (!content.ok()) return base::Annotate(content.status(), path.string());
  return GgufFile(std::move(file), *std::move(content));
}

absl::Status GgufFile::Error(std::string_view subject, std::string_view what) const {
  return absl::InvalidArgumentError(fmt::format("{}: {}: {}", path().string(), subject, what));
}

std::optional<std::filesystem::path> FindGguf(const std::filesystem::path& path) {
  std::error_code unreadable;
  if (path.extension() == ".gguf" && !std::filesystem::is_directory(path, unreadable)) return path;
  std::optional<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(path, unreadable)) {
    if (entry.path().extension() != ".gguf") continue;
    if (found) return std::nullopt;
    found = entry.path();
  }
  return found;
}

}  // namespace gannet::encoder
