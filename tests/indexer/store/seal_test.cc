#include "indexer/store/seal.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using testing::TemporaryFolder;

constexpr Totals kTotals = {.sequence = 7, .next_key = 5, .documents = 3, .passages = 4};

TEST(SealTest, ReturnsAsItWasWritten) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "seal";
  ASSERT_OK_AND_ASSIGN(const auto none, ReadSeal(path));
  EXPECT_FALSE(none.has_value());
  ASSERT_OK(WriteSeal(path, kTotals));
  ASSERT_OK_AND_ASSIGN(const auto seal, ReadSeal(path));
  EXPECT_EQ(seal, kTotals);
}

TEST(SealTest, FlippedBitsAndCutsAreNoticed) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "seal";
  ASSERT_OK(WriteSeal(path, kTotals));
  ASSERT_OK_AND_ASSIGN(const std::string content, base::ReadFile(path));
  for (size_t bit = 0; bit < 8 * content.size(); bit += 3) {
    std::string changed = content;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    folder.Write("seal", changed);
    ASSERT_EQ(ReadSeal(path).status().code(), absl::StatusCode::kDataLoss) << bit;
  }
  for (size_t size = 0; size < content.size(); ++size) {
    folder.Write("seal", content.substr(0, size));
    ASSERT_EQ(ReadSeal(path).status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST(SealTest, AStoreMayBeNewerButNotOlder) {
  Totals totals = kTotals;
  EXPECT_TRUE(CheckSeal("seal", kTotals, totals).ok());
  totals.documents = 2;
  EXPECT_EQ(CheckSeal("seal", kTotals, totals).code(), absl::StatusCode::kDataLoss);
  totals.sequence = 8;
  EXPECT_TRUE(CheckSeal("seal", kTotals, totals).ok());
  totals.sequence = 6;
  EXPECT_EQ(CheckSeal("seal", kTotals, totals).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CheckSeal("seal", std::nullopt, totals).code(), absl::StatusCode::kDataLoss);
  totals.sequence = 1;
  EXPECT_TRUE(CheckSeal("seal", std::nullopt, totals).ok());
}

}  // namespace
}  // namespace gannet::indexer
