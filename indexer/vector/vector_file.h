#ifndef GANNET_INDEXER_VECTOR_VECTOR_FILE_H_
#define GANNET_INDEXER_VECTOR_VECTOR_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"

namespace gannet::indexer {

// The envelope of every file of the vector room: named sections of bytes, aligned to 64, behind a
// header with magic, version, kind, the fingerprint of the model that made the vectors, and an XXH3
// of the header and of each section. Nothing of a file is handed out before all of it is verified.
//
//   header     128 bytes: "GANNETVF", u32 version, u32 sections, u64 bytes of the file, u64 XXH3 of
//              header and table (with zero in this place), kind (16), fingerprint (64), zeros
//   table      per section: name (24), u64 offset, u64 bytes, u64 XXH3; zeros up to 64 bytes
//   sections   each filled up with zeros to 64 bytes, which its XXH3 covers
//
// Numbers are little-endian; names are filled up with zeros.

struct FileSection {
  std::string_view name;  // At most 24 bytes.
  std::string_view bytes;
};

template <typename T>
std::string_view BytesOf(std::span<const T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

// Replaces the file atomically (base::WriteFileAtomically). kInvalidArgument for a kind,
// fingerprint or name that does not fit the header.
absl::Status WriteVectorFile(const std::filesystem::path& path, std::string_view kind,
                             std::string_view fingerprint, std::span<const FileSection> sections);

// A verified file, mapped for as long as the object lives.
class VectorFile {
 public:
  // kNotFound when there is none; kFailedPrecondition for another kind or version; kDataLoss, with
  // the name of the file and of the section, when any byte is not what was written.
  static absl::StatusOr<std::shared_ptr<const VectorFile>> Open(const std::filesystem::path& path,
                                                                std::string_view kind);

  const std::filesystem::path& path() const { return file_.path(); }
  const std::string& fingerprint() const { return fingerprint_; }
  uint64_t checksum() const { return checksum_; }  // Of the header: it stands for every byte.
  uint64_t bytes() const { return file_.bytes().size(); }

  // kDataLoss when there is no such section.
  absl::StatusOr<std::string_view> Section(std::string_view name) const;

  // The section as an array; kDataLoss when it is not a whole number of values.
  template <typename T>
  absl::StatusOr<std::span<const T>> Array(std::string_view name) const {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 64);
    absl::StatusOr<std::string_view> bytes = Section(name);
    if (!bytes.ok()) return bytes.status();
    if (bytes->size() % sizeof(T) != 0) return WrongLength(name, bytes->size(), sizeof(T));
    return std::span(reinterpret_cast<const T*>(bytes->data()), bytes->size() / sizeof(T));
  }

 private:
  explicit VectorFile(base::MappedFile file) : file_(std::move(file)) {}

  absl::Status Verify(std::string_view kind);
  absl::Status VerifySection(size_t number, size_t data_begin);
  absl::Status Damaged(std::string_view where, std::string_view what) const;
  absl::Status WrongLength(std::string_view name, size_t bytes, size_t value_bytes) const;

  base::MappedFile file_;
  std::string fingerprint_;
  uint64_t checksum_ = 0;
  std::vector<FileSection> sections_;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_VECTOR_FILE_H_
