#include "indexer/job/corpus_reader.h"

#include <fmt/format.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "base/utf8.h"

namespace gannet::indexer {
namespace {

using Json = nlohmann::json;

std::string Excerpt(const Json& value) {
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

// Takes a string field out of the object; an absent or null field is empty.
absl::StatusOr<std::string> TakeString(Json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_string()) {
    return absl::InvalidArgumentError(
        fmt::format("field {}: expected a string, found {}", field, Excerpt(*found)));
  }
  std::string value = std::move(found->get_ref<std::string&>());
  object.erase(found);
  return value;
}

absl::StatusOr<Document> ParseDocument(const std::string& line) {
  Json object;
  try {
    object = Json::parse(line);
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("not JSON: {}", error.what()));
  }
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        fmt::format("expected a JSON object, found {}", Excerpt(object)));
  }
  Document document;
  GANNET_ASSIGN_OR_RETURN(document.id, TakeString(object, "_id"));
  if (document.id.empty()) return absl::InvalidArgumentError("field _id: missing or empty");
  GANNET_ASSIGN_OR_RETURN(document.title, TakeString(object, "title"));
  GANNET_ASSIGN_OR_RETURN(document.text, TakeString(object, "text"));
  document.metadata_json = object.dump();
  return document;
}

}  // namespace

CorpusReader::CorpusReader(std::filesystem::path path, std::ifstream stream, uint64_t bytes_total)
    : path_(std::move(path)), stream_(std::move(stream)), bytes_total_(bytes_total) {}

absl::StatusOr<CorpusReader> CorpusReader::Open(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    return absl::InvalidArgumentError(fmt::format("{}: a folder, expected a file", path.string()));
  }
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return base::ErrnoStatus(errno, path.string());
  std::error_code unknown;  // A pipe has no size; progress then shows no share.
  const uintmax_t size = std::filesystem::file_size(path, unknown);
  return CorpusReader(path, std::move(stream), unknown ? 0 : size);
}

absl::StatusOr<std::optional<Document>> CorpusReader::Next() {
  while (std::getline(stream_, buffer_)) {
    ++line_;
    bytes_read_ += buffer_.size() + 1;
    if (base::StripWhiteSpace(buffer_).empty()) continue;
    base::RepairedText repaired = base::RepairUtf8(buffer_);
    replaced_ += repaired.replaced;
    absl::StatusOr<Document> document = ParseDocument(repaired.text);
    if (!document.ok()) {
      return base::Annotate(document.status(), fmt::format("{}:{}", path_.string(), line_));
    }
    return *std::move(document);
  }
  if (stream_.bad()) return base::ErrnoStatus(errno, path_.string());
  return std::nullopt;
}

std::string EmbeddedText(const Document& document) {
  const std::string joined = fmt::format("{} {}", document.title, document.text);
  return std::string(base::StripWhiteSpace(joined));
}

}  // namespace gannet::indexer
