#include "indexer/collection/commit_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace gannet::indexer {
namespace {

using ::testing::ElementsAre;

// A committer that can be held up, and remembers how large its groups were.
class Commits {
 public:
  void operator()(std::span<Change* const> group) {
    std::unique_lock lock(mutex_);
    sizes_.push_back(group.size());
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
    for (Change* change : group) {
      if (change->bytes == kRefused) change->status = absl::InvalidArgumentError("no");
    }
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void AwaitGroups(size_t groups) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return sizes_.size() >= groups; });
  }
  std::vector<size_t> sizes() {
    const std::lock_guard lock(mutex_);
    return sizes_;
  }

  static constexpr size_t kRefused = 13;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  std::vector<size_t> sizes_;
};

absl::Status Nothing(Transaction&) { return absl::OkStatus(); }

TEST(CommitQueueTest, EveryCallerGetsItsOwnStatus) {
  Commits commits;
  commits.Open();
  CommitQueue queue([&](std::span<Change* const> group) { commits(group); });
  EXPECT_TRUE(queue.Submit({.apply = Nothing}).ok());
  EXPECT_EQ(queue.Submit({.apply = Nothing, .bytes = Commits::kRefused}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(queue.Submit({.apply = Nothing}).ok());
  EXPECT_THAT(commits.sizes(), ElementsAre(1, 1, 1));
}

TEST(CommitQueueTest, WhatComesDuringACommitIsCommittedTogether) {
  Commits commits;
  CommitQueue queue([&](std::span<Change* const> group) { commits(group); });
  std::thread first([&] { EXPECT_TRUE(queue.Submit({.apply = Nothing}).ok()); });
  commits.AwaitGroups(1);
  constexpr int kOthers = 6;
  std::vector<std::thread> others;
  for (int i = 0; i < kOthers; ++i) {
    others.emplace_back([&, i] {
      const bool refused = i == 2;
      const absl::Status status =
          queue.Submit({.apply = Nothing, .bytes = refused ? Commits::kRefused : 1});
      EXPECT_EQ(status.ok(), !refused);
    });
  }
  while (queue.waiting() < kOthers + 1) std::this_thread::yield();
  commits.Open();
  first.join();
  for (std::thread& other : others) other.join();
  EXPECT_THAT(commits.sizes(), ElementsAre(1, kOthers));
}

TEST(CommitQueueTest, OneThatMustBeAloneIs) {
  Commits commits;
  CommitQueue queue([&](std::span<Change* const> group) { commits(group); });
  std::thread first([&] { EXPECT_TRUE(queue.Submit({.apply = Nothing}).ok()); });
  commits.AwaitGroups(1);
  std::vector<std::thread> others;
  for (size_t i = 0; i < 5; ++i) {
    const auto company = i == 2 ? Change::Company::kAlone : Change::Company::kAny;
    others.emplace_back([&queue, company] {
      EXPECT_TRUE(queue.Submit({.apply = Nothing, .company = company}).ok());
    });
    while (queue.waiting() < i + 2) std::this_thread::yield();
  }
  commits.Open();
  first.join();
  for (std::thread& other : others) other.join();
  EXPECT_THAT(commits.sizes(), ElementsAre(1, 2, 1, 2));
}

}  // namespace
}  // namespace gannet::indexer
