#include "eval/run_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/file.h"
#include "base/input_stream.h"
#include "base/status.h"
#include "eval/lines.h"

namespace gannet::eval {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr size_t kColumns = 6;

// The first six columns of a line; those that are missing are empty.
std::array<std::string_view, kColumns> SplitColumns(std::string_view line) {
  std::array<std::string_view, kColumns> columns;
  for (std::string_view& column : columns) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    column = line.substr(0, line.find_first_of(kBlanks));
    line.remove_prefix(column.size());
  }
  return columns;
}

std::optional<double> ParseScore(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double score = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), score);
  if (error != std::errc() || end != text.data() + text.size() || std::isnan(score)) {
    return std::nullopt;
  }
  return score;
}

// Collects the lines of a run, which may come in any order.
class RunBuilder {
 public:
  absl::Status AddLine(std::string_view line) {
    const auto [query_id, q0, document_id, rank, score_text, tag] = SplitColumns(line);
    if (tag.empty()) {
      return absl::InvalidArgumentError(
          "expected six columns: query id, Q0, document id, rank, score, tag");
    }
    const std::optional<double> score = ParseScore(score_text);
    if (!score) {
      return absl::InvalidArgumentError(fmt::format("score \"{}\" is not a number", score_text));
    }
    if (run_.tag.empty()) run_.tag = tag;
    return AddDocument(query_id, document_id, *score);
  }

  Run Finish() && { return std::move(run_); }

 private:
  absl::Status AddDocument(std::string_view query_id, std::string_view document_id, double score) {
    const auto [found, added] = positions_.try_emplace(std::string(query_id), run_.rankings.size());
    if (added) {
      run_.rankings.push_back({.query_id = std::string(query_id), .documents = {}});
      seen_.emplace_back();
    }
    if (!seen_[found->second].emplace(document_id).second) {
      return absl::InvalidArgumentError(
          fmt::format("query \"{}\" has document \"{}\" already", query_id, document_id));
    }
    run_.rankings[found->second].documents.push_back({std::string(document_id), score});
    return absl::OkStatus();
  }

  Run run_;
  std::unordered_map<std::string, size_t> positions_;  // Query id -> index of its ranking.
  std::vector<std::unordered_set<std::string>> seen_;  // Document ids of each ranking.
};

absl::Status CheckColumn(std::string_view what, std::string_view value) {
  if (value.empty() || value.find_first_of(kBlanks) != std::string_view::npos) {
    return absl::InvalidArgumentError(fmt::format(
        "{} \"{}\" cannot stand in a run file: it is empty or holds a blank", what, value));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Run> ReadRun(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(const std::string text, base::ReadDecompressed(path));
  RunBuilder builder;
  Lines lines(text);
  std::string_view line;
  while (lines.Next(line)) {
    if (IsBlank(line)) continue;
    GANNET_RETURN_IF_ERROR(
        base::Annotate(builder.AddLine(line), fmt::format("{}:{}", path.string(), lines.number())));
  }
  return std::move(builder).Finish();
}

absl::Status WriteRun(const Run& run, const std::filesystem::path& path) {
  std::string text;
  GANNET_RETURN_IF_ERROR(CheckColumn("tag", run.tag));
  for (const Ranking& ranking : run.rankings) {
    GANNET_RETURN_IF_ERROR(CheckColumn("query id", ranking.query_id));
    size_t rank = 0;
    for (const RetrievedDocument& document : ranking.documents) {
      GANNET_RETURN_IF_ERROR(CheckColumn("document id", document.id));
      fmt::format_to(std::back_inserter(text), "{} Q0 {} {} {:.9g} {}\n", ranking.query_id,
                     document.id, ++rank, document.score, run.tag);
    }
  }
  return base::WriteFileAtomically(path, text);
}

}  // namespace gannet::eval
