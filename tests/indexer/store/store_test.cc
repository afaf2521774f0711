#include "indexer/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/status.h"
#include "tests/indexer/store/older_store.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using ::testing::ElementsAre;
using testing::TemporaryFolder;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(store_, Store::OpenOrCreate(path_)); }

  absl::Status Put(std::string_view key, std::string_view value) {
    StoreBatch batch(*store_);
    batch.Put(Family::kIds, key, value);
    return store_->Commit(batch);
  }

  std::vector<std::string> Keys(const Store::Range& range,
                                const StoreSnapshot* snapshot = nullptr) const {
    std::vector<std::string> keys;
    EXPECT_TRUE(
        store_
            ->Visit(
                Family::kIds, range,
                [&](std::string_view key, std::string_view) -> absl::StatusOr<Store::Visiting> {
                  keys.emplace_back(key);
                  return Store::Visiting::kGoOn;
                },
                snapshot)
            .ok());
    return keys;
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "store";
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ABatchSeesItsOwnChangesAndTakesThemBack) {
  ASSERT_OK(Put("a", "1"));
  StoreBatch batch(*store_);
  EXPECT_TRUE(batch.empty());
  batch.Put(Family::kIds, "b", "2");
  batch.Mark();
  batch.Delete(Family::kIds, "a");
  batch.Put(Family::kIds, "b", "3");
  ASSERT_OK_AND_ASSIGN(const auto gone, batch.Read(Family::kIds, "a"));
  EXPECT_FALSE(gone.has_value());
  ASSERT_OK_AND_ASSIGN(const auto third, batch.Read(Family::kIds, "b"));
  EXPECT_EQ(third, "3");
  ASSERT_OK(batch.RollBack());
  ASSERT_OK_AND_ASSIGN(const auto first, batch.Read(Family::kIds, "a"));
  EXPECT_EQ(first, "1");
  ASSERT_OK_AND_ASSIGN(const auto second, batch.Read(Family::kIds, "b"));
  EXPECT_EQ(second, "2");
  ASSERT_OK_AND_ASSIGN(const auto outside, store_->Read(Family::kIds, "b"));
  EXPECT_FALSE(outside.has_value());
  ASSERT_OK(store_->Commit(batch));
  ASSERT_OK_AND_ASSIGN(const auto committed, store_->Read(Family::kIds, "b"));
  EXPECT_EQ(committed, "2");
}

