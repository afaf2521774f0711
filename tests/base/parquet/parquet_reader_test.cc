#include "base/parquet/parquet_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/status.h"
#include "base/utf8.h"
#include "tests/testing/shared_data.h"

namespace gannet::base {
namespace {

using Json = nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestData;

std::filesystem::path TestFile(std::string_view name) {
  return TestData("parquet") / (std::string(name) + ".parquet");
}

std::string Content(std::string_view name) {
  absl::StatusOr<std::string> content = ReadFile(TestFile(name));
  EXPECT_TRUE(content.ok()) << content.status();
  return content.ok() ? *content : "";
}

// All of a file: its rows, what was said of rows that were passed over, and how it ended.
struct Rows {
  std::vector<Json> rows;
  std::vector<uint64_t> numbers;
  std::vector<std::string> problems;
  absl::Status end;
};

Rows ReadAll(absl::StatusOr<ParquetReader> reader) {
  Rows read;
  read.end = reader.status();
  while (read.end.ok()) {
    std::string_view row;
    const absl::StatusOr<bool> more = reader->Next(row);
    if (absl::IsInvalidArgument(more.status())) {
      read.problems.emplace_back(Message(more.status()));
      continue;
    }
    read.end = more.status();
    if (!more.ok() || !*more) break;
    read.rows.push_back(Json::parse(RepairUtf8(row).text, nullptr, /*allow_exceptions=*/false));
    EXPECT_TRUE(read.rows.back().is_object()) << row;
    read.numbers.push_back(reader->number());
  }
  return read;
}

Rows ReadAll(std::string_view name, ParquetOptions options = {}) {
  return ReadAll(ParquetReader::Open(TestFile(name), std::move(options)));
}

std::vector<Json> Expected(std::string_view name) {
  const absl::StatusOr<std::string> lines =
      ReadFile(TestData("parquet") / (std::string(name) + ".jsonl"));
  EXPECT_TRUE(lines.ok()) << lines.status();
  std::vector<Json> rows;
  std::string_view rest = lines.ok() ? *lines : std::string_view();
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    rows.push_back(Json::parse(rest.substr(0, end)));
    rest.remove_prefix(end + 1);
  }
  return rows;
}

std::string ErrorOf(std::string_view file) {
  return std::string(Message(ReadAll(ParquetReader::Parse(file, "f.parquet")).end));
}

const auto kFiles =
    ::testing::Values("rows.snappy", "rows.v2-zstd", "rows.gzip-crc", "rows.none", "rows.delta",
                      "nested.v1", "nested.v2", "types.plain", "int96");

std::string FileName(const ::testing::TestParamInfo<const char*>& file) {
  std::string name = file.param;
  std::ranges::replace_if(
      name, [](char c) { return c == '.' || c == '-'; }, '_');
  return name;
}

// The variants of a table hold the same rows, whatever codec, encoding and page version they have.
class ParquetFilesTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ParquetFilesTest, HoldTheRowsOfTheirTable) {
  const std::string name = GetParam();
  const Rows read = ReadAll(name);
  ASSERT_OK(read.end);
  EXPECT_THAT(read.problems, ElementsAre());
  EXPECT_EQ(read.rows, Expected(name.substr(0, name.find('.'))));
}

INSTANTIATE_TEST_SUITE_P(All, ParquetFilesTest, kFiles, FileName);

TEST(ParquetReaderTest, ReadsTheColumnsThatAreWantedAndLooksAtNoOther) {
  const Rows some = ReadAll("rows.snappy", {.columns = {"year", "_id", "absent"}});
  ASSERT_OK(some.end);
  ASSERT_EQ(some.rows.size(), 24);
  EXPECT_EQ(some.rows[1], Json({{"_id", "d001"}, {"year", 1990}}));
  const Rows nested = ReadAll("nested.v2", {.columns = {"counts", "grid"}});
  ASSERT_OK(nested.end);
  EXPECT_EQ(nested.rows[0].dump(),
            R"({"counts":[{"key":"k","value":1},{"key":"l","value":null}],"grid":[[1,2],[],[3]]})");
  const Rows none = ReadAll("rows.snappy", {.columns = {"absent"}});
  ASSERT_OK(none.end);
  EXPECT_EQ(none.rows, std::vector<Json>(24, Json::object()));
}

TEST(ParquetReaderTest, WhatIsNotReadIsNamed) {
  EXPECT_THAT(ReadAll("unread.brotli").end.ToString(),
              AllOf(HasSubstr("UNIMPLEMENTED"), HasSubstr("unread.brotli.parquet: row group 1: "),
                    HasSubstr("column dataset: pages compressed by BROTLI are not read")));
  EXPECT_THAT(ReadAll("unread.wide-decimal").end.ToString(),
              AllOf(HasSubstr("UNIMPLEMENTED"), HasSubstr("unread.wide-decimal.parquet: "),
                    HasSubstr("column amount: a decimal of 26 bytes is not read")));
  EXPECT_EQ(ReadAll("unread.wide-decimal", {.columns = {"id"}}).rows,
            std::vector<Json>{Json({{"id", "a"}})});
  EXPECT_THAT(ErrorOf("PARE0123456789PARE"), HasSubstr("f.parquet: encrypted Parquet"));
  const Rows small = ReadAll("rows.none", {.max_page_bytes = 60});
  EXPECT_THAT(small.end.ToString(), HasSubstr("a page of 64 B, at most 60 B are read"));
}

