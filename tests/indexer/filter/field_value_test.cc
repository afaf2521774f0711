#include "indexer/filter/field_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

FieldValue Whole(int64_t value) { return Number::Of(value); }
FieldValue Real(double value) { return Number::Of(value); }
FieldValue Text(std::string value) { return value; }

// Numbers in ascending order, none equal to another.
std::vector<Number> AscendingNumbers() {
  constexpr int64_t kExact = int64_t{1} << 53;
  return {Number::Of(-std::numeric_limits<double>::max()),
          Number::Of(-1e19),
          Number::Of(std::numeric_limits<int64_t>::min()),
          Number::Of(std::numeric_limits<int64_t>::min() + 1),
          Number::Of(-kExact - 1),
          Number::Of(-kExact),
          Number::Of(-1.5),
          Number::Of(int64_t{-1}),
          Number::Of(-std::numeric_limits<double>::denorm_min()),
          Number::Of(int64_t{0}),
          Number::Of(std::numeric_limits<double>::denorm_min()),
          Number::Of(0.1),
          Number::Of(int64_t{1}),
          Number::Of(std::nextafter(1.0, 2)),
          Number::Of(kExact),
          Number::Of(kExact + 1),
          Number::Of(kExact + 2),
          Number::Of(std::numeric_limits<int64_t>::max() - 1),
          Number::Of(std::numeric_limits<int64_t>::max()),
          Number::Of(9223372036854775808.0),
          Number::Of(uint64_t{9223372036854775809U}),
          Number::Of(std::numeric_limits<uint64_t>::max()),
          Number::Of(18446744073709551616.0),
          Number::Of(std::numeric_limits<double>::max())};
}

TEST(NumberTest, LiesOnOneLineWithEveryOther) {
  const std::vector<Number> numbers = AscendingNumbers();
  for (size_t i = 0; i < numbers.size(); ++i) {
    for (size_t j = 0; j < numbers.size(); ++j) {
      EXPECT_EQ(numbers[i] < numbers[j], i < j)
          << numbers[i].ToString() << ' ' << numbers[j].ToString();
      EXPECT_EQ(numbers[i] == numbers[j], i == j);
    }
  }
  EXPECT_EQ(Number::Of(int64_t{7}), Number::Of(7.0));
  EXPECT_EQ(Number::Of(int64_t{7}), Number::Of(uint64_t{7}));
  EXPECT_EQ(Number::Of(-0.0), Number::Of(int64_t{0}));
}

TEST(NumberTest, IsWrittenAsJsonWritesIt) {
  EXPECT_EQ(Number::Of(std::numeric_limits<int64_t>::min()).ToString(), "-9223372036854775808");
  EXPECT_EQ(Number::Of(std::numeric_limits<uint64_t>::max()).ToString(), "18446744073709551615");
  EXPECT_EQ(Number::Of(0.1).ToString(), "0.1");
  EXPECT_EQ(Number::Of(3.0).ToString(), "3");
  EXPECT_EQ(Number::Of(1e300).ToString(), "1e+300");
}

TEST(FieldEncodingTest, KeepsTheOrderOfFieldsAndValues) {
  std::vector<FieldEntry> entries;
  using namespace std::string_literals;
  for (const std::string& field : {""s, "\0"s, "\0\0"s, "\0\xFF"s, "a"s, "a\0"s, "a\0b"s, "a\1"s,
                                   "a.b"s, "ab"s, "\xFF"s, "\xFF\xFF"s}) {
    entries.push_back({field, false});
    entries.push_back({field, true});
    for (const Number& number : AscendingNumbers()) entries.push_back({field, number});
    for (const std::string& text : {""s, "\0"s, "\0\1"s, "\0\xFF"s, "a"s, "a\0"s, "ab"s, "\xFF"s}) {
      entries.push_back({field, text});
    }
  }
  ASSERT_TRUE(std::ranges::is_sorted(entries));
  std::vector<std::string> keys;
  for (const FieldEntry& entry : entries) {
    keys.push_back(EncodeFieldEntry(entry.field, entry.value));
    EXPECT_TRUE(keys.back().starts_with(EncodeFieldPrefix(entry.field)));
    const std::string followed = keys.back() + "\xFF\0\1 more"s;
    ASSERT_OK_AND_ASSIGN(const DecodedFieldEntry decoded, DecodeFieldEntry(followed));
    EXPECT_EQ(decoded.entry, entry);
    EXPECT_EQ(decoded.rest, "\xFF\0\1 more"s);
  }
  EXPECT_TRUE(std::ranges::is_sorted(keys));
  for (size_t i = 1; i < keys.size(); ++i) {
    EXPECT_FALSE(keys[i].starts_with(keys[i - 1])) << i;
    EXPECT_EQ(keys[i].starts_with(EncodeFieldPrefix(entries[i - 1].field)),
              entries[i].field == entries[i - 1].field);
  }
}

