#include "base/parquet/encodings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/parquet/thrift_compact.h"
#include "base/status.h"

namespace gannet::base::parquet {
namespace {

static_assert(std::endian::native == std::endian::little, "Parquet's values are little-endian");

absl::Status CutShort(std::string_view what) {
  return absl::DataLossError(fmt::format("{} end before the last of them", what));
}

// Value `index` of values of `width` bits packed from the lowest bit of the first byte on; false
// when it does not lie within the bytes.
bool Unpack(std::string_view bytes, uint64_t index, unsigned width, uint64_t& value) {
  value = 0;
  if (width == 0) return true;
  const uint64_t bit = index * width;
  const size_t begin = bit / 8;
  const unsigned shift = bit % 8;
  if (bit + width > bytes.size() * 8) return false;
  uint64_t low = 0;
  const size_t low_bytes = std::min(sizeof low, bytes.size() - begin);
  std::memcpy(&low, bytes.data() + begin, low_bytes);
  value = low >> shift;
  if (shift + width > 64) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[begin + 8])) << (64 - shift);
  }
  if (width < 64) value &= (uint64_t{1} << width) - 1;
  return true;
}

// A length of 4 bytes and as many bytes, taken off the front.
bool TakeLengthAndBytes(std::string_view& from, std::string_view& bytes) {
  uint32_t size = 0;
  if (from.size() < sizeof size) return false;
  std::memcpy(&size, from.data(), sizeof size);
  if (size > from.size() - sizeof size) return false;
  bytes = from.substr(sizeof size, size);
  from.remove_prefix(sizeof size + size);
  return true;
}

class PlainFixed final : public ValueDecoder {
 public:
  PlainFixed(std::string_view bytes, size_t size) : rest_(bytes), size_(size) {}

  absl::Status Next(std::string_view& value) override {
    if (rest_.size() < size_) return CutShort("values");
    value = rest_.substr(0, size_);
    rest_.remove_prefix(size_);
    return absl::OkStatus();
  }

 private:
  std::string_view rest_;
  const size_t size_;
};

class PlainByteArray final : public ValueDecoder {
 public:
  explicit PlainByteArray(std::string_view bytes) : rest_(bytes) {}

  absl::Status Next(std::string_view& value) override {
    return TakeLengthAndBytes(rest_, value) ? absl::OkStatus() : CutShort("values");
  }

 private:
  std::string_view rest_;
};

std::string_view BooleanByte(bool value) {
  static constexpr char kBytes[] = {0, 1};
  return {&kBytes[value ? 1 : 0], 1};
}

class PlainBoolean final : public ValueDecoder {
 public:
  explicit PlainBoolean(std::string_view bytes) : bytes_(bytes) {}

  absl::Status Next(std::string_view& value) override {
    uint64_t bit = 0;
    if (!Unpack(bytes_, taken_++, 1, bit)) return CutShort("values");
    value = BooleanByte(bit != 0);
    return absl::OkStatus();
  }

 private:
  const std::string_view bytes_;
  uint64_t taken_ = 0;
};

class RleBoolean final : public ValueDecoder {
 public:
  explicit RleBoolean(std::string_view bytes) : runs_(bytes, 1) {}

  absl::Status Next(std::string_view& value) override {
    uint32_t bit = 0;
    GANNET_RETURN_IF_ERROR(runs_.Next(bit));
    value = BooleanByte(bit != 0);
    return absl::OkStatus();
  }

 private:
  HybridDecoder runs_;
};

class DictionaryDecoder final : public ValueDecoder {
 public:
  DictionaryDecoder(HybridDecoder indices, std::span<const std::string_view> dictionary)
      : indices_(indices), dictionary_(dictionary) {}

  absl::Status Next(std::string_view& value) override {
    uint32_t index = 0;
    GANNET_RETURN_IF_ERROR(indices_.Next(index));
    if (index >= dictionary_.size()) {
      return absl::DataLossError(
          fmt::format("index {} into a dictionary of {}", index, dictionary_.size()));
    }
    value = dictionary_[index];
    return absl::OkStatus();
  }

