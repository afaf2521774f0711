#include "base/input_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/status.h"

namespace gannet::base {
namespace {

constexpr size_t kBufferBytes = 256 << 10;
constexpr uint64_t kMaxDecoderBytes = 256 << 20;
constexpr int kMaxZstdWindowLog = 27;  // 128 MiB, what zstd itself reads without being asked.

// A file and the part of it that was read and not yet used.
class FileBuffer {
 public:
  FileBuffer(std::filesystem::path path, int descriptor)
      : path_(std::move(path)), descriptor_(descriptor), bytes_(kBufferBytes) {}
  FileBuffer(const FileBuffer&) = delete;
  FileBuffer& operator=(const FileBuffer&) = delete;
  ~FileBuffer() {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
  }

  // Reads on until `size` bytes are there; fewer at the end of the file alone.
  absl::Status Fill(size_t size) {
    if (end_ - begin_ >= size) return absl::OkStatus();
    std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_),
              bytes_.begin() + static_cast<std::ptrdiff_t>(end_), bytes_.begin());
    end_ -= std::exchange(begin_, 0);
    while (end_ < size && !at_end_) {
      const ssize_t got = ::read(descriptor_, bytes_.data() + end_, bytes_.size() - end_);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoStatus(errno, path_.string());
      at_end_ = got == 0;
      end_ += static_cast<size_t>(got);
    }
    return absl::OkStatus();
  }

  std::string_view available() const { return {bytes_.data() + begin_, end_ - begin_}; }
  void Consume(size_t size) {
    begin_ += size;
    consumed_ += size;
  }
  uint64_t consumed() const { return consumed_; }

  absl::Status Error(absl::StatusCode code, std::string_view problem) const {
    return absl::Status(code,
                        fmt::format("{}: at byte {}: {}", path_.string(), consumed_, problem));
  }

 private:
  const std::filesystem::path path_;
  const int descriptor_;
  std::vector<char> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool at_end_ = false;
  uint64_t consumed_ = 0;
};

// What one step of a decoder did.
struct Step {
  size_t consumed = 0;
  size_t produced = 0;
  // Nothing is open: the compressed data may end here.
  bool complete = false;
  absl::StatusCode error = absl::StatusCode::kOk;
  std::string problem = {};
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Turns some of `in` (empty: the file is at its end) into some of `out`.
  virtual Step Run(std::string_view in, std::span<char> out) = 0;
};

class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() { initialised_ = inflateInit2(&stream_, kGzipWindow) == Z_OK; }
  ~GzipDecoder() override { inflateEnd(&stream_); }

  Step Run(std::string_view in, std::span<char> out) override {
    if (!initialised_)
      return {.error = absl::StatusCode::kResourceExhausted, .problem = "gzip: no memory"};
    // Programs pad the end with zeros; else another member follows.
    if (complete_ && !in.empty()) {
      const size_t zeros = std::min(in.find_first_not_of('\0'), in.size());
      if (zeros > 0) return {.consumed = zeros, .complete = true};
      inflateReset(&stream_);
      complete_ = false;
    }
    if (complete_) return {.complete = true};
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    complete_ = result == Z_STREAM_END;
    Step step{.consumed = in.size() - stream_.avail_in,
              .produced = out.size() - stream_.avail_out,
              .complete = complete_};
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      step.error = absl::StatusCode::kDataLoss;
      step.problem = fmt::format("damaged gzip data ({})",
                                 stream_.msg != nullptr ? stream_.msg : "zlib error");
    }
    return step;
  }

 private:
  static constexpr int kGzipWindow = 15 + 16;  // zlib's sign for a gzip header.

  z_stream stream_ = {};
  bool initialised_ = false;
  bool complete_ = false;
};

class XzDecoder final : public Decoder {
 public:
  XzDecoder() { state_ = lzma_stream_decoder(&stream_, kMaxDecoderBytes, LZMA_CONCATENATED); }
  ~XzDecoder() override { lzma_end(&stream_); }

