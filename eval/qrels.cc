#include "eval/qrels.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "eval/lines.h"

namespace gannet::eval {
namespace {

// Takes the field at the front of `rest`, and the tab behind it, off `rest`. Fields are quoted as
// Python's csv module quotes them (QUOTE_MINIMAL), which is what BEIR reads with.
absl::StatusOr<std::string> TakeField(std::string_view& rest) {
  std::string field;
  if (rest.starts_with('"')) {
    rest.remove_prefix(1);
    for (;;) {
      const size_t quote = rest.find('"');
      if (quote == std::string_view::npos) return absl::InvalidArgumentError("quote not closed");
      field += rest.substr(0, quote);
      rest.remove_prefix(quote + 1);
      if (!rest.starts_with('"')) break;
      field += '"';
      rest.remove_prefix(1);
    }
  }
  const size_t tab = rest.find('\t');
  field += rest.substr(0, tab);
  rest.remove_prefix(tab == std::string_view::npos ? rest.size() : tab + 1);
  return field;
}

absl::StatusOr<std::vector<std::string>> SplitFields(std::string_view line) {
  std::vector<std::string> fields;
  // A tab at the very end is followed by one more, empty field.
  bool more = true;
  while (more) {
    const std::string_view before = line;
    GANNET_ASSIGN_OR_RETURN(std::string field, TakeField(line));
    fields.push_back(std::move(field));
    const size_t taken = before.size() - line.size();
    more = !line.empty() || (taken > 0 && before[taken - 1] == '\t');
  }
  return fields;
}

std::optional<int> ParseGrade(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  int grade = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), grade);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return grade;
}

absl::Status ReadJudgment(std::string_view line, Qrels& qrels) {
  GANNET_ASSIGN_OR_RETURN(const std::vector<std::string> fields, SplitFields(line));
  if (fields.size() != 3) {
    return absl::InvalidArgumentError(fmt::format(
        "expected query id, document id and grade between tabs, found {} columns", fields.size()));
  }
  if (fields[0].empty() || fields[1].empty()) return absl::InvalidArgumentError("empty id");
  const std::optional<int> grade = ParseGrade(fields[2]);
  if (!grade) {
    return absl::InvalidArgumentError(fmt::format("grade \"{}\" is not an integer", fields[2]));
  }
  qrels.Judge(fields[0], fields[1], *grade);
  return absl::OkStatus();
}

// A file without a header loses its first judgment: BEIR's rule, but nobody should miss it.
void WarnAboutSkippedJudgment(std::string_view header, const std::filesystem::path& path) {
  Qrels ignored;
  if (ReadJudgment(header, ignored).ok()) {
    base::LogWarning(fmt::format("{}:1: skipped as the header, but it reads like a judgment: {}",
                                 path.string(), header));
  }
}

}  // namespace

void Qrels::Judge(std::string_view query_id, std::string_view document_id, int grade) {
  const auto [found, added] = positions_.try_emplace(std::string(query_id), queries_.size());
  if (added) queries_.push_back({.id = std::string(query_id), .grades = {}});
  queries_[found->second].grades.insert_or_assign(std::string(document_id), grade);
}

absl::StatusOr<Qrels> ReadBeirQrels(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(const base::MappedFile file, base::MappedFile::Open(path));
  Qrels qrels;
  Lines lines(file.bytes());
  std::string_view line;
  if (lines.Next(line)) WarnAboutSkippedJudgment(line, path);
  while (lines.Next(line)) {
    if (IsBlank(line)) continue;
    GANNET_RETURN_IF_ERROR(base::Annotate(ReadJudgment(line, qrels),
                                          fmt::format("{}:{}", path.string(), lines.number())));
  }
  if (qrels.queries().empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: no judgments after the header line", path.string()));
  }
  return qrels;
}

}  // namespace gannet::eval
