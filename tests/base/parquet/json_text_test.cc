#include "base/parquet/json_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace gannet::base::parquet {
namespace {

using namespace std::string_view_literals;
using ::testing::HasSubstr;

template <typename T>
std::string Plain(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string Text(const Leaf& leaf, std::string_view plain) {
  std::string json;
  const absl::Status status = AppendJsonValue(leaf, plain, json);
  return status.ok() ? json : status.ToString();
}

Leaf Of(PhysicalType type, ValueForm form) { return {.type = type, .form = form}; }

TEST(JsonTextTest, StringsAreEscaped) {
  std::string json;
  AppendJsonString("a\"\\\n\r\t\x01\x1F/\x7F\xC3\xA9\xFF"sv, json);
  EXPECT_EQ(json, "\"a\\\"\\\\\\n\\r\\t\\u0001\\u001f/\x7F\xC3\xA9\xFF\"");
}

TEST(JsonTextTest, NumbersKeepTheirKindAndTheirDigits) {
  const Leaf f32 = Of(PhysicalType::kFloat, ValueForm::kFloat);
  const Leaf f64 = Of(PhysicalType::kDouble, ValueForm::kDouble);
  EXPECT_EQ(Text(f32, Plain(0.1F)), "0.1");
  EXPECT_EQ(Text(f64, Plain(0.1)), "0.1");
  EXPECT_EQ(Text(f64, Plain(3.0)), "3.0");
  EXPECT_EQ(Text(f64, Plain(-0.0)), "-0.0");
  EXPECT_EQ(Text(f64, Plain(1e300)), "1e+300");
  EXPECT_EQ(Text(f64, Plain(std::numeric_limits<double>::infinity())), "null");
  EXPECT_EQ(Text(Of(PhysicalType::kInt64, ValueForm::kSigned),
                 Plain(std::numeric_limits<int64_t>::min())),
            "-9223372036854775808");
  EXPECT_EQ(Text(Of(PhysicalType::kInt32, ValueForm::kUnsigned), Plain(-1)), "4294967295");
  const Leaf half = Of(PhysicalType::kFixedLenByteArray, ValueForm::kHalf);
  EXPECT_EQ(Text(half, "\x00\x3C"sv), "1.0");
  EXPECT_EQ(Text(half, "\x01\x80"sv), "-5.9604645e-08");  // The smallest there is, negative.
  EXPECT_EQ(Text(half, "\xFF\x7B"sv), "65504.0");
  EXPECT_EQ(Text(half, "\x00\x7C"sv), "null");
  EXPECT_EQ(Text(half, "\x01\x7C"sv), "null");
}

TEST(JsonTextTest, DecimalsAreExact) {
  Leaf leaf = Of(PhysicalType::kInt32, ValueForm::kDecimal);
  leaf.scale = 2;
  EXPECT_EQ(Text(leaf, Plain(-5)), "-0.05");
  EXPECT_EQ(Text(leaf, Plain(0)), "0.00");
  EXPECT_EQ(Text(leaf, Plain(12345)), "123.45");
  leaf = Of(PhysicalType::kByteArray, ValueForm::kDecimal);
  EXPECT_EQ(Text(leaf, "\xFF"sv), "-1");
  EXPECT_EQ(Text(leaf, "\x00\xFF"sv), "255");
  EXPECT_EQ(Text(leaf, ""sv), "0");
  EXPECT_EQ(Text(leaf, "\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv),
            "-170141183460469231731687303715884105728");
  EXPECT_THAT(Text(leaf, std::string(17, '\0')), HasSubstr("a decimal of 17 bytes"));
}

TEST(JsonTextTest, DatesAndTimesAreThoseOfIso8601) {
  const Leaf date = Of(PhysicalType::kInt32, ValueForm::kDate);
  EXPECT_EQ(Text(date, Plain(0)), "\"1970-01-01\"");
  EXPECT_EQ(Text(date, Plain(-719162)), "\"0001-01-01\"");
  EXPECT_EQ(Text(date, Plain(2932896)), "\"9999-12-31\"");
  EXPECT_THAT(Text(date, Plain(2932897)),
              HasSubstr("a date 2932897 days from 1970-01-01, outside years 1 to 9999"));
  EXPECT_THAT(Text(date, Plain(std::numeric_limits<int32_t>::min())), HasSubstr("a date -21474"));
  const Leaf time = Of(PhysicalType::kInt32, ValueForm::kTime);
  EXPECT_EQ(Text(time, Plain(86'399'999)), "\"23:59:59.999\"");
  EXPECT_THAT(Text(time, Plain(86'400'000)), HasSubstr("a time of day 86400000/1000 seconds"));
  EXPECT_THAT(Text(time, Plain(-1)), HasSubstr("a time of day -1/1000 seconds"));
  Leaf moment = Of(PhysicalType::kInt64, ValueForm::kTimestamp);
  EXPECT_EQ(Text(moment, Plain(int64_t{-1})), "\"1969-12-31T23:59:59.999\"");
  moment.unit = TimeUnit::kNanoseconds;
  moment.is_utc = true;
  EXPECT_EQ(Text(moment, Plain(std::numeric_limits<int64_t>::min())),
            "\"1677-09-21T00:12:43.145224192Z\"");
  const Leaf int96 = Of(PhysicalType::kInt96, ValueForm::kInt96);
  EXPECT_EQ(Text(int96, Plain(int64_t{1}) + Plain(uint32_t{2440588})),
            "\"1970-01-01T00:00:00.000000001\"");
  EXPECT_THAT(Text(int96, Plain(int64_t{-1}) + Plain(uint32_t{2440588})),
              HasSubstr("a time of day -1/"));
}

TEST(JsonTextTest, UuidsAreThoseOfRfc4122) {
  EXPECT_EQ(Text(Of(PhysicalType::kFixedLenByteArray, ValueForm::kUuid),
                 "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF"sv),
            "\"00112233-4455-6677-8899-aabbccddeeff\"");
}

}  // namespace
}  // namespace gannet::base::parquet
