#ifndef GANNET_BASE_PARQUET_THRIFT_COMPACT_H_
#define GANNET_BASE_PARQUET_THRIFT_COMPACT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace gannet::base::parquet {

// A LEB128 integer, taken off the front of `bytes`; false when they end within it or it is longer
// than 64 bits.
bool TakeVarint(std::string_view& bytes, uint64_t& value);

// A zigzag-coded integer: 0, -1, 1, -2 ... as 0, 1, 2, 3 ...
constexpr int64_t FromZigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// Reads one struct in Thrift's compact protocol from the front of untrusted bytes
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). Nothing is
// allocated, depth is bounded, and a list is no longer than the bytes that are left.
//
// The first error sticks: from then on every value is 0 or empty, and status() says what was wrong.
class ThriftCompactReader {
 public:
  explicit ThriftCompactReader(std::string_view bytes) : bytes_(bytes), rest_(bytes) {}

  // Calls `take` with the id of every field. It reads the field's value by one of the functions
  // below, or leaves it alone: then it is skipped.
  void Struct(absl::FunctionRef<void(int id)> take);

  // Calls `take` for every element of a list, which it reads or leaves alone likewise.
  void List(absl::FunctionRef<void()> take);

  int64_t Integer();  // Of 8 to 64 bits.
  bool Bool();
  std::string_view Binary();
  void Skip();

  size_t position() const { return bytes_.size() - rest_.size(); }  // Bytes read.
  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }  // kDataLoss, naming the byte.

 private:
  enum class Type : uint8_t {
    kNone = 0,  // No value is waiting to be read.
    kTrue = 1,
    kFalse = 2,
    kByte = 3,
    kI16 = 4,
    kI32 = 5,
    kI64 = 6,
    kDouble = 7,
    kBinary = 8,
    kList = 9,
    kSet = 10,
    kMap = 11,
    kStruct = 12,
    kUuid = 13,
  };

  bool Fail(std::string_view problem);
  bool TakeByte(uint8_t& byte);
  bool TakeUnsigned(uint64_t& value);
  bool TakeBytes(uint64_t size, std::string_view& bytes);
  bool TakeElementType(uint8_t bits);
  bool Enter();  // One level down; false at the deepest.
  void SkipMap();

  std::string_view bytes_;
  std::string_view rest_;
  Type pending_ = Type::kStruct;  // Of the value that comes next.
  bool in_list_ = false;          // There a bool is a byte; in a struct it is its type.
  int depth_ = 0;
  absl::Status status_;
};

}  // namespace gannet::base::parquet

#endif  // GANNET_BASE_PARQUET_THRIFT_COMPACT_H_
