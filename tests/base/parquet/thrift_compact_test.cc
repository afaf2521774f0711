#include "base/parquet/thrift_compact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace gannet::base::parquet {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ThriftCompactReaderTest, ReadsFieldsOfEveryType) {
  // 1: i32 -3; 2: true; 20 (a full header): string "ab"; 21: list of i64 {1, 300}; 22: byte -1;
  // stop.
  const std::string_view bytes =
      "\x15\x05\x11\x08\x28\x02"
      "ab\x19\x26\x02\xD8\x04\x13\xFF\x00"sv;
  ThriftCompactReader reader(bytes);
  std::vector<int> ids;
  std::vector<int64_t> integers;
  std::string text;
  bool truth = false;
  reader.Struct([&](int id) {
    ids.push_back(id);
    if (id == 1 || id == 22) integers.push_back(reader.Integer());
    if (id == 2) truth = reader.Bool();
    if (id == 20) text = reader.Binary();
    if (id == 21) reader.List([&] { integers.push_back(reader.Integer()); });
  });
  EXPECT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader.position(), bytes.size());
  EXPECT_THAT(ids, ElementsAre(1, 2, 20, 21, 22));
  EXPECT_THAT(integers, ElementsAre(-3, 1, 300, -1));
  EXPECT_TRUE(truth);
  EXPECT_EQ(text, "ab");
}

TEST(ThriftCompactReaderTest, PassesOverWhatIsLeftAlone) {
  // 1: double; 2: map {i32 -> string}; 3: set of bools; 4: struct in a struct; 5: i32 7.
  const std::string_view bytes =
      "\x17"
      "12345678\x1B\x01\x58\x02\x01z\x1A\x21\x01\x02\x1C\x1C\x11\x00\x00\x15\x0E\x00"sv;
  ThriftCompactReader reader(bytes);
  int64_t last = 0;
  reader.Struct([&](int id) {
    if (id == 5) last = reader.Integer();
  });
  EXPECT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(last, 7);
}

TEST(ThriftCompactReaderTest, MalformedBytesAreNamedByTheirPlace) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += '\x1C';
  const std::pair<std::string_view, std::string_view> cases[] = {
      {""sv, "1 bytes wanted, 0 left at byte 0"},
      {"\x15"sv, "an integer without an end at byte 1"},
      {"\x15\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x00"sv, "an integer without an end"},
      {"\x18\x7Fxyz"sv, "127 bytes wanted, 3 left at byte 2"},
      {"\x19\xF5\xFF\xFF\xFF\xFF\x0F\x00"sv, "a list of 4294967295 elements in 1 bytes"},
      {"\x1B\xFF\xFF\x03\x55\x00"sv, "a map of 65535 entries in 2 bytes"},
      {"\x1E\x00"sv, "a value of the unknown type 14"},
      {"\x05\xFE\xFF\x7F\x00"sv, "a field id over 16 bits"},
      {deep, "nested more than 32 deep"},
  };
  for (const auto& [bytes, message] : cases) {
    ThriftCompactReader reader(bytes);
    reader.Struct([](int) {});
    EXPECT_TRUE(absl::IsDataLoss(reader.status())) << message;
    EXPECT_THAT(reader.status().ToString(), HasSubstr(std::string(message)));
    EXPECT_EQ(reader.Integer(), 0);
    EXPECT_EQ(reader.Binary(), "");
  }
}

TEST(ThriftCompactReaderTest, AValueOfAnotherTypeIsAnError) {
  ThriftCompactReader reader("\x15\x02\x00"sv);
  reader.Struct([&](int) { EXPECT_EQ(reader.Binary(), ""); });
  EXPECT_THAT(reader.status().ToString(), HasSubstr("no string at byte 1"));
}

}  // namespace
}  // namespace gannet::base::parquet