  Step Run(std::string_view in, std::span<char> out) override {
    stream_.next_in = reinterpret_cast<const uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<uint8_t*>(out.data());
    stream_.avail_out = out.size();
    if (state_ == LZMA_OK) state_ = lzma_code(&stream_, in.empty() ? LZMA_FINISH : LZMA_RUN);
    Step step{.consumed = in.size() - stream_.avail_in,
              .produced = out.size() - stream_.avail_out,
              .complete = state_ == LZMA_STREAM_END};
    switch (state_) {
      case LZMA_OK:
      case LZMA_STREAM_END:
        return step;
      case LZMA_BUF_ERROR:  // Wants more, and there is no more.
        state_ = LZMA_OK;
        return step;
      case LZMA_MEM_ERROR:
      case LZMA_MEMLIMIT_ERROR:
        step.error = absl::StatusCode::kResourceExhausted;
        step.problem = fmt::format("xz data that takes {} MiB to decompress, at most {} are given",
                                   lzma_memusage(&stream_) >> 20, kMaxDecoderBytes >> 20);
        return step;
      default:
        step.error = absl::StatusCode::kDataLoss;
        step.problem = fmt::format("damaged xz data (liblzma error {})", static_cast<int>(state_));
        return step;
    }
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  lzma_ret state_ = LZMA_OK;
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : stream_(ZSTD_createDStream()) {
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }

  Step Run(std::string_view in, std::span<char> out) override {
    if (in.empty() && complete_) return {.complete = true};
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const size_t result = ZSTD_decompressStream(stream_, &output, &input);
    complete_ = result == 0;
    Step step{.consumed = input.pos, .produced = output.pos, .complete = complete_};
    if (ZSTD_isError(result) != 0) {
      const bool memory = ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge ||
                          ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation;
      step.error = memory ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kDataLoss;
      step.problem =
          fmt::format("zstd data cannot be decompressed ({})", ZSTD_getErrorName(result));
    }
    return step;
  }

 private:
  ZSTD_DStream* const stream_;
  bool complete_ = true;
};

Compression CompressionOf(std::string_view first) {
  using namespace std::string_view_literals;
  if (first.starts_with("\x1F\x8B\x08"sv)) return Compression::kGzip;
  if (first.starts_with("\xFD"
                        "7zXZ\0"sv)) {
    return Compression::kXz;
  }
  // A frame, or one to be skipped before the first, as parallel compressors write them.
  if (first.starts_with("\x28\xB5\x2F\xFD"sv)) return Compression::kZstd;
  if (first.size() >= 4 && (first[0] & '\xF0') == '\x50' &&
      first.substr(1, 3) == "\x2A\x4D\x18"sv) {
    return Compression::kZstd;
  }
  return Compression::kNone;
}

std::unique_ptr<Decoder> MakeDecoder(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return nullptr;
    case Compression::kGzip:
      return std::make_unique<GzipDecoder>();
    case Compression::kXz:
      return std::make_unique<XzDecoder>();
    case Compression::kZstd:
      return std::make_unique<ZstdDecoder>();
  }
  return nullptr;
}

}  // namespace

struct InputStream::State {
  State(const std::filesystem::path& path, int descriptor) : file(path, descriptor) {}

  // What fills `out`, and the error that ended it, if any.
  absl::Status ReadPlain(std::span<char> out, size_t& filled);
  absl::Status Decode(std::span<char> out, size_t& filled);

  FileBuffer file;
  Compression compression = Compression::kNone;
  std::unique_ptr<Decoder> decoder;
  absl::Status status;  // What the stream ended with, to be told by the next Read.
};

absl::Status InputStream::State::ReadPlain(std::span<char> out, size_t& filled) {
  while (filled < out.size()) {
    GANNET_RETURN_IF_ERROR(file.Fill(1));
    const std::string_view available = file.available().substr(0, out.size() - filled);
    if (available.empty()) break;
    std::copy(available.begin(), available.end(), out.data() + filled);
    file.Consume(available.size());
    filled += available.size();
  }
  return absl::OkStatus();
}

absl::Status InputStream::State::Decode(std::span<char> out, size_t& filled) {
  while (filled < out.size()) {
    GANNET_RETURN_IF_ERROR(file.Fill(1));
    const std::string_view available = file.available();
    const Step step = decoder->Run(available, out.subspan(filled));
    file.Consume(step.consumed);
    filled += step.produced;
    if (step.error != absl::StatusCode::kOk) return file.Error(step.error, step.problem);
    if (available.empty() && step.produced == 0) {
      if (step.complete) break;
      return file.Error(absl::StatusCode::kDataLoss,
                        fmt::format("{} data cut short", CompressionName(compression)));
    }
    if (!available.empty() && step.consumed == 0 && step.produced == 0) {
      return file.Error(absl::StatusCode::kDataLoss,
                        fmt::format("{} data that leads nowhere", CompressionName(compression)));
    }
  }
  return absl::OkStatus();
}

std::string_view CompressionName(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return "none";
    case Compression::kGzip:
      return "gzip";
    case Compression::kXz:
      return "xz";
    case Compression::kZstd:
      return "zstd";
  }
  return "none";
}

InputStream::InputStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
InputStream::InputStream(InputStream&&) noexcept = default;
InputStream& InputStream::operator=(InputStream&&) noexcept = default;
InputStream::~InputStream() = default;

absl::StatusOr<InputStream> InputStream::Open(const std::filesystem::path& path) {
  int descriptor = STDIN_FILENO;
  if (path != "-") {
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return ErrnoStatus(errno, path.string());
  }
  auto state = std::make_unique<State>(path == "-" ? "standard input" : path, descriptor);
  GANNET_RETURN_IF_ERROR(state->file.Fill(6));  // The longest of the marks.
  state->compression = CompressionOf(state->file.available());
  state->decoder = MakeDecoder(state->compression);
  return InputStream(std::move(state));
}

absl::StatusOr<size_t> InputStream::Read(std::span<char> out) {
  GANNET_RETURN_IF_ERROR(state_->status);
  size_t filled = 0;
  state_->status =
      state_->decoder == nullptr ? state_->ReadPlain(out, filled) : state_->Decode(out, filled);
  if (filled == 0) GANNET_RETURN_IF_ERROR(state_->status);
  return filled;
}

absl::StatusOr<std::string> InputStream::ReadAll() {
  std::string content;
  for (;;) {
    const size_t before = content.size();
    content.resize(before + kBufferBytes);
    GANNET_ASSIGN_OR_RETURN(const size_t got, Read(std::span(content).subspan(before)));
    content.resize(before + got);
    if (got == 0) return content;
  }
}

Compression InputStream::compression() const { return state_->compression; }
uint64_t InputStream::file_bytes_read() const { return state_->file.consumed(); }

absl::StatusOr<std::string> ReadDecompressed(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(InputStream stream, InputStream::Open(path));
  return stream.ReadAll();
}

}  // namespace gannet::base
