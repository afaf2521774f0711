#include "cli/hub/model_cache.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <tuple>

#include "base/file.h"
#include "base/status.h"

namespace gannet::cli {
namespace {

constexpr std::string_view kFolderPrefix = "models--";
constexpr std::string_view kSlash = "--";  // Stands for the slash of an id in a folder's name.

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

bool IsModelIdPart(std::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), IsNameCharacter) &&
         part.front() != '.' && part.front() != '-' && part.back() != '.' && part.back() != '-' &&
         part.find("--") == std::string_view::npos && part.find("..") == std::string_view::npos;
}

bool IsSafePathPart(std::string_view part) {
  return !part.empty() && part != "." && part != ".." &&
         std::none_of(part.begin(), part.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\';
         });
}

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  for (size_t at = text.find(from); at != std::string_view::npos; at = text.find(from)) {
    result += text.substr(0, at);
    result += to;
    text.remove_prefix(at + from.size());
  }
  return result.append(text);
}

// The regular files below a folder, links followed; those that cannot be read are passed over.
std::vector<std::filesystem::path> FilesBelow(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (auto entry = std::filesystem::recursive_directory_iterator(folder, error);
       !error && entry != std::filesystem::end(entry); entry.increment(error)) {
    std::error_code unreadable;
    if (entry->is_regular_file(unreadable)) files.push_back(entry->path());
  }
  return files;
}

uint64_t BytesBelow(const std::filesystem::path& folder) {
  uint64_t bytes = 0;
  for (const std::filesystem::path& file : FilesBelow(folder)) {
    std::error_code unreadable;
    const uint64_t size = std::filesystem::file_size(file, unreadable);
    if (!unreadable) bytes += size;
  }
  return bytes;
}

}  // namespace

absl::Status CheckModelId(std::string_view id) {
  const size_t slash = id.find('/');
  const bool valid = slash == std::string_view::npos ? IsModelIdPart(id)
                                                     : IsModelIdPart(id.substr(0, slash)) &&
                                                           IsModelIdPart(id.substr(slash + 1));
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{:?} is not the name of a model on the hub: organisation/name", id));
}

absl::Status CheckRelativePath(std::string_view path, std::string_view what) {
  std::string_view rest = path;
  for (;;) {
    const size_t slash = rest.find('/');
    if (!IsSafePathPart(rest.substr(0, slash))) {
      return absl::InvalidArgumentError(
          fmt::format("{} {:?} is not a path below a folder", what, path));
    }
    if (slash == std::string_view::npos) return absl::OkStatus();
    rest.remove_prefix(slash + 1);
  }
}

CachedModel::CachedModel(const std::filesystem::path& cache, std::string_view id)
    : folder_(cache / (std::string(kFolderPrefix) + Replaced(id, "/", kSlash))) {}

std::filesystem::path CachedModel::Blob(const std::string& checksum) const {
  return folder_ / "blobs" / checksum;
}

std::filesystem::path CachedModel::Incomplete(const std::string& checksum) const {
  return folder_ / "blobs" / (checksum + ".incomplete");
}

std::filesystem::path CachedModel::Snapshot(const std::string& commit) const {
  return folder_ / "snapshots" / commit;
}

std::filesystem::path CachedModel::Ref(const std::string& revision) const {
  return folder_ / "refs" / revision;
}

absl::Status CachedModel::Link(const std::string& commit, const std::string& file,
                               const std::string& checksum) const {
  const std::filesystem::path link = Snapshot(commit) / file;
  GANNET_RETURN_IF_ERROR(base::CreateDirectories(link.parent_path()));
  std::filesystem::path temporary = link;
  temporary += fmt::format(".tmp.{}", ::getpid());
  std::error_code error;
  std::filesystem::create_symlink(Blob(checksum).lexically_relative(link.parent_path()), temporary,
                                  error);
  if (!error) std::filesystem::rename(temporary, link, error);
  if (!error) return absl::OkStatus();
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  return base::ErrnoStatus(error.value(), fmt::format("{}: cannot link", link.string()));
}

absl::StatusOr<std::filesystem::path> CachedModel::FindSnapshot(const std::string& revision) const {
  std::string commit = base::ReadFile(Ref(revision)).value_or(revision);
  while (commit.ends_with('\n') || commit.ends_with('\r')) commit.pop_back();
  std::error_code ignored;
  if (!CheckRelativePath(commit, "commit").ok() ||
      !std::filesystem::is_directory(Snapshot(commit), ignored)) {
    return absl::NotFoundError(
        fmt::format("{}: no snapshot of revision \"{}\"", folder_.string(), revision));
  }
  return Snapshot(commit);
}

std::vector<CachedRevision> ListCachedModels(const std::filesystem::path& cache) {
  std::vector<CachedRevision> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(cache, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kFolderPrefix)) continue;
    const std::string id =
        Replaced(std::string_view(name).substr(kFolderPrefix.size()), kSlash, "/");
    const CachedModel model(cache, id);
    const std::filesystem::path refs = model.folder() / "refs";
    for (const std::filesystem::path& ref : FilesBelow(refs)) {
      const std::string revision = ref.lexically_relative(refs).string();
      const auto snapshot = model.FindSnapshot(revision);
      if (snapshot.ok()) found.push_back({id, revision, *snapshot, BytesBelow(*snapshot)});
    }
  }
  std::sort(found.begin(), found.end(), [](const CachedRevision& a, const CachedRevision& b) {
    return std::tie(a.id, a.revision) < std::tie(b.id, b.revision);
  });
  return found;
}

}  // namespace gannet::cli
