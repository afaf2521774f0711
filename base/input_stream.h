#ifndef GANNET_BASE_INPUT_STREAM_H_
#define GANNET_BASE_INPUT_STREAM_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gannet::base {

enum class Compression { kNone, kGzip, kXz, kZstd };
std::string_view CompressionName(Compression compression);  // "none", "gzip", "xz", "zstd"

// The bytes of a file or of standard input, decompressed on the way: gzip, xz and zstd are told by
// the first bytes, whatever the name says, and may consist of several members or frames. Memory
// stays bounded for any input.
class InputStream {
 public:
  // Opens a file; "-" is standard input. Errors name the path.
  static absl::StatusOr<InputStream> Open(const std::filesystem::path& path);

  InputStream(InputStream&&) noexcept;
  InputStream& operator=(InputStream&&) noexcept;
  ~InputStream();

  // Fills `out`, less only at the end of the stream or before what cannot be read, and returns how
  // many bytes it holds: 0 at the end alone. Errors come when nothing good is left: compressed data
  // that is damaged or cut short is kDataLoss, naming the path and the place in the file; that in
  // need of more than 256 MiB to be decompressed is kResourceExhausted.
  absl::StatusOr<size_t> Read(std::span<char> out);

  // All that is left.
  absl::StatusOr<std::string> ReadAll();

  Compression compression() const;
  uint64_t file_bytes_read() const;  // Of the file as it is, compressed or not.

 private:
  struct State;
  explicit InputStream(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// The whole content of a file, decompressed.
absl::StatusOr<std::string> ReadDecompressed(const std::filesystem::path& path);

}  // namespace gannet::base

#endif  // GANNET_BASE_INPUT_STREAM_H_
