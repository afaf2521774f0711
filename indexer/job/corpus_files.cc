#include "indexer/job/corpus_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/status.h"

namespace gannet::indexer {
namespace {

namespace fs = std::filesystem;

bool IsHidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

absl::Status Failed(const std::error_code& error, const fs::path& path) {
  return base::ErrnoStatus(error.value(), path.string());
}

// What is not hidden in a folder.
absl::StatusOr<std::vector<fs::directory_entry>> List(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  while (!error && entry != fs::directory_iterator()) {
    if (!IsHidden(entry->path())) entries.push_back(*entry);
    entry.increment(error);
  }
  if (error) return Failed(error, folder);
  return entries;
}

bool IsFolder(const fs::directory_entry& entry) {
  std::error_code ignored;
  return entry.is_directory(ignored) && !entry.is_symlink(ignored);
}

}  // namespace

absl::StatusOr<CorpusFiles> CorpusFiles::Open(const std::vector<fs::path>& inputs) {
  if (inputs.empty()) return absl::InvalidArgumentError("no input");
  CorpusFiles files;
  for (const fs::path& input : inputs) GANNET_RETURN_IF_ERROR(files.Measure(input));
  if (!files.measurable_) files.bytes_ = 0;
  files.inputs_.assign(inputs.rbegin(), inputs.rend());
  return files;
}

absl::Status CorpusFiles::Measure(const fs::path& input) {
  if (input == "-") {
    measurable_ = false;
    return absl::OkStatus();
  }
  std::error_code error;
  const fs::file_status status = fs::status(input, error);
  if (error) return Failed(error, input);
  if (!fs::is_directory(status)) {
    const uintmax_t size = fs::file_size(input, error);
    measurable_ = measurable_ && !error;  // A pipe has no size.
    bytes_ += error ? 0 : size;
    return absl::OkStatus();
  }
  uint64_t files = 0;
  std::vector<fs::path> folders = {input};
  while (!folders.empty()) {
    GANNET_ASSIGN_OR_RETURN(const auto entries, List(std::exchange(folders.back(), {})));
    folders.pop_back();
    for (const fs::directory_entry& entry : entries) {
      if (IsFolder(entry)) {
        folders.push_back(entry.path());
      } else if (entry.is_regular_file(error)) {
        ++files;
        bytes_ += entry.file_size(error);
      }
    }
  }
  if (files > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{}: a folder without files", input.string()));
}

absl::Status CorpusFiles::Enter(const fs::path& root, const fs::path& folder) {
  GANNET_ASSIGN_OR_RETURN(const auto entries, List(folder));
  Folder entered{.root = root, .entries = {}};
  for (const fs::directory_entry& entry : entries) {
    std::error_code ignored;
    if (IsFolder(entry) || entry.is_regular_file(ignored)) entered.entries.push_back(entry.path());
  }
  std::ranges::sort(entered.entries, std::greater<>());
  folders_.push_back(std::move(entered));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<CorpusFiles::File>> CorpusFiles::Next() {
  for (;;) {
    while (!folders_.empty() && folders_.back().entries.empty()) folders_.pop_back();
    if (folders_.empty() && inputs_.empty()) return std::nullopt;
    std::vector<fs::path>& entries = folders_.empty() ? inputs_ : folders_.back().entries;
    const fs::path path = std::move(entries.back());
    entries.pop_back();
    const fs::path root = folders_.empty() ? path : folders_.back().root;
    std::error_code ignored;
    if (path != "-" && fs::is_directory(path, ignored)) {
      GANNET_RETURN_IF_ERROR(Enter(root, path));
      continue;
    }
    const std::string id = path == root ? path.filename().generic_string()
                                        : path.lexically_relative(root).generic_string();
    return File{path, id};
  }
}

}  // namespace gannet::indexer
