#include "indexer/job/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/utf8.h"
#include "indexer/filter/field_value.h"
#include "indexer/filter/json_internal.h"

namespace gannet::indexer {
namespace {

using Json = nlohmann::json;

// Takes a string field out of the object; an absent or null field is empty.
absl::StatusOr<std::string> TakeString(Json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end()) return std::string();
  if (found->is_null()) {
    object.erase(found);
    return std::string();
  }
  if (!found->is_string()) {
    return absl::InvalidArgumentError(
        fmt::format("field {}: expected a string, found {}", field, Excerpt(*found)));
  }
  std::string value = std::move(found->get_ref<std::string&>());
  object.erase(found);
  return value;
}

// The document whose id and text are in these fields; the others are metadata.
absl::StatusOr<Document> DocumentOf(Json object, const char* id, const char* text) {
  Document document;
  GANNET_ASSIGN_OR_RETURN(document.id, TakeString(object, id));
  if (document.id.empty()) {
    return absl::InvalidArgumentError(fmt::format("field {}: missing or empty", id));
  }
  GANNET_ASSIGN_OR_RETURN(document.title, TakeString(object, "title"));
  GANNET_ASSIGN_OR_RETURN(document.text, TakeString(object, text));
  document.metadata_json = object.dump();
  return document;
}

// The next line that is not blank; false behind the last.
absl::StatusOr<bool> NextLine(LineReader& lines, std::string_view& line) {
  for (;;) {
    GANNET_ASSIGN_OR_RETURN(const bool more, lines.Next(line));
    if (!more || !base::StripWhiteSpace(line).empty()) return more;
  }
}

class JsonlReader final : public RecordReader {
 public:
  explicit JsonlReader(const RecordSource& source) : source_(source) {}

  absl::StatusOr<std::optional<Document>> Next() override {
    std::string_view json;
    GANNET_ASSIGN_OR_RETURN(const bool more, source_.NextJson(json));
    if (!more) return std::nullopt;
    GANNET_ASSIGN_OR_RETURN(Json object, ParseJsonObject(source_.Repair(json), kMaxMetadataDepth));
    return DocumentOf(std::move(object), "_id", "text");
  }

  uint64_t line() const override { return source_.number(); }

 private:
  const RecordSource source_;
};

class LocoReader final : public RecordReader {
 public:
  LocoReader(const RecordSource& source, std::string task)
      : source_(source), task_(std::move(task)) {}

  absl::StatusOr<std::optional<Document>> Next() override {
    std::string_view json;
    for (;;) {
      GANNET_ASSIGN_OR_RETURN(const bool more, source_.NextJson(json));
      if (!more) return std::nullopt;
      GANNET_ASSIGN_OR_RETURN(Json object,
                              ParseJsonObject(source_.Repair(json), kMaxMetadataDepth));
      const auto dataset = object.find("dataset"), passage = object.find("passage");
      const bool of_task = task_.empty() || (dataset != object.end() && *dataset == task_);
      if (!of_task || passage == object.end() || passage->is_null()) continue;
      return DocumentOf(std::move(object), "pid", "passage");
    }
  }

  uint64_t line() const override { return source_.number(); }

 private:
  const RecordSource source_;
  const std::string task_;
};

std::vector<std::string_view> Columns(std::string_view row) {
  std::vector<std::string_view> columns;
  for (;;) {
    const size_t tab = row.find('\t');
    columns.push_back(row.substr(0, tab));
    if (tab == std::string_view::npos) return columns;
    row.remove_prefix(tab + 1);
  }
}

class TsvReader final : public RecordReader {
 public:
  TsvReader(const RecordSource& source, TsvHeader header) : source_(source), header_(header) {}

  absl::StatusOr<std::optional<Document>> Next() override {
    std::string_view line;
    GANNET_ASSIGN_OR_RETURN(bool more, NextLine(source_.lines, line));
    if (more && header_ == TsvHeader::kFirstRow && names_.empty()) {
      GANNET_RETURN_IF_ERROR(TakeHeader(source_.Repair(line)));
      GANNET_ASSIGN_OR_RETURN(more, NextLine(source_.lines, line));
    }
    if (!more) return std::nullopt;
    return ParseRow(source_.Repair(line));
  }

  uint64_t line() const override { return source_.lines.number(); }

