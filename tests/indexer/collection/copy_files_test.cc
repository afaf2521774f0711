#include "indexer/collection/copy_files.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using testing::TemporaryFolder;

size_t EntriesIn(const std::filesystem::path& folder) {
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++entries;
  return entries;
}

TEST(NewFolderTest, HasItsNameOnlyWhenItIsFinished) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "new";
  {
    ASSERT_OK_AND_ASSIGN(NewFolder made, NewFolder::Begin(path));
    ASSERT_OK(base::WriteFileAtomically(made.path() / "file", "content"));
    EXPECT_FALSE(std::filesystem::exists(path));
    ASSERT_OK(made.Finish());
  }
  ASSERT_OK_AND_ASSIGN(const std::string content, base::ReadFile(path / "file"));
  EXPECT_EQ(content, "content");
  EXPECT_EQ(EntriesIn(folder.path()), 1u);
}

TEST(NewFolderTest, IsGoneWhenItIsNotFinished) {
  const TemporaryFolder folder;
  {
    ASSERT_OK_AND_ASSIGN(const NewFolder made, NewFolder::Begin(folder.path() / "new/"));
    ASSERT_OK(base::WriteFileAtomically(made.path() / "file", "content"));
  }
  EXPECT_EQ(EntriesIn(folder.path()), 0u);
}

TEST(NewFolderTest, TakesNothingsPlace) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "there");
  EXPECT_EQ(NewFolder::Begin(folder.path() / "there").status().code(),
            absl::StatusCode::kAlreadyExists);
  ASSERT_OK_AND_ASSIGN(NewFolder made, NewFolder::Begin(folder.path() / "new"));
  std::filesystem::create_directory(folder.path() / "new");
  EXPECT_EQ(made.Finish().code(), absl::StatusCode::kAlreadyExists);
}

TEST(CopyTreeTest, CopiesFilesInFolders) {
  const TemporaryFolder folder;
  folder.Write("from/a", "1");
  folder.Write("from/deep/b", "2");
  std::filesystem::create_directory(folder.path() / "to");
  ASSERT_OK(CopyTree(folder.path() / "from", folder.path() / "to"));
  ASSERT_OK_AND_ASSIGN(const std::string a, base::ReadFile(folder.path() / "to/a"));
  ASSERT_OK_AND_ASSIGN(const std::string b, base::ReadFile(folder.path() / "to/deep/b"));
  EXPECT_EQ(a + b, "12");
  const absl::Status missing = CopyTree(folder.path() / "none", folder.path() / "to");
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
}

TEST(LinkOrCopyTest, GivesAFileASecondName) {
  const TemporaryFolder folder;
  const auto from = folder.Write("a", "content");
  ASSERT_OK(LinkOrCopy(from, folder.path() / "b"));
  std::filesystem::remove(from);
  ASSERT_OK_AND_ASSIGN(const std::string content, base::ReadFile(folder.path() / "b"));
  EXPECT_EQ(content, "content");
  EXPECT_FALSE(LinkOrCopy(from, folder.path() / "c").ok());
}

}  // namespace
}  // namespace gannet::indexer
