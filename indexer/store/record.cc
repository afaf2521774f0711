#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "encoder/layers/model_options.h"
#include "indexer/store/record_internal.h"

namespace gannet::indexer {
namespace {

constexpr char kDocumentVersion = 1;
constexpr int kSchemaVersion = 1;

// Whole numbers as `size` bytes, least significant first.
std::string LittleEndian(uint64_t value, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(value & 0xFF);
    value >>= 8;
  }
  return bytes;
}

uint64_t FromLittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace

std::string EncodeKey(DocumentKey key) {
  std::string bytes = LittleEndian(key, sizeof(key));
  return {bytes.rbegin(), bytes.rend()};
}

absl::StatusOr<DocumentKey> DecodeKey(std::string_view bytes) {
  if (bytes.size() != sizeof(DocumentKey)) {
    return absl::DataLossError(fmt::format("a key of {} bytes", bytes.size()));
  }
  return FromLittleEndian(std::string(bytes.rbegin(), bytes.rend()));
}

std::string EncodeDocument(const Document& document) {
  std::string bytes(1, kDocumentVersion);
  for (const std::string* field :
       {&document.id, &document.title, &document.text, &document.metadata_json}) {
    bytes += LittleEndian(field->size(), sizeof(uint32_t));
    bytes += *field;
  }
  return bytes;
}

absl::StatusOr<Document> DecodeDocument(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != kDocumentVersion) {
    return absl::DataLossError("a document record of an unknown version");
  }
  bytes.remove_prefix(1);
  Document document;
  for (std::string* field :
       {&document.id, &document.title, &document.text, &document.metadata_json}) {
    if (bytes.size() < sizeof(uint32_t)) return absl::DataLossError("a document record cut short");
    const uint64_t size = FromLittleEndian(bytes.substr(0, sizeof(uint32_t)));
    bytes.remove_prefix(sizeof(uint32_t));
    if (bytes.size() < size) return absl::DataLossError("a document record cut short");
    *field = bytes.substr(0, size);
    bytes.remove_prefix(size);
  }
  if (!bytes.empty()) return absl::DataLossError("a document record with bytes left over");
  return document;
}

std::string EncodeSchema(const CollectionSchema& schema) {
  const nlohmann::json json = {
      {"version", kSchemaVersion},
      {"model_folder", schema.model_folder.string()},
      {"model_name", schema.model_name},
      {"model_fingerprint", schema.model_fingerprint},
      {"precision", encoder::PrecisionName(schema.model_options.precision)},
      {"temperature", schema.model_options.temperature},
      {"dimension", schema.dimension},
      {"similarity", encoder::SimilarityName(schema.similarity)}};
  return json.dump();
}

absl::StatusOr<CollectionSchema> DecodeSchema(std::string_view text) {
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    if (json.at("version") != kSchemaVersion) {
      return absl::FailedPreconditionError(
          fmt::format("schema version {} is not known to this program, which writes version {}",
                      json.at("version").dump(), kSchemaVersion));
    }
    CollectionSchema schema;
    schema.model_folder = json.at("model_folder").get<std::string>();
    schema.model_name = json.at("model_name").get<std::string>();
    schema.model_fingerprint = json.at("model_fingerprint").get<std::string>();
    GANNET_ASSIGN_OR_RETURN(schema.model_options.precision,
                            encoder::ParsePrecision(json.at("precision").get<std::string>()));
    schema.model_options.temperature = json.at("temperature").get<float>();
    schema.dimension = json.at("dimension").get<size_t>();
    schema.similarity =
        json.at("similarity") == "dot" ? encoder::Similarity::kDot : encoder::Similarity::kCosine;
    return schema;
  } catch (const nlohmann::json::exception& error) {
    return absl::DataLossError(fmt::format("the schema cannot be read: {}", error.what()));
  }
}

}  // namespace gannet::indexer
