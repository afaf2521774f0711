#include "encoder/checkpoint/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "base/status.h"

namespace gannet::encoder {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // The format's own limit.

template <typename... Args>
absl::Status Corrupt(fmt::format_string<Args...> format, Args&&... args) {
  return absl::DataLossError(fmt::format(format, std::forward<Args>(args)...));
}

// The JSON header. The parser keeps the last of two equal keys; the format forbids them.
absl::StatusOr<Json> ParseHeader(std::string_view text) {
  std::vector<std::set<std::string>> keys;  // Of the objects being read, outermost first.
  std::string repeated;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second && repeated.empty()) repeated = key;
    }
    return depth < 8;  // Drops what a header has no use for.
  };
  Json header = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (header.is_discarded() || !header.is_object()) {
    return Corrupt("the header is not a JSON object");
  }
  if (!repeated.empty()) return Corrupt("the header has the name \"{}\" twice", repeated);
  return header;
}

absl::StatusOr<Shape> ParseShape(const Json& value) {
  Shape shape;
  if (!value.is_array()) return Corrupt("shape is not a list");
  for (const Json& extent : value) {
    if (!extent.is_number_unsigned()) return Corrupt("shape has {}", extent.dump());
    shape.push_back(extent.get<size_t>());
  }
  return shape;
}

absl::StatusOr<size_t> BytesOf(DType dtype, const Shape& shape) {
  size_t bytes = DTypeBlockBytes(dtype);
  for (const size_t extent : shape) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) {
      return Corrupt("shape {} is too large", ShapeName(shape));
    }
  }
  return bytes;
}

absl::StatusOr<TensorView> ParseTensor(const Json& entry, std::string_view data) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
      !entry.contains("shape") || !entry.contains("data_offsets")) {
    return Corrupt("expected an object with dtype, shape and data_offsets");
  }
  TensorView tensor;
  const auto& dtype_name = entry["dtype"].get_ref<const std::string&>();
  const std::optional<DType> dtype = ParseDType(dtype_name);
  if (!dtype) return Corrupt("unknown dtype \"{}\"", dtype_name);
  tensor.dtype = *dtype;
  GANNET_ASSIGN_OR_RETURN(tensor.shape, ParseShape(entry["shape"]));
  GANNET_ASSIGN_OR_RETURN(const size_t expected, BytesOf(tensor.dtype, tensor.shape));

  const Json& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    return Corrupt("data_offsets is {}, expected two numbers", offsets.dump());
  }
  const auto begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
  if (begin > end || end > data.size()) {
    return Corrupt("data_offsets {} lie outside the {} bytes of data", offsets.dump(), data.size());
  }
  if (end - begin != expected) {
    return Corrupt("{} {} needs {} bytes, data_offsets {} hold {}", dtype_name,
                   ShapeName(tensor.shape), expected, offsets.dump(), end - begin);
  }
  tensor.bytes = data.substr(begin, expected);
  return tensor;
}

// The tensors must cover the data exactly: bytes that no tensor owns could hide anything.
absl::Status CheckCoverage(const std::map<std::string, TensorView, std::less<>>& tensors,
                           std::string_view data) {
  std::vector<std::pair<size_t, size_t>> ranges;
  for (const auto& [name, tensor] : tensors) {
    const auto begin = static_cast<size_t>(tensor.bytes.data() - data.data());
    ranges.emplace_back(begin, begin + tensor.bytes.size());
  }
  std::sort(ranges.begin(), ranges.end());
  size_t covered = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != covered) {
      return Corrupt("tensors {} at byte {} of the data",
                     begin < covered ? "overlap" : "leave a hole", std::min(begin, covered));
    }
    covered = end;
  }
  if (covered != data.size()) {
    return Corrupt("the tensors end at byte {} of {} bytes of data", covered, data.size());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::map<std::string, TensorView, std::less<>>> ReadSafetensors(
    std::string_view bytes) {
  uint64_t header_size = 0;
  if (bytes.size() < sizeof(header_size)) return Corrupt("only {} bytes long", bytes.size());
  std::memcpy(&header_size, bytes.data(), sizeof(header_size));
  if (header_size > kMaxHeaderBytes || header_size > bytes.size() - sizeof(header_size)) {
    return Corrupt("header length {} does not fit a file of {} bytes", header_size, bytes.size());
  }
  const std::string_view data = bytes.substr(sizeof(header_size) + header_size);
  GANNET_ASSIGN_OR_RETURN(const Json header,
                          ParseHeader(bytes.substr(sizeof(header_size), header_size)));

  std::map<std::string, TensorView, std::less<>> tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    absl::StatusOr<TensorView> tensor = ParseTensor(entry, data);
    if (!tensor.ok()) return base::Annotate(tensor.status(), fmt::format("tensor {}", name));
    tensors.emplace(name, *std::move(tensor));
  }
  GANNET_RETURN_IF_ERROR(CheckCoverage(tensors, data));
  return tensors;
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(base::MappedFile mapped, base::MappedFile::Open(path));
  SafetensorsFile file(std::move(mapped));
  auto tensors = ReadSafetensors(file.file_.bytes());
  if (!tensors.ok()) return base::Annotate(tensors.status(), path.string());
  file.tensors_ = *std::move(tensors);
  return file;
}

}  // namespace gannet::encoder
