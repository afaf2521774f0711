#include "indexer/job/job_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

TEST(ShardTest, ReadsAndRefuses) {
  ASSERT_OK_AND_ASSIGN(const Shard shard, Shard::Parse("2/3"));
  EXPECT_EQ(shard, (Shard{.index = 2, .count = 3}));
  EXPECT_EQ(shard.ToString(), "2/3");
  for (const std::string text : {"", "3/3", "1", "1/0", "-1/3", "a/b", "0/3x", "0/", "/3"}) {
    const absl::Status status = Shard::Parse(text).status();
    EXPECT_THAT(std::string(base::Message(status)),
                ::testing::HasSubstr("shard \"" + text + "\": expected I/N"));
  }
}

TEST(ShardTest, EveryIdBelongsToExactlyOne) {
  for (const uint32_t count : {1u, 3u, 7u}) {
    std::vector<int> taken(count);
    for (int id = 0; id < 700; ++id) {
      int takers = 0;
      for (uint32_t i = 0; i < count; ++i) {
        const bool takes = Shard{.index = i, .count = count}.Takes(std::to_string(id));
        takers += takes ? 1 : 0;
        taken[i] += takes ? 1 : 0;
      }
      EXPECT_EQ(takers, 1);
    }
    for (const int documents : taken) EXPECT_GT(documents, 350 / static_cast<int>(count));
  }
}

TEST(JobLedgerTest, ComesBackFromJson) {
  const JobLedger ledger{.shard = {.index = 1, .count = 4},
                         .base_key = 77,
                         .records = 12,
                         .consumed = "abc",
                         .first = "def",
                         .finished = true,
                         .counts = {.documents = 9,
                                    .unchanged = 1,
                                    .empty_texts = 2,
                                    .long_texts = 8,
                                    .cut_texts = 3,
                                    .other_shards = 4,
                                    .replaced_sequences = 5,
                                    .skipped_records = 6,
                                    .skipped_examples = {"one", "two"},
                                    .tokens_total = 17,
                                    .tokens_read = 7,
                                    .windows = 11,
                                    .blocks = 13}};
  ASSERT_OK_AND_ASSIGN(const JobLedger again, JobLedger::Parse(ledger.ToJson()));
  EXPECT_EQ(again, ledger);
  EXPECT_EQ(JobLedger::Parse("{}").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(JobLedger::Parse(R"({"version":9})").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace gannet::indexer
