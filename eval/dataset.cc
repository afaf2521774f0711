#include "eval/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"
#include "base/utf8.h"
#include "eval/json_fields.h"
#include "eval/lines.h"

namespace gannet::eval {
namespace {

using Json = nlohmann::json;

absl::StatusOr<Query> ParseQuery(std::string_view line) {
  const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::InvalidArgumentError("not a JSON object");
  GANNET_ASSIGN_OR_RETURN(std::string id, StringField(object, "_id"));
  GANNET_ASSIGN_OR_RETURN(std::string text, StringField(object, "text"));
  return Query{.id = std::move(id), .text = std::move(text)};
}

struct QueryTexts {
  std::unordered_map<std::string, std::string> by_id;
  size_t replaced_sequences = 0;
};

absl::StatusOr<QueryTexts> ReadQueries(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(const base::MappedFile file, base::MappedFile::Open(path));
  QueryTexts queries;
  Lines lines(file.bytes());
  std::string_view line;
  while (lines.Next(line)) {
    if (IsBlank(line)) continue;
    const std::string place = fmt::format("{}:{}", path.string(), lines.number());
    const base::RepairedText repaired = base::RepairUtf8(line);
    queries.replaced_sequences += repaired.replaced;
    absl::StatusOr<Query> query = ParseQuery(repaired.text);
    if (!query.ok()) return base::Annotate(query.status(), place);
    const auto [known, added] = queries.by_id.try_emplace(query->id, query->text);
    if (!added && known->second != query->text) {
      return absl::InvalidArgumentError(
          fmt::format("{}: query \"{}\" is there already with another text", place, query->id));
    }
  }
  return queries;
}

std::string AvailableSplits(const std::filesystem::path& folder) {
  std::vector<std::string> splits;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "qrels", ignored)) {
    if (entry.path().extension() == ".tsv") splits.push_back(entry.path().stem().string());
  }
  if (splits.empty()) return fmt::format("{} holds no .tsv file", (folder / "qrels").string());
  std::sort(splits.begin(), splits.end());
  return fmt::format("there are: {}", fmt::join(splits, ", "));
}

absl::Status CheckLayout(const Dataset& dataset) {
  std::error_code ignored;
  for (const auto& file : {dataset.corpus_files.front(), dataset.queries_files.front()}) {
    if (!std::filesystem::is_regular_file(file, ignored)) {
      return absl::NotFoundError(fmt::format(
          "{}: no such file; a dataset folder holds corpus.jsonl, queries.jsonl and qrels/*.tsv",
          file.string()));
    }
  }
  if (!std::filesystem::is_regular_file(dataset.QrelsFile(), ignored)) {
    return absl::NotFoundError(fmt::format("{}: no split \"{}\"; {}", dataset.QrelsFile().string(),
                                           dataset.split, AvailableSplits(dataset.folder)));
  }
  return absl::OkStatus();
}

}  // namespace

std::filesystem::path Dataset::CorpusPlace() const {
  const std::filesystem::path& first = corpus_files.front();
  return corpus_files.size() == 1 ? first : first.parent_path();
}

absl::StatusOr<Dataset> OpenDataset(const std::filesystem::path& folder, std::string_view split) {
  Dataset dataset;
  dataset.folder = folder;
  dataset.split = split;
  dataset.corpus_files = {folder / "corpus.jsonl"};
  dataset.queries_files = {folder / "queries.jsonl"};
  GANNET_RETURN_IF_ERROR(CheckLayout(dataset));
  GANNET_ASSIGN_OR_RETURN(dataset.qrels, ReadBeirQrels(dataset.QrelsFile()));
  GANNET_ASSIGN_OR_RETURN(QueryTexts texts, ReadQueries(dataset.queries_files.front()));
  dataset.replaced_sequences = texts.replaced_sequences;
  for (const JudgedQuery& judged : dataset.qrels.queries()) {
    const auto found = texts.by_id.find(judged.id);
    if (found == texts.by_id.end()) {
      return absl::InvalidArgumentError(fmt::format("{}: query \"{}\" is not in {}",
                                                    dataset.QrelsFile().string(), judged.id,
                                                    dataset.queries_files.front().string()));
    }
    dataset.queries.push_back({.id = judged.id, .text = std::move(found->second)});
  }
  return dataset;
}

indexer::CorpusOptions CorpusOf(const Dataset& dataset) {
  const bool loco = !dataset.task.empty();
  return {.inputs = dataset.corpus_files,
          .format = loco ? indexer::CorpusFormat::kLoco : indexer::CorpusFormat::kJsonl,
          .loco_task = dataset.task};
}

absl::StatusOr<std::string> Fingerprint(const Dataset& dataset) {
  base::Fingerprinter fingerprinter;
  std::vector<std::filesystem::path> files = dataset.corpus_files;
  files.insert(files.end(), dataset.queries_files.begin(), dataset.queries_files.end());
  if (dataset.task.empty()) {
    files.push_back(dataset.QrelsFile());
  } else {
    fingerprinter.UpdateField(dataset.task);
  }
  for (const std::filesystem::path& path : files) {
    GANNET_ASSIGN_OR_RETURN(const base::MappedFile file, base::MappedFile::Open(path));
    fingerprinter.UpdateField(file.bytes());
  }
  return fingerprinter.HexDigest();
}

}  // namespace gannet::eval
