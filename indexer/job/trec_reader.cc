#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/format.h"
#include "base/status.h"
#include "base/utf8.h"
#include "indexer/job/markup.h"
#include "indexer/job/record_reader.h"

namespace gannet::indexer {
namespace {

using Json = nlohmann::json;

// Elements that hold a document's title, in the collections of TREC's disks 1 to 5, in web
// collections, and in Cranfield.
constexpr std::array<std::string_view, 5> kTitleElements = {"title", "headline", "head", "hl",
                                                            "ttl"};

bool IsTitle(std::string_view name) {
  return std::ranges::find(kTitleElements, name) != kTitleElements.end();
}

void AppendText(std::string_view text, std::string& out) {
  if (text.empty()) return;
  if (!out.empty()) out += '\n';
  out += text;
}

// Adds a value to a field; the second makes it an array.
void AddValue(const std::string& field, std::string value, Json& metadata) {
  if (value.empty()) return;
  Json& entry = metadata[field];
  if (entry.is_null()) {
    entry = std::move(value);
  } else {
    if (!entry.is_array()) entry = Json::array({std::move(entry)});
    entry.push_back(std::move(value));
  }
}

// Where an element's content goes. The text of a document is its TEXT elements; one without any (a
// web page) is text as a whole, but for DOCHDR, what the crawler noted.
absl::StatusOr<Document> ParseElement(std::string_view content) {
  const std::vector<Element> elements = ChildElements(content);
  const bool has_text =
      std::ranges::any_of(elements, [](const Element& element) { return element.name == "text"; });
  Document document;
  Json metadata = Json::object();
  for (const Element& element : elements) {
    std::string plain = PlainText(element.content);
    if (element.name == "docno" && document.id.empty()) {
      document.id = std::move(plain);
    } else if (IsTitle(element.name) && document.title.empty()) {
      document.title = std::move(plain);
    } else if (has_text ? element.name == "text" : element.name != "dochdr") {
      AppendText(plain, document.text);
      if (document.title.empty()) document.title = PlainText(ContentOf("title", element.content));
    } else {
      AddValue(element.name.empty() ? "body" : element.name, std::move(plain), metadata);
    }
  }
  if (document.id.empty()) return absl::InvalidArgumentError("<DOCNO>: missing or empty");
  document.metadata_json = metadata.dump();
  return document;
}

class TrecReader final : public RecordReader {
 public:
  explicit TrecReader(const RecordSource& source) : source_(source) {}

  absl::StatusOr<std::optional<Document>> Next() override;
  uint64_t line() const override { return line_; }

 private:
  // Takes the beginning of an element, or nothing, off pending_.
  absl::Status LookForBegin();
  // Takes what belongs to the open element off pending_; true when that was its end.
  bool LookForEnd();
  absl::StatusOr<Document> Finish();
  absl::StatusOr<bool> ReadLine();

  const RecordSource source_;
  std::string pending_;  // The rest of the last line.
  std::string content_;  // Of the open element, so far.
  bool open_ = false;
  bool too_long_ = false;
  bool lost_ = false;  // Passing over what lies before the next element, which was reported.
  uint64_t line_ = 0;  // Where the last element began, or what is wrong was found.
};

absl::Status TrecReader::LookForBegin() {
  const Tag tag = FindTag(pending_, "doc");
  const bool stray = !PlainText(std::string_view(pending_).substr(0, tag.begin)).empty();
  pending_.erase(0, tag.end);
  if (tag.found()) {
    open_ = true;
    too_long_ = false;
    content_.clear();
  }
  if (tag.found() || stray) line_ = source_.lines.number();
  const bool report = stray && !lost_;
  lost_ = !tag.found() && (stray || lost_);
  return report ? absl::InvalidArgumentError("text outside of <DOC>") : absl::OkStatus();
}

bool TrecReader::LookForEnd() {
  const Tag tag = FindTag(pending_, "/doc");
  content_.append(pending_, 0, tag.begin);
  pending_.erase(0, tag.end);
  if (content_.size() > source_.max_record_bytes) {
    too_long_ = true;
    content_.clear();
  }
  return tag.found();
}

absl::StatusOr<Document> TrecReader::Finish() {
  open_ = false;
  if (too_long_) {
    return absl::InvalidArgumentError(
        fmt::format("<DOC>: longer than {}", base::FormatBytes(source_.max_record_bytes)));
  }
  return ParseElement(source_.Repair(content_));
}

absl::StatusOr<bool> TrecReader::ReadLine() {
  std::string_view line;
  absl::StatusOr<bool> more = source_.lines.Next(line);
  if (more.ok()) {
    pending_ = fmt::format("{}\n", line);
  } else if (absl::IsInvalidArgument(more.status())) {
    line_ = source_.lines.number();
    open_ = false;
    lost_ = true;
  }
  return more;
}

absl::StatusOr<std::optional<Document>> TrecReader::Next() {
  for (;;) {
    if (!open_ && !pending_.empty()) GANNET_RETURN_IF_ERROR(LookForBegin());
    if (open_ && LookForEnd()) return Finish();
    if (!pending_.empty()) continue;
    GANNET_ASSIGN_OR_RETURN(const bool more, ReadLine());
    if (more) continue;
    if (!std::exchange(open_, false)) return std::nullopt;
    return absl::InvalidArgumentError("<DOC> without </DOC> before the end of the file");
  }
}

}  // namespace

std::unique_ptr<RecordReader> MakeTrecReader(const RecordSource& source) {
  return std::make_unique<TrecReader>(source);
}

}  // namespace gannet::indexer
