#ifndef GANNET_INDEXER_COLLECTION_COPY_FILES_H_
#define GANNET_INDEXER_COLLECTION_COPY_FILES_H_

#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gannet::indexer {

// Brings a file, or the entries of a folder, to the disk.
absl::Status Sync(const std::filesystem::path& path);

// A folder that comes into being whole or not at all: it is filled under another name beside its
// own, which Finish gives it. Without Finish it is removed.
class NewFolder {
 public:
  // kAlreadyExists when there is something at `folder`.
  static absl::StatusOr<NewFolder> Begin(const std::filesystem::path& folder);

  NewFolder(NewFolder&& other) noexcept
      : folder_(std::move(other.folder_)), partial_(std::exchange(other.partial_, {})) {}
  NewFolder& operator=(NewFolder&&) = delete;
  ~NewFolder();

  const std::filesystem::path& path() const { return partial_; }

  // Syncs all files and folders in it and gives it its name, for good or not at all.
  absl::Status Finish();

 private:
  NewFolder(std::filesystem::path folder, std::filesystem::path partial)
      : folder_(std::move(folder)), partial_(std::move(partial)) {}

  std::filesystem::path folder_;
  std::filesystem::path partial_;  // Empty once it has its name.
};

// A second name for a file that is never changed, or a copy where the file system has none.
absl::Status LinkOrCopy(const std::filesystem::path& from, const std::filesystem::path& to);

// Copies the regular files in `from`, and those in folders there, to the existing folder `to`.
absl::Status CopyTree(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_COPY_FILES_H_
