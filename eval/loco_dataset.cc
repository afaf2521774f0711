#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/file.h"
#include "base/parquet/parquet_reader.h"
#include "base/status.h"
#include "base/utf8.h"
#include "eval/dataset.h"
#include "eval/json_fields.h"
#include "eval/lines.h"

namespace gannet::eval {
namespace {

using Json = nlohmann::json;

// The rows of a file, one after another, as JSON: its lines, or what Parquet has for them.
class RowFile {
 public:
  static absl::StatusOr<RowFile> Open(const std::filesystem::path& path) {
    RowFile file;
    if (path.extension() == ".parquet") {
      GANNET_ASSIGN_OR_RETURN(
          file.parquet_,
          base::ParquetReader::Open(
              path, {.columns = {"dataset", "pid", "passage", "qid", "query", "answer_pids"}}));
    } else {
      GANNET_ASSIGN_OR_RETURN(file.mapped_, base::MappedFile::Open(path));
      file.lines_ = Lines(file.mapped_->bytes());
    }
    return file;
  }

  // Sets `json` to the next row; false behind the last.
  absl::StatusOr<bool> Next(std::string_view& json) {
    if (parquet_.has_value()) return parquet_->Next(json);
    while (lines_.Next(json)) {
      if (!IsBlank(json)) return true;
    }
    return false;
  }

  uint64_t number() const { return parquet_.has_value() ? parquet_->number() : lines_.number(); }

 private:
  std::optional<base::ParquetReader> parquet_;
  std::optional<base::MappedFile> mapped_;
  Lines lines_{""};
};

// Calls `take` with every row of a file and its `dataset`; errors get the row's place.
absl::Status ForEachRowOf(
    const std::filesystem::path& path, size_t& replaced_sequences,
    absl::FunctionRef<absl::Status(const Json& row, const std::string& task)> take) {
  GANNET_ASSIGN_OR_RETURN(RowFile file, RowFile::Open(path));
  for (;;) {
    std::string_view json;
    const absl::StatusOr<bool> more = file.Next(json);
    const std::string place = fmt::format("{}:{}", path.string(), file.number());
    if (absl::IsInvalidArgument(more.status())) return base::Annotate(more.status(), place);
    GANNET_RETURN_IF_ERROR(more.status());
    if (!*more) return absl::OkStatus();
    const base::RepairedText repaired = base::RepairUtf8(json);
    const Json row = Json::parse(repaired.text, nullptr, /*allow_exceptions=*/false);
    const auto task = row.is_object() ? StringField(row, "dataset")
                                      : absl::InvalidArgumentError("not a JSON object");
    const absl::Status status = task.ok() ? take(row, *task) : task.status();
    if (!status.ok()) return base::Annotate(status, place);
    replaced_sequences += repaired.replaced;
  }
}

absl::Status ForEachRow(
    const std::vector<std::filesystem::path>& paths, size_t& replaced_sequences,
    absl::FunctionRef<absl::Status(const Json& row, const std::string& task)> take) {
  for (const std::filesystem::path& path : paths) {
    GANNET_RETURN_IF_ERROR(ForEachRowOf(path, replaced_sequences, take));
  }
  return absl::OkStatus();
}

// The files of rows below a folder, in the order of their paths.
std::vector<std::filesystem::path> RowFilesBelow(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored)) {
    const std::filesystem::path& path = entry.path();
    if (!entry.is_regular_file(ignored)) continue;
    if (path.extension() == ".jsonl" || path.extension() == ".parquet") files.push_back(path);
  }
  std::ranges::sort(files);
  return files;
}

// The files of "documents" or "queries", none if there is none.
std::vector<std::filesystem::path> RowFilesOf(const std::filesystem::path& folder,
                                              std::string_view name, std::string_view split) {
  std::error_code ignored;
  for (const std::string_view extension : {".jsonl", ".parquet"}) {
    const std::filesystem::path file = folder / fmt::format("{}{}", name, extension);
    if (std::filesystem::is_regular_file(file, ignored)) return {file};
  }
  std::vector<std::filesystem::path> files = RowFilesBelow(folder / name);
  const auto of_split = [&](const std::filesystem::path& path) {
    return path.filename().string().starts_with(split);
  };
  if (std::ranges::any_of(files, of_split)) std::erase_if(files, std::not_fn(of_split));
  return files;
}

