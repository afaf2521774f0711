#ifndef GANNET_INDEXER_JOB_LINE_READER_H_
#define GANNET_INDEXER_JOB_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/input_stream.h"

namespace gannet::indexer {

// The lines of a stream, in memory for one line at most. A byte order mark before the first is left
// out.
class LineReader {
 public:
  LineReader(base::InputStream stream, size_t max_line_bytes);

  // Sets `line` to the next line without its end (LF or CRLF), valid until the next call; false
  // behind the last. A line over the limit is kInvalidArgument; the reader then stands behind it.
  absl::StatusOr<bool> Next(std::string_view& line);

  // All that is left, as it is; more than the limit is kInvalidArgument.
  absl::StatusOr<std::string_view> Rest();

  // The beginning of the stream, at most a buffer of it, read ahead of Next.
  absl::StatusOr<std::string_view> Peek();

  uint64_t number() const { return number_; }  // Of the line last read, from 1.
  const base::InputStream& stream() const { return stream_; }

 private:
  // Puts more of the stream behind what is there; false at its end.
  absl::StatusOr<bool> Fill();
  absl::Status TooLong() const;

  base::InputStream stream_;
  const size_t max_line_bytes_;
  std::vector<char> buffer_;
  size_t begin_ = 0;  // buffer_[begin_, end_) was not given out yet.
  size_t end_ = 0;
  bool at_end_ = false;
  uint64_t number_ = 0;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_JOB_LINE_READER_H_
