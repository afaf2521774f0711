#include "indexer/job/line_reader.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

TEST(LineReaderTest, GivesLinesOfEverySizeAcrossItsBuffer) {
  std::mt19937 random(2);
  std::vector<std::string> lines;
  std::string content;
  for (int i = 0; i < 400; ++i) {
    const size_t size = i % 100 == 7 ? random() % 3'000'000 : random() % 20'000;
    lines.emplace_back(size, static_cast<char>('a' + i % 26));
    content += lines.back() + (i % 3 == 0 ? "\r\n" : "\n");
  }
  lines.push_back("no end");
  content += "no end";
  const testing::TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(base::InputStream stream,
                       base::InputStream::Open(folder.Write("lines", content)));
  LineReader reader(std::move(stream), 3'000'000);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view line;
    ASSERT_OK_AND_ASSIGN(const bool more, reader.Next(line));
    ASSERT_TRUE(more);
    ASSERT_TRUE(line == lines[i]) << i;
    ASSERT_EQ(reader.number(), i + 1);
  }
  std::string_view line;
  ASSERT_OK_AND_ASSIGN(const bool more, reader.Next(line));
  EXPECT_FALSE(more);
}

TEST(LineReaderTest, TheLimitIsExact) {
  const testing::TemporaryFolder folder;
  for (const std::string end : {"\n", "\r\n", ""}) {
    const auto path = folder.Write("lines", "12345" + end);
    for (const size_t limit : {size_t{4}, size_t{5}}) {
      ASSERT_OK_AND_ASSIGN(base::InputStream stream, base::InputStream::Open(path));
      LineReader reader(std::move(stream), limit);
      std::string_view line;
      EXPECT_EQ(reader.Next(line).ok(), limit == 5) << limit << end.size();
      ASSERT_OK_AND_ASSIGN(const bool more, reader.Next(line));
      EXPECT_FALSE(more);
    }
  }
}

}  // namespace
}  // namespace gannet::indexer
