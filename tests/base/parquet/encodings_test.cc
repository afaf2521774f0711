#include "base/parquet/encodings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace gannet::base::parquet {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr ValueType kText{PhysicalType::kByteArray, 0};
constexpr ValueType kInt32{PhysicalType::kInt32, 4};
constexpr ValueType kInt64{PhysicalType::kInt64, 8};

std::vector<uint32_t> Levels(std::string_view bytes, unsigned bit_width, absl::Status& end) {
  HybridDecoder decoder(bytes, bit_width);
  std::vector<uint32_t> levels;
  for (;;) {
    uint32_t level = 0;
    end = decoder.Next(level);
    if (!end.ok() || levels.size() == 1000) return levels;
    levels.push_back(level);
  }
}

// All values in PLAIN, and the error that ended them.
std::vector<std::string> Values(Encoding encoding, ValueType type, std::string_view bytes,
                                absl::Status& end,
                                std::span<const std::string_view> dictionary = {}) {
  std::vector<std::string> values;
  auto decoder = MakeValueDecoder(encoding, type, bytes, dictionary);
  end = decoder.status();
  while (end.ok() && values.size() < 1000) {
    std::string_view value;
    end = (*decoder)->Next(value);
    if (end.ok()) values.emplace_back(value);
  }
  return values;
}

std::vector<int64_t> Integers(ValueType type, std::string_view bytes, absl::Status& end) {
  std::vector<int64_t> integers;
  for (const std::string& plain : Values(Encoding::kDeltaBinaryPacked, type, bytes, end)) {
    int64_t integer = 0;
    int32_t half = 0;
    std::memcpy(type.bytes == 4 ? static_cast<void*>(&half) : &integer, plain.data(), plain.size());
    integers.push_back(type.bytes == 4 ? half : integer);
  }
  return integers;
}