 private:
  HybridDecoder indices_;
  const std::span<const std::string_view> dictionary_;
};

class DeltaInteger final : public ValueDecoder {
 public:
  DeltaInteger(const DeltaDecoder& values, size_t size) : values_(values), size_(size) {}

  absl::Status Next(std::string_view& value) override {
    uint64_t integer = 0;
    GANNET_RETURN_IF_ERROR(values_.Next(integer));
    std::memcpy(plain_.data(), &integer, sizeof integer);
    value = {plain_.data(), size_};
    return absl::OkStatus();
  }

 private:
  DeltaDecoder values_;
  const size_t size_;
  std::array<char, 8> plain_ = {};
};

// All lengths, and behind them all bytes.
class DeltaLengthByteArray final : public ValueDecoder {
 public:
  static absl::StatusOr<std::unique_ptr<DeltaLengthByteArray>> Make(std::string_view bytes) {
    GANNET_ASSIGN_OR_RETURN(const DeltaDecoder lengths, DeltaDecoder::Parse(bytes));
    GANNET_ASSIGN_OR_RETURN(const std::string_view rest, lengths.Rest());
    return std::make_unique<DeltaLengthByteArray>(lengths, rest);
  }
  DeltaLengthByteArray(const DeltaDecoder& lengths, std::string_view bytes)
      : lengths_(lengths), rest_(bytes) {}

  absl::Status Next(std::string_view& value) override {
    uint64_t length = 0;
    GANNET_RETURN_IF_ERROR(lengths_.Next(length));
    if (length > rest_.size()) return CutShort("values");
    value = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return absl::OkStatus();
  }

 private:
  DeltaDecoder lengths_;
  std::string_view rest_;
};

// How much each value shares with the one before it, and what is behind that.
class DeltaByteArray final : public ValueDecoder {
 public:
  static absl::StatusOr<std::unique_ptr<DeltaByteArray>> Make(std::string_view bytes, size_t size) {
    GANNET_ASSIGN_OR_RETURN(const DeltaDecoder prefixes, DeltaDecoder::Parse(bytes));
    GANNET_ASSIGN_OR_RETURN(const std::string_view rest, prefixes.Rest());
    GANNET_ASSIGN_OR_RETURN(auto suffixes, DeltaLengthByteArray::Make(rest));
    return std::make_unique<DeltaByteArray>(prefixes, std::move(suffixes), size);
  }
  DeltaByteArray(const DeltaDecoder& prefixes, std::unique_ptr<DeltaLengthByteArray> suffixes,
                 size_t size)
      : prefixes_(prefixes), suffixes_(std::move(suffixes)), size_(size) {}

  absl::Status Next(std::string_view& value) override {
    uint64_t prefix = 0;
    std::string_view suffix;
    GANNET_RETURN_IF_ERROR(prefixes_.Next(prefix));
    GANNET_RETURN_IF_ERROR(suffixes_->Next(suffix));
    if (prefix > value_.size()) {
      return absl::DataLossError(
          fmt::format("a value shares {} bytes with one of {}", prefix, value_.size()));
    }
    value_.resize(prefix);
    value_ += suffix;
    if (size_ > 0 && value_.size() != size_) {
      return absl::DataLossError(
          fmt::format("a value of {} bytes, expected {}", value_.size(), size_));
    }
    value = value_;
    return absl::OkStatus();
  }

 private:
  DeltaDecoder prefixes_;
  const std::unique_ptr<DeltaLengthByteArray> suffixes_;
  const size_t size_;
  std::string value_;
};

// The first bytes of all values, then the second bytes, and so on.
class ByteStreamSplit final : public ValueDecoder {
 public:
  ByteStreamSplit(std::string_view bytes, size_t size)
      : bytes_(bytes), values_(bytes.size() / size), plain_(size) {}

  absl::Status Next(std::string_view& value) override {
    if (taken_ == values_) return CutShort("values");
    for (size_t i = 0; i < plain_.size(); ++i) plain_[i] = bytes_[i * values_ + taken_];
    ++taken_;
    value = {plain_.data(), plain_.size()};
    return absl::OkStatus();
  }

