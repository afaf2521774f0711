#include "encoder/run/model_input.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "base/thread_pool.h"

namespace gannet::encoder {
namespace {

struct Runs {
  std::atomic<size_t> alone = 0;   // Groups that a thread ran by itself,
  std::atomic<size_t> shared = 0;  // and those whose products all threads shared.
};

// Runs groups of inputs of these lengths on two threads; each input has to come once.
void RunGroups(const std::vector<size_t>& lengths, Runs& runs) {
  std::vector<ModelInput> inputs(lengths.size());
  for (size_t i = 0; i < lengths.size(); ++i) inputs[i].ids.resize(lengths[i]);
  std::vector<std::atomic<int>> times(lengths.size());
  base::ThreadPool pool(2);
  ForEachGroup(inputs, pool, [&](std::span<const size_t> members, base::ThreadPool* of_group) {
    ++(of_group == nullptr ? runs.alone : runs.shared);
    for (const size_t i : members) ++times[i];
  });
  for (const std::atomic<int>& of_input : times) EXPECT_EQ(of_input, 1);
}

TEST(ForEachGroupTest, TextsOfLikeLengthsHaveAThreadEach) {
  Runs runs;
  RunGroups({100, 100}, runs);
  EXPECT_EQ(runs.alone, 2u);
  EXPECT_EQ(runs.shared, 0u);
}

TEST(ForEachGroupTest, ThreadsShareWhatWouldLeaveOneOfThemIdle) {
  for (const std::vector<size_t>& lengths : {std::vector<size_t>{120}, {200, 20}, {20, 300, 40}}) {
    Runs runs;
    RunGroups(lengths, runs);
    EXPECT_EQ(runs.alone, 0u);
    EXPECT_GT(runs.shared, 0u);
  }
}

TEST(ForEachGroupTest, ManyTextsAreSpreadAndNoneIsNoGroup) {
  Runs runs;
  RunGroups(std::vector<size_t>(100, 70), runs);
  EXPECT_EQ(runs.shared, 0u);
  EXPECT_GT(runs.alone, 20u);
  Runs none;
  RunGroups({}, none);
  EXPECT_EQ(none.alone + none.shared, 0u);
}

}  // namespace
}  // namespace gannet::encoder