TEST_F(StoreTest, RangesAreVisitedInOrderAtOneMoment) {
  for (const char* key : {"c", "a", "d", "b"}) ASSERT_OK(Put(key, ""));
  const auto snapshot = store_->TakeSnapshot();
  ASSERT_OK(Put("bb", ""));
  EXPECT_THAT(Keys({}), ElementsAre("a", "b", "bb", "c", "d"));
  EXPECT_THAT(Keys({}, snapshot.get()), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(Keys({.first = "b", .end = "d"}), ElementsAre("b", "bb", "c"));
  ASSERT_OK_AND_ASSIGN(const auto later, store_->Read(Family::kIds, "bb", snapshot.get()));
  EXPECT_FALSE(later.has_value());
  size_t visited = 0;
  ASSERT_OK(store_->Visit(
      Family::kIds, {}, [&](std::string_view, std::string_view) -> absl::StatusOr<Store::Visiting> {
        return ++visited == 2 ? Store::Visiting::kStop : Store::Visiting::kGoOn;
      }));
  EXPECT_EQ(visited, 2u);
  const absl::Status stopped = store_->Visit(
      Family::kIds, {}, [](std::string_view, std::string_view) -> absl::StatusOr<Store::Visiting> {
        return absl::DataLossError("odd");
      });
  EXPECT_EQ(base::Message(stopped), path_.string() + ": odd");
}

TEST_F(StoreTest, OneWriterAtATimeAndAnyNumberOfReaders) {
  ASSERT_OK(Put("a", "1"));
  EXPECT_EQ(Store::OpenForWriting(path_).status().code(), absl::StatusCode::kUnavailable);
  ASSERT_OK_AND_ASSIGN(const auto reader, Store::OpenForReading(path_));
  ASSERT_OK(Put("b", "2"));
  ASSERT_OK_AND_ASSIGN(const auto unseen, reader->Read(Family::kIds, "b"));
  EXPECT_FALSE(unseen.has_value());
  StoreBatch batch(*reader);
  batch.Put(Family::kIds, "c", "3");
  EXPECT_FALSE(reader->Commit(batch).ok());
}

TEST_F(StoreTest, ACheckpointIsAStoreOfItsMoment) {
  ASSERT_OK(Put("a", "1"));
  ASSERT_OK(store_->WriteCheckpoint(folder_.path() / "copy"));
  ASSERT_OK(Put("b", "2"));
  ASSERT_OK_AND_ASSIGN(const auto copy, Store::OpenForWriting(folder_.path() / "copy"));
  ASSERT_OK_AND_ASSIGN(const auto first, copy->Read(Family::kIds, "a"));
  EXPECT_EQ(first, "1");
  ASSERT_OK_AND_ASSIGN(const auto second, copy->Read(Family::kIds, "b"));
  EXPECT_FALSE(second.has_value());
  EXPECT_FALSE(store_->WriteCheckpoint(folder_.path() / "copy").ok());
}

TEST_F(StoreTest, FlushingAndCompactingKeepEverything) {
  for (int i = 0; i < 50; ++i) ASSERT_OK(Put("k" + std::to_string(i), std::string(1000, 'v')));
  ASSERT_OK(store_->Flush());
  ASSERT_OK(Put("k3", "new"));
  ASSERT_OK(store_->Flush());
  ASSERT_OK(store_->Compact());
  ASSERT_OK(store_->VerifyChecksums());
  EXPECT_EQ(Keys({}).size(), 50u);
  ASSERT_OK_AND_ASSIGN(const auto third, store_->Read(Family::kIds, "k3"));
  EXPECT_EQ(third, "new");
}

TEST_F(StoreTest, WhatIsNoStoreIsNotOpened) {
  EXPECT_EQ(Store::OpenForReading(folder_.path() / "none").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Store::OpenForWriting(folder_.path() / "none").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "none"));
  folder_.Write("other/file", "x");
  EXPECT_EQ(Store::OpenForWriting(folder_.path() / "other").status().code(),
            absl::StatusCode::kDataLoss);
}

// What a process leaves that dies while it makes a store: nothing was in it, and making it again is
// all there is to do.
TEST_F(StoreTest, HalfAStoreIsNoneAndCanBeMade) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "store";
  ASSERT_OK(Store::OpenOrCreate(path).status());
  for (const char* name : {"terms", "tombstones", "fields", "vectors"}) {
    testing::DropFamily(path, name);
  }
  EXPECT_EQ(Store::OpenForWriting(path).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Store::OpenForReading(path).status().code(), absl::StatusCode::kNotFound);
  ASSERT_OK(Store::OpenOrCreate(path).status());
  ASSERT_OK(Store::OpenForWriting(path).status());
}

TEST_F(StoreTest, AStoreWithoutItsFirstFileIsNoneOnlyWhileNothingIsInIt) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "store";
  ASSERT_OK(Store::OpenOrCreate(path).status());
  std::filesystem::remove(path / "CURRENT");  // Its log says that it was made.
  EXPECT_EQ(Store::OpenForWriting(path).status().code(), absl::StatusCode::kDataLoss);
  std::vector<std::filesystem::path> later;
  for (const auto& file : std::filesystem::directory_iterator(path)) {
    const std::string name = file.path().filename().string();
    if (!name.starts_with("MANIFEST-") && name != "LOCK") later.push_back(file.path());
  }
  ASSERT_FALSE(later.empty());
  for (const auto& file : later) std::filesystem::remove(file);
  EXPECT_EQ(Store::OpenForWriting(path).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Store::OpenForReading(path).status().code(), absl::StatusCode::kNotFound);
  ASSERT_OK(Store::OpenOrCreate(path).status());
}

}  // namespace
}  // namespace gannet::indexer
