#include "indexer/store/record.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/checksum.h"
#include "base/status.h"
#include "encoder/layers/model_options.h"

namespace gannet::indexer {
namespace {

using Json = nlohmann::json;

constexpr char kDocumentVersion = 2;
constexpr char kPassagesVersion = 1;
constexpr char kTermsVersion = 1;
constexpr int kSchemaVersion = 2;
constexpr size_t kFingerprintDigits = 32;
constexpr size_t kPassageBytes = 4 * sizeof(uint64_t);

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

// Takes a field off the front of a document's record.
absl::StatusOr<std::string_view> TakeField(std::string_view& bytes) {
  if (bytes.size() < sizeof(uint32_t)) return absl::DataLossError("a document record cut short");
  const uint64_t size = FromLittleEndian(bytes.substr(0, sizeof(uint32_t)));
  bytes.remove_prefix(sizeof(uint32_t));
  if (bytes.size() < size) return absl::DataLossError("a document record cut short");
  const std::string_view field = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return field;
}

absl::Status TakeVersion(std::string_view& bytes) {
  if (bytes.empty() || bytes.front() != kDocumentVersion) {
    return absl::DataLossError("a document record of an unknown version");
  }
  bytes.remove_prefix(1);
  return absl::OkStatus();
}

// Calls `read` with the JSON that `text` is, and turns what it throws into kDataLoss.
template <typename T, typename Reader>
absl::StatusOr<T> ReadJson(std::string_view text, std::string_view what, const Reader& read) {
  try {
    return read(Json::parse(text));
  } catch (const Json::exception& error) {
    return absl::DataLossError(fmt::format("{} cannot be read: {}", what, error.what()));
  }
}

Json TermSchemaJson(const TermSchema& terms) {
  Json json{{"model_folder", terms.model_folder.string()},
            {"model_name", terms.model_name},
            {"model_fingerprint", terms.model_fingerprint},
            {"precision", encoder::PrecisionName(terms.options.model.precision)},
            {"join_layer", terms.options.join_layer},
            {"query_slots", terms.options.query_slots},
            {"width", terms.width},
            {"format", encoder::TermFormatName(terms.format)}};
  if (terms.options.model.bf16_layers) json["bf16_layers"] = *terms.options.model.bf16_layers;
  return json;
}

absl::StatusOr<TermSchema> ReadTermSchema(const Json& json) {
  TermSchema terms;
  terms.model_folder = json.at("model_folder").get<std::string>();
  terms.model_name = json.at("model_name").get<std::string>();
  terms.model_fingerprint = json.at("model_fingerprint").get<std::string>();
  GANNET_ASSIGN_OR_RETURN(terms.options.model.precision,
                          encoder::ParsePrecision(json.at("precision").get<std::string>()));
  if (const auto layers = json.find("bf16_layers"); layers != json.end()) {
    terms.options.model.bf16_layers = layers->get<std::vector<std::string>>();
  }
  terms.options.join_layer = json.at("join_layer").get<size_t>();
  terms.options.query_slots = json.at("query_slots").get<size_t>();
  terms.width = json.at("width").get<size_t>();
  GANNET_ASSIGN_OR_RETURN(terms.format,
                          encoder::ParseTermFormat(json.at("format").get<std::string>()));
  return terms;
}

// Collections of programs that knew no windows have none written: their texts are cut.
absl::StatusOr<encoder::LongTextOptions> DecodeLongText(const Json& schema) {
  encoder::LongTextOptions options;
  const auto found = schema.find("long_text");
  if (found == schema.end()) {
    options.strategy = encoder::LongTextOptions::Strategy::kTruncate;
    return options;
  }
  GANNET_ASSIGN_OR_RETURN(options.strategy,
                          encoder::ParseStrategy(found->at("strategy").get<std::string>()));
  GANNET_ASSIGN_OR_RETURN(options.unit, encoder::ParseUnit(found->at("unit").get<std::string>()));
  options.size = found->at("size").get<size_t>();
  options.stride = found->at("stride").get<size_t>();
  options.ends = found->at("sentences").get<bool>() ? encoder::LongTextOptions::Ends::kSentences
                                                    : encoder::LongTextOptions::Ends::kAnywhere;
  return options;
}

Json EncodeLongText(const encoder::LongTextOptions& options) {
  return {{"strategy", encoder::StrategyName(options.strategy)},
          {"unit", encoder::UnitName(options.unit)},
          {"size", options.size},
          {"stride", options.stride},
          {"sentences", options.ends == encoder::LongTextOptions::Ends::kSentences}};
}

}  // namespace

std::string EncodeKey(uint64_t key) {
  std::string bytes = LittleEndian(key, sizeof(key));
  return {bytes.rbegin(), bytes.rend()};
}

absl::StatusOr<uint64_t> DecodeKey(std::string_view bytes) {
  if (bytes.size() != sizeof(uint64_t)) {
    return absl::DataLossError(fmt::format("a key of {} bytes", bytes.size()));
  }
  return FromLittleEndian(std::string(bytes.rbegin(), bytes.rend()));
}

std::string EncodeDocument(const DocumentRecord& record) {
  std::string bytes(1, kDocumentVersion);
  for (const std::string* field : {&record.id, &record.title, &record.text}) {
    bytes += LittleEndian(field->size(), sizeof(uint32_t));
    bytes += *field;
  }
  bytes += record.fingerprint;
  bytes += LittleEndian(record.ordinal, sizeof(uint64_t));
  return bytes;
}

absl::StatusOr<DocumentRecord> DecodeDocument(std::string_view bytes) {
  GANNET_RETURN_IF_ERROR(TakeVersion(bytes));
  DocumentRecord record;
  for (std::string* field : {&record.id, &record.title, &record.text}) {
    GANNET_ASSIGN_OR_RETURN(*field, TakeField(bytes));
  }
  if (bytes.size() != kFingerprintDigits + sizeof(uint64_t)) {
    return absl::DataLossError("a document record of a wrong length");
  }
  record.fingerprint = bytes.substr(0, kFingerprintDigits);
  record.ordinal = FromLittleEndian(bytes.substr(kFingerprintDigits));
  return record;
}

absl::StatusOr<std::string> DecodeDocumentId(std::string_view bytes) {
  GANNET_RETURN_IF_ERROR(TakeVersion(bytes));
  GANNET_ASSIGN_OR_RETURN(const std::string_view id, TakeField(bytes));
  return std::string(id);
}

std::string ContentFingerprint(const StoredDocument& document) {
  base::Fingerprinter fingerprinter;
  fingerprinter.UpdateField(document.document.title);
  fingerprinter.UpdateField(document.document.text);
  fingerprinter.UpdateField(EncodePassages(document.passages));
  fingerprinter.UpdateField(document.vectors);
  return fingerprinter.HexDigest();
}

std::string EncodePassages(const std::vector<Passage>& passages) {
  std::string bytes(1, kPassagesVersion);
  for (const Passage& passage : passages) {
    for (const uint64_t number :
         {passage.first_byte, passage.bytes, passage.first_token, passage.tokens}) {
      bytes += LittleEndian(number, sizeof(uint64_t));
    }
  }
  return bytes;
}

absl::StatusOr<uint64_t> CountPassages(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != kPassagesVersion ||
      (bytes.size() - 1) % kPassageBytes != 0) {
    return absl::DataLossError("a record of passages of an unknown version or a wrong length");
  }
  return (bytes.size() - 1) / kPassageBytes;
}

