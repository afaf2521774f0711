#include "cli/hub/download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"

namespace gannet::cli {
namespace {

// A blob on its way: bytes on disk that survive the process, locked against other processes.
class IncompleteBlob {
 public:
  static absl::StatusOr<IncompleteBlob> Open(const std::filesystem::path& path) {
    IncompleteBlob blob(path, ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (blob.fd_ < 0) return base::ErrnoStatus(errno, path.string());
    struct stat opened, named;
    if (::flock(blob.fd_, LOCK_EX | LOCK_NB) != 0) return Busy(path);
    if (::fstat(blob.fd_, &opened) != 0) return base::ErrnoStatus(errno, path.string());
    // Between opening and locking, its owner may have finished it: then it is a blob already.
    if (::stat(path.c_str(), &named) != 0 || named.st_ino != opened.st_ino) return Busy(path);
    blob.size_ = static_cast<uint64_t>(opened.st_size);
    return blob;
  }

  IncompleteBlob(IncompleteBlob&& other) noexcept
      : path_(std::move(other.path_)),
        fd_(std::exchange(other.fd_, -1)),
        size_(std::exchange(other.size_, 0)) {}
  IncompleteBlob& operator=(IncompleteBlob&&) = delete;
  ~IncompleteBlob() {
    if (fd_ >= 0) ::close(fd_);
  }

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }

  // Writes at `offset` and forgets what was behind the end of it.
  absl::Status Write(uint64_t offset, std::string_view bytes) {
    if (offset < size_) GANNET_RETURN_IF_ERROR(Truncate(offset));
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0) {
        if (errno == EINTR) continue;
        return base::ErrnoStatus(errno, path_.string());
      }
      bytes.remove_prefix(static_cast<size_t>(written));
      offset += static_cast<uint64_t>(written);
      size_ = offset;
    }
    return absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size) {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) {
      return base::ErrnoStatus(errno, path_.string());
    }
    size_ = size;
    return absl::OkStatus();
  }

  absl::Status RenameTo(const std::filesystem::path& blob) const {
    if (::fsync(fd_) != 0 || std::rename(path_.c_str(), blob.c_str()) != 0) {
      return base::ErrnoStatus(errno, blob.string());
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status Busy(const std::filesystem::path& path) {
    return absl::UnavailableError(
        fmt::format("{}: another process is downloading this file", path.string()));
  }

  IncompleteBlob(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::filesystem::path path_;
  int fd_;
  uint64_t size_ = 0;
};

// Fetches what is missing. A connection that breaks is taken up again while that brings bytes.
absl::Status Fetch(HubClient& hub, const RemoteFile& file, IncompleteBlob& blob,
                   DownloadObserver observe) {
  if (file.size && blob.size() > *file.size) GANNET_RETURN_IF_ERROR(blob.Truncate(0));
  const auto write = [&](uint64_t offset, std::string_view bytes) -> absl::Status {
    GANNET_RETURN_IF_ERROR(blob.Write(offset, bytes));
    observe(blob.size());
    return absl::OkStatus();
  };
  while (!file.size || blob.size() < *file.size) {
    const uint64_t before = blob.size();
    const absl::Status status = hub.Download(file, before, write);
    if (status.ok()) return absl::OkStatus();
    if (status.code() == absl::StatusCode::kOutOfRange && before > 0) {
      // The file on the server ends before what is here: that cannot be a part of it.
      GANNET_RETURN_IF_ERROR(blob.Truncate(0));
    } else if (status.code() != absl::StatusCode::kUnavailable || blob.size() <= before) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ChecksumOf(const std::filesystem::path& path, size_t digits) {
  GANNET_ASSIGN_OR_RETURN(const base::MappedFile content, base::MappedFile::Open(path));
  if (digits == 64) {
    base::Digest sha256(base::Digest::Kind::kSha256);
    sha256.Update(content.bytes());
    return sha256.Finish();
  }
  base::Digest git_blob(base::Digest::Kind::kSha1);
  git_blob.Update(fmt::format("blob {}", content.bytes().size()));
  git_blob.Update(std::string_view("\0", 1));
  git_blob.Update(content.bytes());
  return git_blob.Finish();
}

absl::Status Verify(const RemoteFile& file, const IncompleteBlob& blob) {
  GANNET_ASSIGN_OR_RETURN(const std::string got, ChecksumOf(blob.path(), file.checksum.size()));
  if (got == file.checksum) return absl::OkStatus();
  std::error_code ignored;
  std::filesystem::remove(blob.path(), ignored);
  return absl::DataLossError(fmt::format(
      "{}: the checksum is wrong, the download was deleted: expected {}, got {} ({} bytes)",
      file.name, file.checksum, got, blob.size()));
}

}  // namespace

absl::Status DownloadBlob(HubClient& hub, const RemoteFile& file, const CachedModel& model,
                          DownloadObserver observe) {
  const std::filesystem::path finished = model.Blob(file.checksum);
  std::error_code ignored;
  if (std::filesystem::exists(finished, ignored)) return absl::OkStatus();
  GANNET_RETURN_IF_ERROR(base::CreateDirectories(finished.parent_path()));
  GANNET_ASSIGN_OR_RETURN(IncompleteBlob blob,
                          IncompleteBlob::Open(model.Incomplete(file.checksum)));
  const absl::Status fetched = Fetch(hub, file, blob, observe);
  if (!fetched.ok() && blob.size() == 0) {
    std::filesystem::remove(blob.path(), ignored);
    return fetched;
  }
  GANNET_RETURN_IF_ERROR(base::Annotate(
      fetched, fmt::format("{}: {} bytes are kept, the same command goes on from there", file.name,
                           blob.size())));
  GANNET_RETURN_IF_ERROR(Verify(file, blob));
  return blob.RenameTo(finished);
}

}  // namespace gannet::cli