 private:
  const std::string_view bytes_;
  const size_t values_;
  size_t taken_ = 0;
  std::vector<char> plain_;
};

using Made = absl::StatusOr<std::unique_ptr<ValueDecoder>>;

std::unique_ptr<ValueDecoder> MakePlain(ValueType type, std::string_view bytes) {
  if (type.type == PhysicalType::kBoolean) return std::make_unique<PlainBoolean>(bytes);
  if (type.type == PhysicalType::kByteArray) return std::make_unique<PlainByteArray>(bytes);
  return std::make_unique<PlainFixed>(bytes, type.bytes);
}

Made MakeRleBoolean(std::string_view bytes) {
  std::string_view runs;
  if (!bytes.empty() && !TakeLengthAndBytes(bytes, runs)) return CutShort("values");
  return std::make_unique<RleBoolean>(runs);
}

// A byte says how wide the indices are. Of a page without values nothing need be there.
Made MakeDictionary(std::string_view bytes, std::span<const std::string_view> dictionary) {
  const unsigned width = bytes.empty() ? 0 : static_cast<uint8_t>(bytes.front());
  if (width > 32) return absl::DataLossError(fmt::format("dictionary indices of {} bits", width));
  const std::string_view runs = bytes.substr(std::min<size_t>(1, bytes.size()));
  return std::make_unique<DictionaryDecoder>(HybridDecoder(runs, width), dictionary);
}

// Of a page without values a delta encoding may have no header, which would be damage.
bool IsEmptyDelta(Encoding encoding, std::string_view bytes) {
  return bytes.empty() &&
         (encoding == Encoding::kDeltaBinaryPacked || encoding == Encoding::kDeltaByteArray ||
          encoding == Encoding::kDeltaLengthByteArray);
}

}  // namespace

absl::Status HybridDecoder::StartRun() {
  while (left_ == 0) {
    uint64_t header = 0;
    if (!TakeVarint(rest_, header)) return CutShort("runs");
    is_packed_ = (header & 1) != 0;
    taken_ = 0;
    if (is_packed_) {
      // Groups of 8 values; the last one may lack the bytes of those that it does not need.
      const uint64_t groups = std::min<uint64_t>(header >> 1, uint64_t{1} << 32);
      left_ = groups * 8;
      packed_ = rest_.substr(0, std::min<uint64_t>(groups * bit_width_, rest_.size()));
      rest_.remove_prefix(packed_.size());
    } else {
      left_ = header >> 1;
      const size_t size = (bit_width_ + 7) / 8;
      if (rest_.size() < size) return CutShort("runs");
      repeated_ = 0;
      std::memcpy(&repeated_, rest_.data(), size);
      rest_.remove_prefix(size);
    }
  }
  return absl::OkStatus();
}

absl::Status HybridDecoder::Next(uint32_t& value) {
  if (left_ == 0) GANNET_RETURN_IF_ERROR(StartRun());
  --left_;
  value = repeated_;
  if (!is_packed_) return absl::OkStatus();
  uint64_t unpacked = 0;
  if (!Unpack(packed_, taken_++, bit_width_, unpacked)) return CutShort("packed values");
  value = static_cast<uint32_t>(unpacked);
  return absl::OkStatus();
}

absl::StatusOr<DeltaDecoder> DeltaDecoder::Parse(std::string_view bytes) {
  constexpr uint64_t kMaxBlock = uint64_t{1} << 32;
  DeltaDecoder decoder;
  decoder.rest_ = bytes;
  uint64_t block = 0, first = 0;
  const bool whole = TakeVarint(decoder.rest_, block) &&
                     TakeVarint(decoder.rest_, decoder.miniblocks_of_block_) &&
                     TakeVarint(decoder.rest_, decoder.left_) && TakeVarint(decoder.rest_, first);
  if (!whole) return CutShort("values");
  const uint64_t miniblocks = decoder.miniblocks_of_block_;
  // The format asks for miniblocks of a multiple of 32 values.
  if (miniblocks == 0 || block > kMaxBlock || block % miniblocks != 0 ||
      block / miniblocks % 32 != 0 || block == 0) {
    return absl::DataLossError(
        fmt::format("delta blocks of {} values in {} miniblocks", block, miniblocks));
  }
  decoder.values_of_miniblock_ = block / miniblocks;
  decoder.taken_ = decoder.values_of_miniblock_;
  decoder.value_ = static_cast<uint64_t>(FromZigzag(first));
  return decoder;
}

