#ifndef GANNET_BASE_FILE_H_
#define GANNET_BASE_FILE_H_

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gannet::base {

// The whole content of a regular file. Errors name the path.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path);

// Replaces `path` by a file holding `content`, so that after a crash at any moment either the old
// or the new content is there: temporary file in the same folder, fsync, rename, fsync of the
// folder. Errors name the path; the temporary file is removed.
absl::Status WriteFileAtomically(const std::filesystem::path& path, std::string_view content);

// The same with content in parts, one after another: large ones need not lie in one piece.
absl::Status WriteFileAtomically(const std::filesystem::path& path,
                                 std::span<const std::string_view> parts);

// Creates `path` and its parents where missing. Errors name the path.
absl::Status CreateDirectories(const std::filesystem::path& path);

// Read-only bytes of a file, mapped into memory. Movable; unmapped on destruction.
class MappedFile {
 public:
  static absl::StatusOr<MappedFile> Open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile(std::filesystem::path path, void* data, size_t size);

  std::filesystem::path path_;
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace gannet::base

#endif  // GANNET_BASE_FILE_H_