 private:
  absl::Status TakeHeader(const std::string& row);
  absl::StatusOr<Document> ParseRow(const std::string& row);

  const RecordSource source_;
  const TsvHeader header_;
  std::vector<std::string> names_;  // Of the columns.
};

// Not being able to read the names, nothing of the file can be read.
absl::Status TsvReader::TakeHeader(const std::string& row) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kOtherNames = {
      {{"_id", "id"},
       {"docid", "id"},
       {"doc_id", "id"},
       {"pid", "id"},
       {"passage", "text"},
       {"contents", "text"},
       {"body", "text"}}};
  for (const std::string_view column : Columns(row)) {
    std::string name(base::StripWhiteSpace(column));
    for (const auto& [other, meant] : kOtherNames) {
      if (name == other) name = meant;
    }
    if (name.empty() || std::ranges::find(names_, name) != names_.end()) {
      return absl::FailedPreconditionError(
          fmt::format("the header names column \"{}\" {}", column,
                      name.empty() ? "by nothing" : "a second time"));
    }
    names_.push_back(std::move(name));
  }
  for (const std::string_view needed : {"id", "text"}) {
    if (std::ranges::find(names_, needed) == names_.end()) {
      return absl::FailedPreconditionError(
          fmt::format("the header has no column {}, only {}", needed, fmt::join(names_, ", ")));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Document> TsvReader::ParseRow(const std::string& row) {
  const std::vector<std::string_view> columns = Columns(row);
  if (names_.empty() && columns.size() == 2) names_ = {"id", "text"};
  if (names_.empty() && columns.size() == 3) names_ = {"id", "title", "text"};
  if (columns.size() != names_.size()) {
    return absl::InvalidArgumentError(fmt::format(
        "{} columns, expected {}", columns.size(),
        names_.empty() ? "2 (id, text) or 3 (id, title, text)" : fmt::to_string(names_.size())));
  }
  Document document;
  Json metadata = Json::object();
  for (size_t i = 0; i < columns.size(); ++i) {
    if (names_[i] == "id") {
      document.id = columns[i];
    } else if (names_[i] == "title") {
      document.title = columns[i];
    } else if (names_[i] == "text") {
      document.text = columns[i];
    } else {
      metadata[names_[i]] = columns[i];
    }
  }
  if (document.id.empty()) return absl::InvalidArgumentError("column id: empty");
  document.metadata_json = metadata.dump();
  return document;
}

class TextReader final : public RecordReader {
 public:
  explicit TextReader(const RecordSource& source) : source_(source) {}

  absl::StatusOr<std::optional<Document>> Next() override {
    if (std::exchange(done_, true)) return std::nullopt;
    GANNET_ASSIGN_OR_RETURN(const std::string_view text, source_.lines.Rest());
    if (text.find('\0') != std::string_view::npos) {
      return absl::InvalidArgumentError("holds zero bytes: not a text in UTF-8");
    }
    return Document{
        .id = source_.id, .title = "", .text = source_.Repair(text), .metadata_json = "{}"};
  }

  uint64_t line() const override { return 0; }

 private:
  const RecordSource source_;
  bool done_ = false;
};

}  // namespace

std::string RecordSource::Repair(std::string_view bytes) const {
  base::RepairedText repaired = base::RepairUtf8(bytes);
  replaced_sequences += repaired.replaced;
  return std::move(repaired.text);
}

absl::StatusOr<bool> RecordSource::NextJson(std::string_view& json) const {
  return rows != nullptr ? rows->Next(json) : NextLine(lines, json);
}

uint64_t RecordSource::number() const { return rows != nullptr ? rows->number() : lines.number(); }

std::unique_ptr<RecordReader> MakeJsonlReader(const RecordSource& source) {
  return std::make_unique<JsonlReader>(source);
}

std::unique_ptr<RecordReader> MakeTsvReader(const RecordSource& source, TsvHeader header) {
  return std::make_unique<TsvReader>(source, header);
}

std::unique_ptr<RecordReader> MakeLocoReader(const RecordSource& source, std::string task) {
  return std::make_unique<LocoReader>(source, std::move(task));
}

std::unique_ptr<RecordReader> MakeTextReader(const RecordSource& source) {
  return std::make_unique<TextReader>(source);
}

}  // namespace gannet::indexer