TEST(HybridDecoderTest, ReadsRunsAndPackedValues) {
  absl::Status end;
  // The format's own example: 0 to 7 in 3 bits.
  EXPECT_THAT(Levels("\x03\x88\xC6\xFA"sv, 3, end), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(end.ToString(), HasSubstr("runs end before the last of them"));
  // Three times 5, nothing twice, then eight packed.
  EXPECT_THAT(Levels("\x06\x05\x00\x05\x01\x03\x88\xC6\xFA"sv, 3, end),
              ElementsAre(5, 5, 5, 0, 1, 2, 3, 4, 5, 6, 7));
  // Values over a byte's edge, as wide as they come.
  EXPECT_THAT(Levels("\x04\x78\x56\x34\x12"sv, 32, end), ElementsAre(0x12345678, 0x12345678));
  EXPECT_THAT(Levels("\x02\x34\x12"sv, 13, end), ElementsAre(0x1234));
  // Without a bit all are 0, as many as are asked for.
  EXPECT_THAT(Levels("\x10"sv, 0, end), ElementsAreArray(std::vector<uint32_t>(8, 0)));
}

TEST(HybridDecoderTest, ALastGroupMayLackWhatItDoesNotNeed) {
  absl::Status end;
  EXPECT_THAT(Levels("\x03\x88"sv, 3, end), ElementsAre(0, 1));
  EXPECT_THAT(end.ToString(), HasSubstr("packed values end before the last of them"));
  EXPECT_THAT(Levels("\x06"sv, 3, end), ElementsAre());
  EXPECT_THAT(Levels(""sv, 3, end), ElementsAre());
  EXPECT_THAT(Levels("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x01"sv, 8, end), ElementsAre(1));
}

TEST(DeltaDecoderTest, ReadsTheExamplesOfTheFormat) {
  absl::Status end;
  // 1, 2, 3, 4, 5: all differences are 1, no bits are needed.
  EXPECT_THAT(Integers(kInt64, "\x80\x01\x04\x05\x02\x02\x00\x00\x00\x00"sv, end),
              ElementsAre(1, 2, 3, 4, 5));
  // 7, 5, 3, 1, 2, 3, 4, 5: the smallest difference is -2, the others are 0 or 3 more.
  EXPECT_THAT(
      Integers(kInt32, "\x80\x01\x04\x08\x0E\x03\x02\x00\x00\x00\xC0\x3F\0\0\0\0\0\0"sv, end),
      ElementsAre(7, 5, 3, 1, 2, 3, 4, 5));
  EXPECT_THAT(end.ToString(), HasSubstr("values end before the last of them"));
}

TEST(DeltaDecoderTest, RefusesBlocksThatAreNone) {
  absl::Status end;
  for (const std::string_view bytes : {"\x80\x01\x00\x05\x02"sv, "\x00\x04\x05\x02"sv,
                                       "\x80\x01\x03\x05\x02"sv, "\x40\x04\x05\x02"sv}) {
    EXPECT_THAT(Integers(kInt64, bytes, end), ElementsAre());
    EXPECT_THAT(end.ToString(), HasSubstr("delta blocks of"));
  }
  EXPECT_THAT(Integers(kInt64, "\x80\x01\x04\x05\x02\x02\x41\x00\x00\x00"sv, end), ElementsAre(1));
  EXPECT_THAT(end.ToString(), HasSubstr("differences of 65 bits"));
  EXPECT_THAT(Integers(kInt64, "\x80\x01\x04"sv, end), ElementsAre());
}

TEST(ValueDecoderTest, ReadsTextsByLengthAndByPrefix) {
  absl::Status end;
  EXPECT_THAT(Values(Encoding::kPlain, kText, "\x02\0\0\0ab\0\0\0\0\x09\0\0\0c"sv, end),
              ElementsAre("ab", ""));
  // Lengths 5, 5, 6, 6 and the format's own words.
  const std::string_view lengths = "\x80\x01\x04\x04\x0A\x00\x01\x00\x00\x00\x02\x00\x00\x00"sv;
  EXPECT_THAT(Values(Encoding::kDeltaLengthByteArray, kText,
                     std::string(lengths) + "HelloWorldFoobarABCDEF", end),
              ElementsAre("Hello", "World", "Foobar", "ABCDEF"));
  EXPECT_THAT(
      Values(Encoding::kDeltaLengthByteArray, kText, std::string(lengths) + "HelloWor", end),
      ElementsAre("Hello"));
  // Prefixes 0, 2 and suffixes "axis", "le" of lengths 4, 2: differences 2 and -2, no bits.
  EXPECT_THAT(
      Values(Encoding::kDeltaByteArray, kText,
             "\x80\x01\x04\x02\x00\x04\x00\x00\x00\x00\x80\x01\x04\x02\x08\x03\x00\x00\x00\x00"
             "axisle"sv,
             end),
      ElementsAre("axis", "axle"));
  EXPECT_THAT(
      Values(Encoding::kDeltaByteArray, kText, "\x80\x01\x04\x01\x02\x80\x01\x04\x01\x02x"sv, end),
      ElementsAre());
  EXPECT_THAT(end.ToString(), HasSubstr("a value shares 1 bytes with one of 0"));
}

TEST(ValueDecoderTest, ReadsSplitBytesAndTruthValues) {
  absl::Status end;
  EXPECT_THAT(Values(Encoding::kByteStreamSplit, kInt32, "aebfcgdh"sv, end),
              ElementsAre("abcd", "efgh"));
  EXPECT_THAT(Values(Encoding::kPlain, {PhysicalType::kBoolean, 0}, "\x05"sv, end),
              ElementsAre("\1", "\0"sv, "\1", "\0"sv, "\0"sv, "\0"sv, "\0"sv, "\0"sv));
  EXPECT_THAT(Values(Encoding::kRle, {PhysicalType::kBoolean, 0}, "\x02\0\0\0\x06\x01"sv, end),
              ElementsAre("\1", "\1", "\1"));
}

TEST(ValueDecoderTest, AnIndexHasToBeInTheDictionary) {
  absl::Status end;
  const std::vector<std::string_view> dictionary = {"a", "b", "c"};
  EXPECT_THAT(Values(Encoding::kRleDictionary, kText, "\x02\x04\x02\x02\x03"sv, end, dictionary),
              ElementsAre("c", "c"));
  EXPECT_THAT(end.ToString(), HasSubstr("index 3 into a dictionary of 3"));
  EXPECT_THAT(Values(Encoding::kPlainDictionary, kText, "\x21\x04\x02"sv, end, dictionary),
              ElementsAre());
  EXPECT_THAT(end.ToString(), HasSubstr("dictionary indices of 33 bits"));
  EXPECT_THAT(Values(Encoding::kRleDictionary, kText, ""sv, end, dictionary), ElementsAre());
}

TEST(ValueDecoderTest, AnEncodingThatIsNotOfTheTypeIsNamed) {
  absl::Status end;
  const std::tuple<Encoding, ValueType, std::string> cases[] = {
      {Encoding::kDeltaBinaryPacked, kText, "DELTA_BINARY_PACKED"},
      {Encoding::kDeltaByteArray, kInt32, "DELTA_BYTE_ARRAY"},
      {Encoding::kByteStreamSplit, kText, "BYTE_STREAM_SPLIT"},
      {Encoding::kRle, kInt32, "RLE"},
      {Encoding::kBitPacked, kInt32, "BIT_PACKED"},
      {static_cast<Encoding>(42), kInt32, "encoding 42"}};
  for (const auto& [encoding, type, name] : cases) {
    EXPECT_THAT(Values(encoding, type, "x"sv, end), ElementsAre());
    EXPECT_TRUE(absl::IsUnimplemented(end));
    EXPECT_THAT(end.ToString(), HasSubstr("values in " + name + " are not read"));
  }
}

}  // namespace
}  // namespace gannet::base::parquet