absl::StatusOr<std::vector<Passage>> DecodePassages(std::string_view bytes) {
  GANNET_ASSIGN_OR_RETURN(const uint64_t count, CountPassages(bytes));
  bytes.remove_prefix(1);
  const auto take = [&bytes] {
    const uint64_t number = FromLittleEndian(bytes.substr(0, sizeof(uint64_t)));
    bytes.remove_prefix(sizeof(uint64_t));
    return number;
  };
  std::vector<Passage> passages(count);
  for (Passage& passage : passages) {
    passage.first_byte = take();
    passage.bytes = take();
    passage.first_token = take();
    passage.tokens = take();
  }
  return passages;
}

std::string EncodeTerms(DocumentKey key, const TermsRecord& record) {
  std::string rest = LittleEndian(record.count, sizeof(uint64_t));
  rest += record.packed;
  const uint64_t checksum = base::Xxh3(EncodeKey(key) + rest);
  return kTermsVersion + LittleEndian(checksum, sizeof(checksum)) + rest;
}

absl::StatusOr<TermsRecord> DecodeTerms(DocumentKey key, std::string_view bytes) {
  constexpr size_t kHead = 1 + 2 * sizeof(uint64_t);
  if (bytes.size() < kHead || bytes.front() != kTermsVersion) {
    return absl::DataLossError(
        fmt::format("terms of document {}: of an unknown version or cut short", key));
  }
  const std::string_view rest = bytes.substr(1 + sizeof(uint64_t));
  if (FromLittleEndian(bytes.substr(1, sizeof(uint64_t))) !=
      base::Xxh3(EncodeKey(key) + std::string(rest))) {
    return absl::DataLossError(fmt::format("terms of document {}: not of their checksum", key));
  }
  return TermsRecord{.count = FromLittleEndian(rest.substr(0, sizeof(uint64_t))),
                     .packed = bytes.substr(kHead)};
}

