#include "indexer/store/seal.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using testing::TemporaryFolder;

constexpr Totals kTotals = {.sequence = 7, .next_key = 5, .documents = 3, .passages = 4};

class SealTest : public ::testing::Test {
 protected:
  // A store's folder as far as a seal looks at it.
  void WriteManifest(const std::string& number, size_t bytes) {
    folder_.Write("store/MANIFEST-" + number, std::string(bytes, 'm'));
    folder_.Write("store/CURRENT", "MANIFEST-" + number + "\n");
  }
  absl::Status Check() {
    GANNET_ASSIGN_OR_RETURN(const std::optional<Seal> seal, ReadSeal(path_));
    return CheckManifest(seal, store_);
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "seal";
  const std::filesystem::path store_ = folder_.path() / "store";
};

TEST_F(SealTest, ReturnsAsItWasWritten) {
  ASSERT_OK_AND_ASSIGN(const auto none, ReadSeal(path_));
  EXPECT_FALSE(none.has_value());
  WriteManifest("000030", 1351);
  ASSERT_OK(WriteSeal(path_, store_, kTotals));
  ASSERT_OK_AND_ASSIGN(const auto seal, ReadSeal(path_));
  ASSERT_TRUE(seal.has_value());
  EXPECT_EQ(seal->totals, kTotals);
  EXPECT_EQ(seal->manifest, 30u);
  EXPECT_EQ(seal->manifest_bytes, 1351u);
}

TEST_F(SealTest, FlippedBitsAndCutsAreNoticed) {
  WriteManifest("000030", 1351);
  ASSERT_OK(WriteSeal(path_, store_, kTotals));
  ASSERT_OK_AND_ASSIGN(const std::string content, base::ReadFile(path_));
  for (size_t bit = 0; bit < 8 * content.size(); bit += 3) {
    std::string changed = content;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    folder_.Write("seal", changed);
    ASSERT_EQ(ReadSeal(path_).status().code(), absl::StatusCode::kDataLoss) << bit;
  }
  for (size_t size = 0; size < content.size(); ++size) {
    folder_.Write("seal", content.substr(0, size));
    ASSERT_EQ(ReadSeal(path_).status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST_F(SealTest, AManifestMayGrowOrBeReplacedByANewerOne) {
  WriteManifest("000030", 1351);
  EXPECT_TRUE(Check().ok()) << "without a seal";
  ASSERT_OK(WriteSeal(path_, store_, kTotals));
  EXPECT_TRUE(Check().ok());
  WriteManifest("000030", 1352);
  EXPECT_TRUE(Check().ok());
  WriteManifest("1000000", 10);
  EXPECT_TRUE(Check().ok());
}

TEST_F(SealTest, AManifestThatIsCutOrOlderHasLostTables) {
  WriteManifest("000030", 1351);
  ASSERT_OK(WriteSeal(path_, store_, kTotals));
  WriteManifest("000030", 1350);
  EXPECT_EQ(Check().code(), absl::StatusCode::kDataLoss);
  WriteManifest("000029", 2000);
  EXPECT_EQ(Check().code(), absl::StatusCode::kDataLoss);
  for (const char* current : {"", "MANIFEST-", "MANIFEST-30", "30\n", "MANIFEST-000030x\n"}) {
    folder_.Write("store/CURRENT", current);
    EXPECT_EQ(Check().code(), absl::StatusCode::kDataLoss) << current;
  }
}

TEST_F(SealTest, AStoreMayBeNewerButNotOlder) {
  const Seal sealed = {.totals = kTotals};
  Totals totals = kTotals;
  EXPECT_TRUE(CheckSeal("seal", sealed, totals).ok());
  totals.documents = 2;
  EXPECT_EQ(CheckSeal("seal", sealed, totals).code(), absl::StatusCode::kDataLoss);
  totals.sequence = 8;
  EXPECT_TRUE(CheckSeal("seal", sealed, totals).ok());
  totals.sequence = 6;
  EXPECT_EQ(CheckSeal("seal", sealed, totals).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CheckSeal("seal", std::nullopt, totals).code(), absl::StatusCode::kDataLoss);
  totals.sequence = 1;
  EXPECT_TRUE(CheckSeal("seal", std::nullopt, totals).ok());
}

}  // namespace
}  // namespace gannet::indexer
