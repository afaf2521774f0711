#ifndef GANNET_BASE_PARQUET_ENCODINGS_H_
#define GANNET_BASE_PARQUET_ENCODINGS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/parquet/metadata.h"

namespace gannet::base::parquet {

// The encodings of levels and values
// (https://parquet.apache.org/docs/file-format/data-pages/encodings/). Decoders take one value
// after another from bytes that outlive them, and allocate by what they were given, never by what
// it says. All errors are kDataLoss, without saying where.

// RLE: runs of one value, and runs of values of `bit_width` bits packed one behind another.
class HybridDecoder {
 public:
  HybridDecoder() = default;
  // At most 32 bits.
  HybridDecoder(std::string_view bytes, unsigned bit_width) : rest_(bytes), bit_width_(bit_width) {}

  absl::Status Next(uint32_t& value);

 private:
  absl::Status StartRun();

  std::string_view rest_;    // Behind the current run.
  std::string_view packed_;  // Of the current run, when its values are packed.
  unsigned bit_width_ = 0;
  bool is_packed_ = false;
  uint32_t repeated_ = 0;
  uint64_t left_ = 0;  // Of the current run.
  uint64_t taken_ = 0;
};

// DELTA_BINARY_PACKED: the first value, and blocks of differences less the smallest of the block,
// packed in miniblocks of a width each.
class DeltaDecoder {
 public:
  static absl::StatusOr<DeltaDecoder> Parse(std::string_view bytes);

  // Arithmetic is modulo 2^64; of 32-bit values the lower half counts.
  absl::Status Next(uint64_t& value);

  // What lies behind the last value; asked before the first is taken.
  absl::StatusOr<std::string_view> Rest() const;

 private:
  absl::Status StartMiniblock();

  std::string_view rest_;    // Behind the current miniblock.
  std::string_view widths_;  // Of the miniblocks of this block that did not begin.
  std::string_view packed_;
  uint64_t miniblocks_of_block_ = 0;
  uint64_t values_of_miniblock_ = 0;
  uint64_t left_ = 0;     // Values that were not taken.
  bool at_first_ = true;  // The first is in the header.
  unsigned width_ = 0;
  uint64_t taken_ = 0;  // Of the current miniblock.
  uint64_t min_delta_ = 0;
  uint64_t value_ = 0;
};

// The values of a page that are not null.
class ValueDecoder {
 public:
  virtual ~ValueDecoder() = default;

  // Sets `value` to the next one as PLAIN writes it (a BYTE_ARRAY without its length, a BOOLEAN as
  // a byte), valid until the next call.
  virtual absl::Status Next(std::string_view& value) = 0;
};

struct ValueType {
  PhysicalType type;
  size_t bytes;  // Of a value of fixed length; else 0.
};

// `dictionary` is that of the column chunk, which outlives the decoder. kUnimplemented for an
// encoding that is not known or not meant for the type.
absl::StatusOr<std::unique_ptr<ValueDecoder>> MakeValueDecoder(
    Encoding encoding, ValueType type, std::string_view bytes,
    std::span<const std::string_view> dictionary);

}  // namespace gannet::base::parquet

#endif  // GANNET_BASE_PARQUET_ENCODINGS_H_
