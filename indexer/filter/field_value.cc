#include "indexer/filter/field_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/checksum.h"
#include "base/status.h"
#include "indexer/filter/json_internal.h"

namespace gannet::indexer {
namespace {

using Json = nlohmann::json;
using Integer = __int128;  // Holds every int64 and uint64.

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTwoTo64 = 18446744073709551616.0;
constexpr uint64_t kSignBit = uint64_t{1} << 63;

bool IsWhole(double value) { return std::abs(value) < kTwoTo64 && std::trunc(value) == value; }

// The greatest double that is not above `value`, and the rest.
std::pair<double, uint16_t> Split(Integer value) {
  auto whole = static_cast<double>(value);
  if (static_cast<Integer>(whole) > value) whole = std::nextafter(whole, -kInfinity);
  return {whole, static_cast<uint16_t>(value - static_cast<Integer>(whole))};
}

// ---- Bytes. Strings end in 00 01, and a 00 inside them becomes 00 FF: the shorter of two strings
// sorts first, whatever follows.
enum class Type : char { kBool = 1, kNumber = 2, kString = 3 };

void AppendString(std::string_view text, std::string& out) {
  for (const char c : text) {
    out += c;
    if (c == '\0') out += '\xFF';
  }
  out.append("\0\1", 2);
}

// Takes a string from the front of `bytes`; false when none ends there.
bool TakeString(std::string_view& bytes, std::string& text) {
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    if (bytes[i] != '\0') {
      text += bytes[i];
    } else if (bytes[++i] == '\xFF') {
      text += '\0';
    } else {
      if (bytes[i] != '\1') return false;
      bytes.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

void AppendBigEndian(uint64_t value, size_t size, std::string& out) {
  for (size_t i = size; i-- > 0;) out += static_cast<char>(value >> 8 * i & 0xFF);
}

uint64_t TakeBigEndian(size_t size, std::string_view& bytes) {
  uint64_t value = 0;
  for (const char c : bytes.substr(0, size)) value = value << 8 | static_cast<uint8_t>(c);
  bytes.remove_prefix(size);
  return value;
}

void AppendNumber(const Number& number, std::string& out) {
  const auto bits = std::bit_cast<uint64_t>(number.whole());
  AppendBigEndian((bits & kSignBit) != 0 ? ~bits : bits | kSignBit, 8, out);
  AppendBigEndian(number.rest(), 2, out);
}

bool TakeNumber(std::string_view& bytes, FieldValue& value) {
  if (bytes.size() < 10) return false;
  const uint64_t bits = TakeBigEndian(8, bytes);
  const auto whole = std::bit_cast<double>((bits & kSignBit) != 0 ? bits ^ kSignBit : ~bits);
  const auto rest = static_cast<uint16_t>(TakeBigEndian(2, bytes));
  if (!std::isfinite(whole)) return false;
  if (rest != 0 && (!IsWhole(whole) || Split(static_cast<Integer>(whole) + rest).first != whole)) {
    return false;
  }
  value = Number::FromParts(whole, rest);
  return true;
}

bool TakeValue(std::string_view& bytes, FieldValue& value) {
  if (bytes.size() < 2) return false;
  const auto type = static_cast<Type>(bytes.front());
  bytes.remove_prefix(1);
  switch (type) {
    case Type::kBool: {
      const uint64_t byte = TakeBigEndian(1, bytes);
      value = byte != 0;
      return byte <= 1;
    }
    case Type::kNumber:
      return TakeNumber(bytes, value);
    case Type::kString:
      return TakeString(bytes, value.emplace<std::string>());
  }
  return false;
}

// ---- Extraction.
absl::Status AddEntries(const std::string& field, const Json& json,
                        std::vector<FieldEntry>& entries);

absl::Status AddObject(const std::string& field, const Json& object,
                       std::vector<FieldEntry>& entries) {
  for (const auto& [name, value] : object.items()) {
    GANNET_RETURN_IF_ERROR(
        AddEntries(field.empty() ? name : fmt::format("{}.{}", field, name), value, entries));
  }
  return absl::OkStatus();
}

absl::Status AddEntries(const std::string& field, const Json& json,
                        std::vector<FieldEntry>& entries) {
  if (json.is_object()) return AddObject(field, json, entries);
  if (json.is_array()) {
    for (const Json& value : json) GANNET_RETURN_IF_ERROR(AddEntries(field, value, entries));
    return absl::OkStatus();
  }
  if (json.is_null()) return absl::OkStatus();
  if (field.size() > kMaxFieldNameBytes) {
    return absl::InvalidArgumentError(fmt::format("field {}...: a name of more than {} bytes",
                                                  field.substr(0, 60), kMaxFieldNameBytes));
  }
  if (entries.size() == kMaxFieldEntries) {
    return absl::InvalidArgumentError(
        fmt::format("field {}: the document has more than {} values", field, kMaxFieldEntries));
  }
  if (json.is_boolean()) {
    entries.push_back({field, json.get<bool>()});
  } else if (json.is_number_unsigned()) {
    entries.push_back({field, Number::Of(json.get<uint64_t>())});
  } else if (json.is_number_integer()) {
    entries.push_back({field, Number::Of(json.get<int64_t>())});
  } else if (json.is_number_float()) {
    entries.push_back({field, Number::Of(json.get<double>())});
  } else {
    entries.push_back({field, ShortenString(json.get<std::string>())});
  }
  return absl::OkStatus();
}

}  // namespace

Number Number::Of(int64_t value) {
  const auto [whole, rest] = Split(value);
  return Number(whole, rest);
}

Number Number::Of(uint64_t value) {
  const auto [whole, rest] = Split(value);
  return Number(whole, rest);
}

Number Number::Of(double value) { return Number(value == 0 ? 0.0 : value, 0); }

Number Number::FromParts(double whole, uint16_t rest) { return Number(whole, rest); }

std::string Number::ToString() const {
  if (!IsWhole(whole_)) return fmt::format("{}", whole_);
  return fmt::format("{}", static_cast<Integer>(whole_) + rest_);
}

std::string ShortenString(std::string value) {
  if (value.size() <= kMaxStringValueBytes) return value;
  base::Fingerprinter fingerprint;
  fingerprint.Update(value);
  const std::string hash = fingerprint.HexDigest();
  size_t kept = kMaxStringValueBytes - hash.size();
  while (kept > 0 && (static_cast<unsigned char>(value[kept]) & 0xC0) == 0x80) --kept;
  value.resize(kept);
  return value + hash;
}

std::string ToString(const FieldValue& value) {
  if (const bool* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  if (const Number* number = std::get_if<Number>(&value)) return number->ToString();
  return Json(std::get<std::string>(value))
      .dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

absl::StatusOr<std::vector<FieldEntry>> ExtractFields(std::string_view metadata_json) {
  // What most documents of a plain corpus have.
  if (metadata_json == "{}") return std::vector<FieldEntry>();
  std::vector<FieldEntry> entries;
  absl::StatusOr<Json> metadata = ParseJsonObject(metadata_json, kMaxMetadataDepth);
  absl::Status status = metadata.status();
  if (status.ok()) status = AddObject("", *metadata, entries);
  if (!status.ok()) return base::Annotate(status, "metadata");
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  return entries;
}

absl::StatusOr<std::string> MergeMetadata(std::string_view metadata_json,
                                          std::string_view patch_json) {
  absl::StatusOr<Json> metadata = ParseJsonObject(metadata_json, kMaxMetadataDepth);
  if (!metadata.ok()) return base::Annotate(metadata.status(), "metadata");
  absl::StatusOr<Json> patch = ParseJsonObject(patch_json, kMaxMetadataDepth);
  if (!patch.ok()) return base::Annotate(patch.status(), "metadata patch");
  metadata->merge_patch(*patch);
  try {
    return metadata->dump();
  } catch (const Json::exception& error) {  // Ill-formed UTF-8.
    return absl::InvalidArgumentError(fmt::format("metadata patch: {}", error.what()));
  }
}

std::string EncodeFieldPrefix(std::string_view field) {
  std::string bytes;
  AppendString(field, bytes);
  return bytes;
}

std::string EncodeFieldEntry(std::string_view field, const FieldValue& value) {
  std::string bytes = EncodeFieldPrefix(field);
  if (const bool* truth = std::get_if<bool>(&value)) {
    bytes += static_cast<char>(Type::kBool);
    bytes += *truth ? '\1' : '\0';
  } else if (const Number* number = std::get_if<Number>(&value)) {
    bytes += static_cast<char>(Type::kNumber);
    AppendNumber(*number, bytes);
  } else {
    bytes += static_cast<char>(Type::kString);
    AppendString(std::get<std::string>(value), bytes);
  }
  return bytes;
}

absl::StatusOr<DecodedFieldEntry> DecodeFieldEntry(std::string_view bytes) {
  DecodedFieldEntry decoded;
  decoded.rest = bytes;
  if (!TakeString(decoded.rest, decoded.entry.field) ||
      !TakeValue(decoded.rest, decoded.entry.value)) {
    return absl::DataLossError(fmt::format("{} bytes that are no field entry", bytes.size()));
  }
  return decoded;
}

}  // namespace gannet::indexer