absl::Status DeltaDecoder::StartMiniblock() {
  if (widths_.empty()) {
    uint64_t zigzag = 0;
    if (!TakeVarint(rest_, zigzag) || rest_.size() < miniblocks_of_block_) {
      return CutShort("values");
    }
    min_delta_ = static_cast<uint64_t>(FromZigzag(zigzag));
    widths_ = rest_.substr(0, miniblocks_of_block_);
    rest_.remove_prefix(miniblocks_of_block_);
  }
  width_ = static_cast<uint8_t>(widths_.front());
  widths_.remove_prefix(1);
  if (width_ > 64) return absl::DataLossError(fmt::format("differences of {} bits", width_));
  const uint64_t size = values_of_miniblock_ / 8 * width_;
  if (size > rest_.size()) return CutShort("values");
  packed_ = rest_.substr(0, size);
  rest_.remove_prefix(size);
  taken_ = 0;
  return absl::OkStatus();
}

absl::Status DeltaDecoder::Next(uint64_t& value) {
  if (left_ == 0) return CutShort("values");
  --left_;
  if (!std::exchange(at_first_, false)) {
    if (taken_ == values_of_miniblock_) GANNET_RETURN_IF_ERROR(StartMiniblock());
    uint64_t delta = 0;
    if (!Unpack(packed_, taken_++, width_, delta)) return CutShort("values");
    value_ += min_delta_ + delta;
  }
  value = value_;
  return absl::OkStatus();
}

absl::StatusOr<std::string_view> DeltaDecoder::Rest() const {
  DeltaDecoder ahead = *this;
  uint64_t differences = left_ - std::min<uint64_t>(left_, 1);
  while (differences > 0) {
    GANNET_RETURN_IF_ERROR(ahead.StartMiniblock());
    differences -= std::min(differences, values_of_miniblock_);
  }
  return ahead.rest_;
}

absl::StatusOr<std::unique_ptr<ValueDecoder>> MakeValueDecoder(
    Encoding encoding, ValueType type, std::string_view bytes,
    std::span<const std::string_view> dictionary) {
  const bool is_integer = type.type == PhysicalType::kInt32 || type.type == PhysicalType::kInt64;
  const bool is_bytes = type.type == PhysicalType::kByteArray;
  const bool is_fixed_bytes = type.type == PhysicalType::kFixedLenByteArray;
  if (IsEmptyDelta(encoding, bytes)) return MakePlain(type, bytes);
  switch (encoding) {
    case Encoding::kPlain:
      return MakePlain(type, bytes);
    case Encoding::kPlainDictionary:
    case Encoding::kRleDictionary:
      return MakeDictionary(bytes, dictionary);
    case Encoding::kRle:
      if (type.type == PhysicalType::kBoolean) return MakeRleBoolean(bytes);
      break;
    case Encoding::kDeltaBinaryPacked:
      if (is_integer) {
        GANNET_ASSIGN_OR_RETURN(const DeltaDecoder values, DeltaDecoder::Parse(bytes));
        return std::make_unique<DeltaInteger>(values, type.bytes);
      }
      break;
    case Encoding::kDeltaLengthByteArray:
      if (is_bytes) return DeltaLengthByteArray::Make(bytes);
      break;
    case Encoding::kDeltaByteArray:
      if (is_bytes || is_fixed_bytes) return DeltaByteArray::Make(bytes, type.bytes);
      break;
    case Encoding::kByteStreamSplit:
      if (type.bytes > 0) return std::make_unique<ByteStreamSplit>(bytes, type.bytes);
      break;
    case Encoding::kBitPacked:
      break;
  }
  return absl::UnimplementedError(fmt::format("values in {} are not read", EncodingName(encoding)));
}

}  // namespace gannet::base::parquet
