// What the other tests here rest on: the seam itself.
#include "tests/durability/faulty_disk.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "base/file.h"
#include "tests/durability/durable_image.h"
#include "tests/testing/shared_data.h"

namespace gannet::testing {
namespace {

using ::testing::UnorderedElementsAre;

std::vector<std::string> Names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const FolderEntry& entry : ReadEntries(folder)) names.push_back(entry.name);
  return names;
}

// Writes to the end of a file, and syncs what is there so far if asked to.
enum class Then { kNothing, kSync };
void Append(const std::filesystem::path& path, std::string_view text, Then then) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ASSERT_GE(file, 0) << path;
  ASSERT_EQ(::write(file, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  if (then == Then::kSync) {
    ASSERT_EQ(::fsync(file), 0);
  }
  ::close(file);
}

void SyncFolder(const std::filesystem::path& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_GE(folder, 0) << path;
  ASSERT_EQ(::fsync(folder), 0);
  ::close(folder);
}

class FaultyDiskTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(disk_); }

  std::string Content(std::string_view name) const {
    const auto content = base::ReadFile(disk_ / name);
    return content.ok() ? *content : "missing";
  }

  const TemporaryFolder folder_;
  const std::filesystem::path disk_ = folder_.path() / "disk";
  const std::filesystem::path image_ = folder_.path() / "image";
  std::mt19937 random_{1};
};

TEST_F(FaultyDiskTest, APowerCutLeavesWhatWasSyncedAndNoMore) {
  folder_.Write("disk/old", "before");
  KeepDurableImage(disk_, image_);
  Append(disk_ / "old", " not synced", Then::kNothing);
  Append(disk_ / "whole", "synced", Then::kSync);
  Append(disk_ / "half", "synced", Then::kSync);
  Append(disk_ / "half", " not synced", Then::kNothing);
  Append(disk_ / "empty", "not synced", Then::kNothing);
  SyncFolder(disk_);
  Append(disk_ / "nameless", "synced, but not its name", Then::kSync);
  std::filesystem::rename(disk_ / "whole", disk_ / "renamed");
  std::filesystem::remove(disk_ / "half");
  std::filesystem::create_directory(disk_ / "folder");
  RebuildAfterPowerCut(disk_, image_, Unsynced::kLost, random_);
  EXPECT_THAT(Names(disk_), UnorderedElementsAre("old", "whole", "half", "empty"));
  EXPECT_EQ(Content("old"), "before");
  EXPECT_EQ(Content("whole"), "synced");
  EXPECT_EQ(Content("half"), "synced");
  EXPECT_EQ(Content("empty"), "");
}

TEST_F(FaultyDiskTest, WhatIsNotSyncedSurvivesAtRandom) {
  std::set<std::string> tails;
  size_t names = 0;
  for (int i = 0; i < 40; ++i) {
    folder_.Write("disk/log", "synced");
    KeepDurableImage(disk_, image_);
    Append(disk_ / "log", " tail", Then::kNothing);
    Append(disk_ / "new", "synced", Then::kSync);
    RebuildAfterPowerCut(disk_, image_, Unsynced::kSomeSurvive, random_);
    EXPECT_TRUE(Content("log").starts_with("synced"));
    tails.insert(Content("log"));
    names += Names(disk_).size() - 1;
    std::filesystem::remove(disk_ / "new");
  }
  EXPECT_GT(tails.size(), 3u);
  EXPECT_GT(names, 5u);
  EXPECT_LT(names, 35u);
}

TEST_F(FaultyDiskTest, TheCallThatIsToFailFails) {
  const auto path = disk_ / "file";
  InjectedFault fault({.folder = disk_, .nth = 1, .error_number = EIO});
  EXPECT_TRUE(base::WriteFileAtomically(folder_.path() / "elsewhere", "text").ok());
  EXPECT_EQ(fault.struck(), "");
  const absl::Status written = base::WriteFileAtomically(path, "text");
  EXPECT_FALSE(written.ok());
  EXPECT_TRUE(fault.struck().starts_with("write " + path.string())) << fault.struck();
  EXPECT_TRUE(base::WriteFileAtomically(path, "text").ok());
}

TEST_F(FaultyDiskTest, AFullDiskCanBeReadAndEmptied) {
  const auto path = folder_.Write("disk/file", "text");
  InjectedFault fault(
      {.folder = disk_, .error_number = ENOSPC, .lasts = DiskFault::Lasts::kUntilLifted});
  EXPECT_FALSE(base::WriteFileAtomically(path, "other").ok());
  EXPECT_EQ(Content("file"), "text");
  EXPECT_TRUE(std::filesystem::remove(path));
  fault.Lift();
  EXPECT_TRUE(base::WriteFileAtomically(path, "other").ok());
}

}  // namespace
}  // namespace gannet::testing
