#include "base/parquet/thrift_compact.h"

#include <fmt/format.h>

#include <utility>

namespace gannet::base::parquet {
namespace {

constexpr int kMaxDepth = 32;  // Parquet's own structs are nested less than 10 deep.

}  // namespace

bool TakeVarint(std::string_view& bytes, uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (bytes.empty()) return false;
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool ThriftCompactReader::Fail(std::string_view problem) {
  if (status_.ok()) {
    status_ = absl::DataLossError(
        fmt::format("{} at byte {} of a Thrift struct of {}", problem, position(), bytes_.size()));
  }
  pending_ = Type::kNone;
  return false;
}

bool ThriftCompactReader::TakeByte(uint8_t& byte) {
  std::string_view taken;
  if (!TakeBytes(1, taken)) return false;
  byte = static_cast<uint8_t>(taken.front());
  return true;
}

bool ThriftCompactReader::TakeUnsigned(uint64_t& value) {
  if (!ok()) return false;
  return TakeVarint(rest_, value) || Fail("an integer without an end");
}

bool ThriftCompactReader::TakeBytes(uint64_t size, std::string_view& bytes) {
  if (!ok()) return false;
  if (size > rest_.size()) return Fail(fmt::format("{} bytes wanted, {} left", size, rest_.size()));
  bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool ThriftCompactReader::TakeElementType(uint8_t bits) {
  if (bits < static_cast<uint8_t>(Type::kTrue) || bits > static_cast<uint8_t>(Type::kUuid)) {
    return Fail(fmt::format("a value of the unknown type {}", bits));
  }
  pending_ = static_cast<Type>(bits);
  return true;
}

bool ThriftCompactReader::Enter() {
  if (depth_ == kMaxDepth) return Fail(fmt::format("nested more than {} deep", kMaxDepth));
  ++depth_;
  return true;
}

void ThriftCompactReader::Struct(absl::FunctionRef<void(int id)> take) {
  if (!ok()) return;
  if (pending_ != Type::kStruct) {
    Fail("no struct");
    return;
  }
  if (!Enter()) return;
  int64_t id = 0;
  while (ok()) {
    uint8_t header = 0;
    if (!TakeByte(header)) return;
    if (header == 0) break;
    if (!TakeElementType(header & 0x0F)) return;
    if (const int delta = header >> 4; delta != 0) {
      id += delta;
    } else {
      uint64_t zigzag = 0;
      if (!TakeUnsigned(zigzag)) return;
      id = FromZigzag(zigzag);
    }
    if (id < INT16_MIN || id > INT16_MAX) {
      Fail("a field id over 16 bits");
      return;
    }
    in_list_ = false;
    take(static_cast<int>(id));
    if (pending_ != Type::kNone) Skip();
  }
  --depth_;
  pending_ = Type::kNone;
}

void ThriftCompactReader::List(absl::FunctionRef<void()> take) {
  if (!ok()) return;
  if (pending_ != Type::kList && pending_ != Type::kSet) {
    Fail("no list");
    return;
  }
  uint8_t header = 0;
  if (!Enter() || !TakeByte(header)) return;
  uint64_t size = header >> 4;
  if (size == 15 && !TakeUnsigned(size)) return;
  // Every element takes a byte or more.
  if (size > rest_.size()) {
    Fail(fmt::format("a list of {} elements in {} bytes", size, rest_.size()));
    return;
  }
  for (uint64_t i = 0; i < size; ++i) {
    if (!ok() || !TakeElementType(header & 0x0F)) return;
    in_list_ = true;
    take();
    if (pending_ != Type::kNone) Skip();
  }
  --depth_;
  pending_ = Type::kNone;
}

int64_t ThriftCompactReader::Integer() {
  const Type type = std::exchange(pending_, Type::kNone);
  if (type == Type::kByte) {
    uint8_t byte = 0;
    return TakeByte(byte) ? static_cast<int8_t>(byte) : 0;
  }
  if (type != Type::kI16 && type != Type::kI32 && type != Type::kI64) {
    Fail("no integer");
    return 0;
  }
  uint64_t zigzag = 0;
  return TakeUnsigned(zigzag) ? FromZigzag(zigzag) : 0;
}

bool ThriftCompactReader::Bool() {
  const Type type = std::exchange(pending_, Type::kNone);
  if (type != Type::kTrue && type != Type::kFalse) return Fail("no bool");
  if (!in_list_) return ok() && type == Type::kTrue;
  uint8_t byte = 0;
  return TakeByte(byte) && byte == static_cast<uint8_t>(Type::kTrue);
}

std::string_view ThriftCompactReader::Binary() {
  if (std::exchange(pending_, Type::kNone) != Type::kBinary) Fail("no string");
  uint64_t size = 0;
  std::string_view bytes;
  if (TakeUnsigned(size)) TakeBytes(size, bytes);
  return bytes;
}

void ThriftCompactReader::SkipMap() {
  uint64_t size = 0;
  uint8_t types = 0;
  if (!Enter() || !TakeUnsigned(size)) return;
  if (size > rest_.size()) {
    Fail(fmt::format("a map of {} entries in {} bytes", size, rest_.size()));
    return;
  }
  if (size > 0 && !TakeByte(types)) return;
  for (uint64_t i = 0; i < size; ++i) {
    for (const int type : {types >> 4, types & 0x0F}) {
      if (!ok() || !TakeElementType(static_cast<uint8_t>(type))) return;
      in_list_ = true;
      Skip();
    }
  }
  --depth_;
}

void ThriftCompactReader::Skip() {
  std::string_view skipped;
  switch (pending_) {
    case Type::kNone:
      break;
    case Type::kTrue:
    case Type::kFalse:
      Bool();
      break;
    case Type::kByte:
    case Type::kI16:
    case Type::kI32:
    case Type::kI64:
      Integer();
      break;
    case Type::kDouble:
      TakeBytes(8, skipped);
      break;
    case Type::kUuid:
      TakeBytes(16, skipped);
      break;
    case Type::kBinary:
      Binary();
      break;
    case Type::kList:
    case Type::kSet:
      List([] {});
      break;
    case Type::kMap:
      SkipMap();
      break;
    case Type::kStruct:
      Struct([](int) {});
      break;
  }
  pending_ = Type::kNone;
}

}  // namespace gannet::base::parquet