absl::StatusOr<std::vector<std::filesystem::path>> FindRows(const std::filesystem::path& folder,
                                                            std::string_view name,
                                                            std::string_view split) {
  std::vector<std::filesystem::path> files = RowFilesOf(folder, name, split);
  if (files.empty()) {
    return absl::NotFoundError(
        fmt::format("{0}: neither {1}.jsonl nor {1}.parquet, nor such files below {1}/",
                    folder.string(), name));
  }
  // Shards of other splits are not taken for those of one that is not there.
  for (const std::filesystem::path& file : files) {
    const std::string shard = file.filename().string();
    if (shard.find("-of-") != std::string::npos && !shard.starts_with(split)) {
      return absl::NotFoundError(fmt::format("{}: no shard of the split \"{}\"; there is {}",
                                             file.parent_path().string(), split, shard));
    }
  }
  return files;
}

// The documents of a task: id -> whether it has a passage.
using Passages = std::unordered_map<std::string, bool>;

absl::StatusOr<Passages> ReadPassages(const Dataset& dataset) {
  Passages passages;
  size_t counted_by_the_reader = 0;
  GANNET_RETURN_IF_ERROR(
      ForEachRow(dataset.corpus_files, counted_by_the_reader,
                 [&](const Json& row, const std::string& task) -> absl::Status {
                   if (task != dataset.task) return absl::OkStatus();
                   GANNET_ASSIGN_OR_RETURN(std::string id, StringField(row, "pid"));
                   const auto passage = row.find("passage");
                   passages[std::move(id)] = passage != row.end() && !passage->is_null();
                   return absl::OkStatus();
                 }));
  return passages;
}

// Adds a query and its judgments; one none of whose answers has a passage is left out.
absl::Status TakeQuery(const Json& row, const Passages& passages, Dataset& dataset) {
  GANNET_ASSIGN_OR_RETURN(std::string id, StringField(row, "qid"));
  GANNET_ASSIGN_OR_RETURN(std::string text, StringField(row, "query"));
  const auto answers = row.find("answer_pids");
  if (answers == row.end() || !answers->is_array()) {
    return absl::InvalidArgumentError("\"answer_pids\" is no list");
  }
  size_t relevant = 0;
  for (const Json& answer : *answers) {
    if (!answer.is_string()) {
      return absl::InvalidArgumentError(
          fmt::format("\"answer_pids\" has a {}, expected strings", answer.type_name()));
    }
    const auto found = passages.find(answer.get<std::string>());
    if (found == passages.end()) {
      return absl::InvalidArgumentError(fmt::format(
          "answer \"{}\" is not in {}", answer.get<std::string>(), dataset.CorpusPlace().string()));
    }
    if (!found->second) continue;
    dataset.qrels.Judge(id, found->first, 1);
    ++relevant;
  }
  if (relevant == 0) {
    ++dataset.left_out_queries;
  } else {
    dataset.queries.push_back({.id = std::move(id), .text = std::move(text)});
  }
  return absl::OkStatus();
}

}  // namespace

bool HoldsLocoRows(const std::filesystem::path& folder) {
  return !RowFilesOf(folder, "documents", /*split=*/"").empty();
}

absl::StatusOr<Dataset> OpenLocoTask(const std::filesystem::path& folder, std::string_view split,
                                     std::string_view task) {
  Dataset dataset;
  dataset.folder = folder;
  dataset.split = split;
  GANNET_ASSIGN_OR_RETURN(dataset.corpus_files, FindRows(folder, "documents", split));
  GANNET_ASSIGN_OR_RETURN(dataset.queries_files, FindRows(folder, "queries", split));
  dataset.task = task.empty() ? "?" : task;
  GANNET_ASSIGN_OR_RETURN(const Passages passages, ReadPassages(dataset));
  std::set<std::string> tasks, ids;
  GANNET_RETURN_IF_ERROR(ForEachRow(
      dataset.queries_files, dataset.replaced_sequences,
      [&](const Json& row, const std::string& of_row) -> absl::Status {
        tasks.insert(of_row);
        if (of_row != dataset.task) return absl::OkStatus();
        GANNET_ASSIGN_OR_RETURN(const std::string id, StringField(row, "qid"));
        if (!ids.insert(id).second) {
          return absl::InvalidArgumentError(fmt::format("query \"{}\" was there before", id));
        }
        return TakeQuery(row, passages, dataset);
      }));
  if (!tasks.contains(dataset.task)) {
    return absl::NotFoundError(fmt::format(
        "{}: {}; there are: {}", dataset.queries_files.front().string(),
        task.empty() ? "a task has to be named (--task)" : fmt::format("no task \"{}\"", task),
        fmt::join(tasks, ", ")));
  }
  return dataset;
}

}  // namespace gannet::eval