std::string EncodeSchema(const CollectionSchema& schema) {
  Json json{{"version", kSchemaVersion},
            {"model_folder", schema.model_folder.string()},
            {"model_name", schema.model_name},
            {"model_fingerprint", schema.model_fingerprint},
            {"precision", encoder::PrecisionName(schema.model_options.precision)},
            {"temperature", schema.model_options.temperature},
            {"dimension", schema.dimension},
            {"similarity", encoder::SimilarityName(schema.similarity)},
            {"vector_format", VectorFormatName(schema.vector_format)},
            {"long_text", EncodeLongText(schema.long_text)},
            {"index", schema.index}};
  if (schema.model_options.dimension != 0) {
    json["truncation"] = encoder::TruncationName(schema.model_options.truncation);
  }
  if (schema.model_options.bf16_layers) {
    json["bf16_layers"] = *schema.model_options.bf16_layers;
  }
  if (schema.terms) json["terms"] = TermSchemaJson(*schema.terms);
  return json.dump();
}

absl::StatusOr<CollectionSchema> DecodeSchema(std::string_view text) {
  return ReadJson<CollectionSchema>(
      text, "the schema", [](const Json& json) -> absl::StatusOr<CollectionSchema> {
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
        if (const auto truncation = json.find("truncation"); truncation != json.end()) {
          GANNET_ASSIGN_OR_RETURN(schema.model_options.truncation,
                                  encoder::ParseTruncation(truncation->get<std::string>()));
          schema.model_options.dimension = json.at("dimension").get<size_t>();
        }
        if (const auto layers = json.find("bf16_layers"); layers != json.end()) {
          schema.model_options.bf16_layers = layers->get<std::vector<std::string>>();
        }
        schema.dimension = json.at("dimension").get<size_t>();
        schema.similarity = json.at("similarity") == "dot" ? encoder::Similarity::kDot
                                                           : encoder::Similarity::kCosine;
        GANNET_ASSIGN_OR_RETURN(schema.vector_format,
                                ParseVectorFormat(json.at("vector_format").get<std::string>()));
        GANNET_ASSIGN_OR_RETURN(schema.long_text, DecodeLongText(json));
        schema.index = json.at("index").get<std::string>();
        if (const auto terms = json.find("terms"); terms != json.end()) {
          GANNET_ASSIGN_OR_RETURN(schema.terms, ReadTermSchema(*terms));
        }
        return schema;
      });
}

std::string EncodeTotals(const Totals& totals) {
  Json json{{"sequence", totals.sequence},
            {"next_key", totals.next_key},
            {"documents", totals.documents},
            {"passages", totals.passages}};
  if (totals.terms != TermTotals()) {
    json["terms"] = {{"documents", totals.terms.documents},
                     {"terms", totals.terms.terms},
                     {"bytes", totals.terms.bytes}};
  }
  return json.dump();
}

absl::StatusOr<Totals> DecodeTotals(std::string_view text) {
  return ReadJson<Totals>(text, "the totals", [](const Json& json) {
    Totals totals{.sequence = json.at("sequence").get<uint64_t>(),
                  .next_key = json.at("next_key").get<uint64_t>(),
                  .documents = json.at("documents").get<uint64_t>(),
                  .passages = json.at("passages").get<uint64_t>(),
                  .terms = {}};
    if (const auto terms = json.find("terms"); terms != json.end()) {
      totals.terms = {.documents = terms->at("documents").get<uint64_t>(),
                      .terms = terms->at("terms").get<uint64_t>(),
                      .bytes = terms->at("bytes").get<uint64_t>()};
    }
    return totals;
  });
}

std::string EncodeSegments(const std::vector<SegmentRecord>& segments) {
  Json list = Json::array();
  for (const SegmentRecord& segment : segments) {
    list.push_back({{"file", segment.file},
                    {"index", segment.index},
                    {"first", segment.first},
                    {"last", segment.last},
                    {"rows", segment.rows},
                    {"checksum", segment.checksum}});
  }
  return list.dump();
}

absl::StatusOr<std::vector<SegmentRecord>> DecodeSegments(std::string_view text) {
  return ReadJson<std::vector<SegmentRecord>>(text, "the list of segments", [](const Json& json) {
    std::vector<SegmentRecord> segments;
    for (const Json& item : json) {
      segments.push_back({.file = item.at("file").get<std::string>(),
                          .index = item.at("index").get<std::string>(),
                          .first = item.at("first").get<uint64_t>(),
                          .last = item.at("last").get<uint64_t>(),
                          .rows = item.at("rows").get<uint64_t>(),
                          .checksum = item.at("checksum").get<uint64_t>()});
    }
    return segments;
  });
}

std::string EncodeRecall(const RecallFigures& figures) {
  return Json{{"queries", figures.queries},
              {"k", figures.k},
              {"mean", figures.mean},
              {"worst", figures.worst}}
      .dump();
}

absl::StatusOr<RecallFigures> DecodeRecall(std::string_view text) {
  return ReadJson<RecallFigures>(text, "the recall figures", [](const Json& json) {
    return RecallFigures{.queries = json.at("queries").get<uint64_t>(),
                         .k = json.at("k").get<size_t>(),
                         .mean = json.at("mean").get<double>(),
                         .worst = json.at("worst").get<double>()};
  });
}

}  // namespace gannet::indexer
