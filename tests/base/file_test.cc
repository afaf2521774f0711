#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/testing/shared_data.h"

namespace gannet::base {
namespace {

using testing::TemporaryFolder;

TEST(ReadFileTest, ReturnsTheBytesAsTheyAre) {
  const TemporaryFolder folder;
  const std::string content("a\0b\r\n\xff", 6);
  const auto path = folder.Write("x.bin", content);
  ASSERT_OK_AND_ASSIGN(const std::string read, ReadFile(path));
  EXPECT_EQ(read, content);
}

TEST(ReadFileTest, AMissingFileIsNotFoundAndNamed) {
  const auto status = ReadFile("/nonexistent/corpus.jsonl").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/nonexistent/corpus.jsonl"), std::string::npos);
}

TEST(ReadFileTest, AFolderIsRefused) {
  const TemporaryFolder folder;
  const auto status = ReadFile(folder.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

TEST(WriteFileAtomicallyTest, ReplacesTheContentAndLeavesNothingElse) {
  const TemporaryFolder folder;
  const auto path = folder.Write("x", "old");
  ASSERT_OK(WriteFileAtomically(path, "new content"));
  ASSERT_OK_AND_ASSIGN(const std::string read, ReadFile(path));
  EXPECT_EQ(read, "new content");
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++entries;
  }
  EXPECT_EQ(entries, 1);
}

TEST(WriteFileAtomicallyTest, PartsFollowEachOther) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x";
  const std::vector<std::string_view> parts = {"one, ", "", "two"};
  ASSERT_OK(WriteFileAtomically(path, parts));
  ASSERT_OK_AND_ASSIGN(const std::string read, ReadFile(path));
  EXPECT_EQ(read, "one, two");
}

TEST(WriteFileAtomicallyTest, AMissingFolderIsAnErrorThatNamesThePath) {
  const auto status = WriteFileAtomically("/nonexistent/folder/x", "content");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/nonexistent/folder/x"), std::string::npos);
}

TEST(MappedFileTest, ShowsTheBytesAndSurvivesAMove) {
  const TemporaryFolder folder;
  const auto path = folder.Write("x", "mapped");
  ASSERT_OK_AND_ASSIGN(MappedFile first, MappedFile::Open(path));
  const MappedFile second = std::move(first);
  EXPECT_EQ(second.bytes(), "mapped");
  EXPECT_EQ(second.path(), path);
}

TEST(MappedFileTest, AnEmptyFileIsEmpty) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const MappedFile file, MappedFile::Open(folder.Write("x", "")));
  EXPECT_TRUE(file.bytes().empty());
}

}  // namespace
}  // namespace gannet::base
