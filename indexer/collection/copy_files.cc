#include "indexer/collection/copy_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/file.h"
#include "base/status.h"

namespace gannet::indexer {
namespace {

namespace fs = std::filesystem;

absl::Status FileError(const std::error_code& error, const fs::path& path) {
  return base::ErrnoStatus(error.value(), path.string());
}

absl::Status SyncTree(const fs::path& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    GANNET_RETURN_IF_ERROR(Sync(entry->path()));
  }
  if (error) return FileError(error, folder);
  return Sync(folder);
}

}  // namespace

absl::Status Sync(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return base::ErrnoStatus(errno, path.string());
  const int failed = ::fsync(descriptor) != 0 ? errno : 0;
  ::close(descriptor);
  return failed == 0 ? absl::OkStatus() : base::ErrnoStatus(failed, path.string());
}

absl::StatusOr<NewFolder> NewFolder::Begin(const fs::path& folder) {
  std::error_code error;
  const fs::path whole = fs::absolute(folder, error).lexically_normal();
  if (error) return FileError(error, folder);
  const fs::path named = whole.has_filename() ? whole : whole.parent_path();
  if (fs::exists(fs::symlink_status(named, error))) {
    return absl::AlreadyExistsError(fmt::format("{}: exists", named.string()));
  }
  fs::path partial = named;
  partial += fmt::format(".partial.{}", ::getpid());
  fs::remove_all(partial, error);
  GANNET_RETURN_IF_ERROR(base::CreateDirectories(partial));
  return NewFolder(named, partial);
}

NewFolder::~NewFolder() {
  std::error_code left_behind;
  if (!partial_.empty()) fs::remove_all(partial_, left_behind);
}

absl::Status NewFolder::Finish() {
  GANNET_RETURN_IF_ERROR(SyncTree(partial_));
  // rename would take the place of an empty folder.
  if (fs::exists(folder_)) {
    return absl::AlreadyExistsError(fmt::format("{}: exists", folder_.string()));
  }
  std::error_code error;
  fs::rename(partial_, folder_, error);
  if (error) return FileError(error, folder_);
  partial_ = folder_;  // Removed again unless its name is on the disk, too.
  GANNET_RETURN_IF_ERROR(Sync(folder_.parent_path()));
  partial_.clear();
  return absl::OkStatus();
}

absl::Status LinkOrCopy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return absl::OkStatus();
  error.clear();
  fs::copy_file(from, to, error);
  if (error)
    return base::Annotate(FileError(error, from), fmt::format("copying to {}", to.string()));
  return absl::OkStatus();
}

absl::Status CopyTree(const fs::path& from, const fs::path& to) {
  std::error_code error;
  for (fs::recursive_directory_iterator entry(from, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path target = to / entry->path().lexically_relative(from);
    std::error_code failed;
    if (entry->is_directory(failed)) {
      GANNET_RETURN_IF_ERROR(base::CreateDirectories(target));
    } else if (entry->is_regular_file(failed)) {
      fs::copy_file(entry->path(), target, failed);
    }
    if (failed) {
      return base::Annotate(FileError(failed, entry->path()),
                            fmt::format("copying to {}", target.string()));
    }
  }
  return error ? FileError(error, from) : absl::OkStatus();
}

}  // namespace gannet::indexer