TEST(FieldEncodingTest, SurvivesRandomBytes) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20'000; ++round) {
    const FieldEntry entry = {"name", round % 3 == 0   ? FieldValue(round % 2 == 0)
                                      : round % 3 == 1 ? FieldValue(Number::Of(round * 0.37))
                                                       : FieldValue("some text")};
    std::string bytes = EncodeFieldEntry(entry.field, entry.value);
    bytes[random() % bytes.size()] = static_cast<char>(random());
    bytes.resize(random() % (bytes.size() + 1));
    const auto decoded = DecodeFieldEntry(bytes);
    if (!decoded.ok()) {
      EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss);
      continue;
    }
    // What is taken for an entry is one: it is written by the same bytes.
    EXPECT_EQ(
        EncodeFieldEntry(decoded->entry.field, decoded->entry.value) + std::string(decoded->rest),
        bytes);
  }
}

TEST(ExtractFieldsTest, GivesEachTypedValue) {
  ASSERT_OK_AND_ASSIGN(
      const std::vector<FieldEntry> entries,
      ExtractFields(R"({"year":1999,"open":true,"lang":"en","none":null,"no":[],"nor":{},
                        "tags":["b","a","b",[3.5,null]],"big":18446744073709551615,
                        "author":{"name":"Ada","born":{"in":-1}},"author.name":"Bob",
                        "many":[{"x":1},{"x":2.0}]})"));
  EXPECT_THAT(
      entries,
      ElementsAre(FieldEntry{"author.born.in", Whole(-1)}, FieldEntry{"author.name", Text("Ada")},
                  FieldEntry{"author.name", Text("Bob")},
                  FieldEntry{"big", Number::Of(std::numeric_limits<uint64_t>::max())},
                  FieldEntry{"lang", Text("en")}, FieldEntry{"many.x", Whole(1)},
                  FieldEntry{"many.x", Whole(2)}, FieldEntry{"open", true},
                  FieldEntry{"tags", Real(3.5)}, FieldEntry{"tags", Text("a")},
                  FieldEntry{"tags", Text("b")}, FieldEntry{"year", Whole(1999)}));
  ASSERT_OK_AND_ASSIGN(const auto none, ExtractFields("{}"));
  EXPECT_THAT(none, IsEmpty());
}

TEST(ExtractFieldsTest, ErrorsSayWhatIsWrong) {
  const std::string deep = R"({"a":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  std::string many = R"({"tags":[0)";
  for (size_t i = 1; i <= kMaxFieldEntries; ++i) many += "," + std::to_string(i);
  const std::string long_name = R"({")" + std::string(kMaxFieldNameBytes + 1, 'n') + R"(":1})";
  for (const auto& [metadata, expected] :
       {std::pair<std::string, std::string>{"", "metadata: not JSON"},
        {"[1]", "expected a JSON object, found [1]"},
        {deep, "nested more than 32 levels deep"},
        {many + "]}", "field tags: the document has more than 65536 values"},
        {long_name, "a name of more than 1024 bytes"},
        {R"({"x":1e999})", "not JSON"}}) {
    const absl::Status status = ExtractFields(metadata).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(expected));
  }
}

TEST(ExtractFieldsTest, LongStringsKeepTheirEqualityAndTheirBeginning) {
  const std::string begin(2'000, 'x');
  ASSERT_OK_AND_ASSIGN(const auto one, ExtractFields(R"({"s":")" + begin + R"(1"})"));
  ASSERT_OK_AND_ASSIGN(const auto same, ExtractFields(R"({"s":")" + begin + R"(1"})"));
  ASSERT_OK_AND_ASSIGN(const auto other, ExtractFields(R"({"s":")" + begin + R"(2"})"));
  EXPECT_EQ(one, same);
  EXPECT_NE(one, other);
  EXPECT_EQ(std::get<std::string>(one[0].value).size(), kMaxStringValueBytes);
  EXPECT_EQ(ShortenString("short"), "short");
  // The cut leaves characters whole.
  std::string accents = "x";
  for (int i = 0; i < 1'000; ++i) accents += "é";
  EXPECT_EQ(ShortenString(accents).size(), kMaxStringValueBytes - 1);
}

TEST(MergeMetadataTest, FollowsRfc7396) {
  const auto merge = [](std::string_view metadata, std::string_view patch) {
    return MergeMetadata(metadata, patch).value_or("refused");
  };
  EXPECT_EQ(merge(R"({"a":1,"b":{"c":2,"d":3}})", R"({"a":null,"b":{"c":4},"e":[5]})"),
            R"({"b":{"c":4,"d":3},"e":[5]})");
  EXPECT_EQ(merge(R"({"a":[1,2]})", R"({"a":[3]})"), R"({"a":[3]})");
  EXPECT_EQ(merge(R"({"a":"b"})", R"({"a":{"x":1,"y":null}})"), R"({"a":{"x":1}})");
  EXPECT_EQ(merge("{}", "{}"), "{}");
  EXPECT_THAT(std::string(base::Message(MergeMetadata("{}", "[]").status())),
              HasSubstr("metadata patch: expected a JSON object"));
  EXPECT_THAT(std::string(base::Message(MergeMetadata("1", "{}").status())),
              HasSubstr("metadata: expected a JSON object"));
}

}  // namespace
}  // namespace gannet::indexer
