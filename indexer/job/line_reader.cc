#include "indexer/job/line_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/format.h"
#include "base/status.h"

namespace gannet::indexer {
namespace {

constexpr size_t kBufferBytes = 1 << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

LineReader::LineReader(base::InputStream stream, size_t max_line_bytes)
    : stream_(std::move(stream)), max_line_bytes_(max_line_bytes), buffer_(kBufferBytes) {}

absl::StatusOr<bool> LineReader::Fill() {
  if (at_end_) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  GANNET_ASSIGN_OR_RETURN(const size_t got, stream_.Read(std::span(buffer_).subspan(end_)));
  at_end_ = got == 0;
  end_ += got;
  return got > 0;
}

absl::StatusOr<std::string_view> LineReader::Peek() {
  if (begin_ == end_) GANNET_RETURN_IF_ERROR(Fill().status());
  return std::string_view(buffer_.data() + begin_, end_ - begin_);
}

absl::StatusOr<bool> LineReader::Next(std::string_view& line) {
  line = {};
  size_t searched = 0;
  bool too_long = false;
  for (;;) {
    const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
    const size_t end = rest.find('\n', searched);
    const bool found = end != std::string_view::npos;
    const size_t length = found ? end : rest.size();
    too_long = too_long || length > max_line_bytes_ + 1;  // A CR may still come off.
    if (found && !too_long) {
      line = rest.substr(0, length);
      begin_ += length + 1;
      break;
    }
    // What is too long anyway need not be kept.
    if (too_long) begin_ += found ? length + 1 : length;
    if (too_long && found) break;
    searched = too_long ? 0 : length;
    GANNET_ASSIGN_OR_RETURN(const bool more, Fill());
    if (more) continue;
    if (begin_ == end_ && !too_long) return false;
    line = std::string_view(buffer_.data() + begin_, end_ - begin_);
    begin_ = end_;
    break;
  }
  if (number_++ == 0 && line.starts_with(kByteOrderMark)) line.remove_prefix(3);
  if (!too_long && line.ends_with('\r')) line.remove_suffix(1);
  if (!too_long && line.size() <= max_line_bytes_) return true;
  return TooLong();
}

absl::StatusOr<std::string_view> LineReader::Rest() {
  bool more = true;
  while (more && end_ - begin_ <= max_line_bytes_) {
    GANNET_ASSIGN_OR_RETURN(more, Fill());
  }
  const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
  begin_ = end_;
  at_end_ = true;
  if (rest.size() > max_line_bytes_) return TooLong();
  return rest.starts_with(kByteOrderMark) ? rest.substr(kByteOrderMark.size()) : rest;
}

absl::Status LineReader::TooLong() const {
  return absl::InvalidArgumentError(
      fmt::format("longer than {}", base::FormatBytes(max_line_bytes_)));
}

}  // namespace gannet::indexer
