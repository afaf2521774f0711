#ifndef GANNET_BASE_PARQUET_PAGES_H_
#define GANNET_BASE_PARQUET_PAGES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/parquet/encodings.h"
#include "base/parquet/metadata.h"

namespace gannet::base::parquet {

// Memory that pages are decompressed into, one after another.
class PageBuffer {
 public:
  // Room for `size` bytes, which are not set: of what a page claims to hold, only what it does hold
  // takes memory.
  std::span<char> Room(size_t size);

 private:
  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
};

// Decompresses all of `in`, which has to fill `out` exactly: else kDataLoss. kUnimplemented for a
// codec that is not read.
absl::Status Decompress(Codec codec, std::string_view in, std::span<char> out);

// A page as it stands in the file.
struct Page {
  PageHeader header;
  std::string_view bytes;
};

// Takes the next page off the front of what is left of a column chunk. kDataLoss when its sizes do
// not fit or its checksum, where it has one, does not match; kUnimplemented when it has more than
// `max_page_bytes`.
absl::StatusOr<Page> TakePage(std::string_view& chunk, size_t max_page_bytes);

// The bytes of a dictionary page, decompressed into the buffer unless they can stay where they are.
absl::StatusOr<std::string_view> DictionaryBytes(const Page& page, Codec codec, PageBuffer& buffer);

// The parts of a data page of either version, decompressed likewise.
struct DataPage {
  HybridDecoder repetition;
  HybridDecoder definition;
  std::string_view values;
};

absl::StatusOr<DataPage> OpenDataPage(const Page& page, Codec codec, uint32_t max_repetition,
                                      uint32_t max_definition, PageBuffer& buffer);

}  // namespace gannet::base::parquet

#endif  // GANNET_BASE_PARQUET_PAGES_H_