TEST(ParquetReaderTest, WhatIsNoParquetIsNamed) {
  const std::string file = Content("types.plain");
  std::string long_footer = file;
  const uint32_t size = 1 << 30;
  std::memcpy(long_footer.data() + file.size() - 8, &size, sizeof size);
  std::string no_footer = "PAR1";
  no_footer += std::string(4, '\0') + "PAR1";
  const std::pair<std::string, std::string> cases[] = {
      {"", "f.parquet: no Parquet file: it does not begin with \"PAR1\""},
      {"{\"_id\": 1}", "f.parquet: no Parquet file"},
      {"PAR1", "f.parquet: Parquet cut short or damaged: its 4 bytes do not end with \"PAR1\""},
      {file.substr(0, file.size() - 1), "f.parquet: Parquet cut short or damaged"},
      {long_footer, "a footer of 1073741824 bytes in a file of"},
      {no_footer, "f.parquet: Parquet footer: 1 bytes wanted, 0 left"},
  };
  for (const auto& [bytes, message] : cases) {
    const Rows read = ReadAll(ParquetReader::Parse(bytes, "f.parquet"));
    EXPECT_TRUE(absl::IsDataLoss(read.end)) << read.end;
    EXPECT_THAT(std::string(Message(read.end)), HasSubstr(message));
  }
  EXPECT_THAT(ParquetReader::Open("/nowhere.parquet").status().ToString(),
              HasSubstr("/nowhere.parquet"));
}

TEST(ParquetReaderTest, ARowOverTheLimitIsPassedOver) {
  const std::vector<Json> all = Expected("rows");
  const Rows read = ReadAll("rows.snappy", {.max_row_bytes = 150});
  ASSERT_OK(read.end);
  EXPECT_THAT(read.problems, ::testing::Contains("longer than 150 B"));
  EXPECT_EQ(read.rows.size() + read.problems.size(), all.size());
  ASSERT_FALSE(read.rows.empty());
  for (size_t i = 0; i < read.rows.size(); ++i) {
    EXPECT_EQ(read.rows[i], all[read.numbers[i] - 1]);
  }
  const Rows nested = ReadAll("nested.v1", {.max_row_bytes = 100});
  ASSERT_OK(nested.end);
  EXPECT_THAT(nested.numbers, ElementsAre(2, 3));
}

TEST(ParquetReaderTest, AChecksumThatDoesNotMatchIsDamage) {
  std::string file = Content("rows.gzip-crc");
  const size_t data = file.find("\x1F\x8B\x08");
  ASSERT_NE(data, std::string::npos);
  file[data + 4] ^= 1;  // The gzip header's time, which gzip itself would not miss.
  EXPECT_THAT(ErrorOf(file), HasSubstr("column _id: damaged page: its checksum does not match"));
}

TEST(ParquetReaderTest, AnErrorStays) {
  std::string file = Content("rows.gzip-crc");
  file[file.find("\x1F\x8B\x08") + 4] ^= 1;
  ASSERT_OK_AND_ASSIGN(ParquetReader reader, ParquetReader::Parse(file, "f.parquet"));
  std::string_view row;
  const absl::Status first = reader.Next(row).status();
  EXPECT_TRUE(absl::IsDataLoss(first));
  EXPECT_EQ(reader.Next(row).status(), first);
}

TEST(ParquetReaderTest, CountsTheBytesItHasRead) {
  const std::string file = Content("rows.snappy");
  ASSERT_OK_AND_ASSIGN(ParquetReader reader, ParquetReader::Parse(file, "f.parquet"));
  uint64_t before = 0;
  std::string_view row;
  for (;;) {
    ASSERT_OK_AND_ASSIGN(const bool more, reader.Next(row));
    EXPECT_GE(reader.bytes_read(), before);
    before = reader.bytes_read();
    if (!more) break;
    EXPECT_LE(before, file.size());
  }
  EXPECT_EQ(reader.bytes_read(), file.size());
}

// Whatever is wrong with a file, it reads to its end or to an error; ReadAll checks that every row
// is an object. How many rows were read keeps the compiler from knowing that nothing is.
class DamagedParquetTest : public ::testing::TestWithParam<const char*> {};

TEST_P(DamagedParquetTest, ReadsToAnErrorOrToTheEnd) {
  const ParquetOptions kSmall{.max_row_bytes = 1 << 16, .max_page_bytes = 1 << 20};
  const std::string file = Content(GetParam());
  size_t errors = 0;
  for (size_t i = 0; i < file.size(); ++i) {
    std::string damaged = file;
    damaged[i] = static_cast<char>(damaged[i] ^ (i % 2 == 0 ? 0x01 : 0x80));
    errors += ReadAll(ParquetReader::Parse(damaged, "f.parquet", kSmall)).end.ok() ? 0 : 1;
    const Rows cut = ReadAll(ParquetReader::Parse(std::string_view(file).substr(0, i), "f"));
    EXPECT_TRUE(absl::IsDataLoss(cut.end)) << i;
  }
  EXPECT_GT(errors, file.size() / 8);  // What stands for itself, as a text, can be anything.
  // Pieces taken out of the middle, the footer left as it is.
  for (size_t i = 0; i < file.size(); i += 7) {
    const std::string without = file.substr(0, i) + file.substr(std::min(i + 7, file.size()));
    ReadAll(ParquetReader::Parse(without, "f.parquet", kSmall));
  }
}

INSTANTIATE_TEST_SUITE_P(All, DamagedParquetTest, kFiles, FileName);

}  // namespace
}  // namespace gannet::base
