#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection_files.h"
#include "tests/indexer/collection/made_documents.h"
#include "tests/testing/shared_data.h"

// What a collection does when its disk does not.
namespace gannet::indexer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::TemporaryFolder;

constexpr size_t kDimension = 4;

// While it lives, no file of the process grows beyond some bytes: writes fail as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

class HealthTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(collection_,
                         Collection::OpenOrCreate(path_, MadeSchema(kDimension),
                                                  {.access = Access::kWrite, .seal_rows = 10}));
    ASSERT_OK(collection_->Put(MadeDocuments(0, 20, kDimension)));
    EXPECT_TRUE(collection_->health().writable);
  }

  static std::vector<EmbeddedDocument> Large() {
    std::vector<EmbeddedDocument> documents = MadeDocuments(100, 1, kDimension);
    documents[0].document.text.assign(400'000, 'x');
    return documents;
  }

  size_t Findable() const {
    const auto answer = collection_->Search(std::vector<float>{1, 0, 0, 0}, {.k = 1000});
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->documents.size() : 0;
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "c";
  base::ThreadPool pool_{1};
  std::unique_ptr<Collection> collection_;
};

TEST_F(HealthTest, AFailedWriteLeavesNothingAndEndsChangesUntilResume) {
  {
    const FileSizeLimit limit(200'000);
    const absl::Status failed = collection_->Put(Large());
    EXPECT_FALSE(failed.ok());
    EXPECT_THAT(std::string(base::Message(failed)), HasSubstr("File too large"));
    const CollectionHealth health = collection_->health();
    EXPECT_FALSE(health.writable);
    EXPECT_THAT(health.reason, HasSubstr("File too large"));
    const absl::Status refused = collection_->Put(MadeDocuments(200, 1, kDimension));
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(base::Message(refused)), HasSubstr("File too large"));
    EXPECT_FALSE(collection_->Delete(std::vector<std::string>{"d1"}).ok());
    EXPECT_FALSE(collection_->Maintain(pool_).ok());
  }
  EXPECT_EQ(collection_->size(), 20u);
  EXPECT_EQ(Findable(), 20u);
  ASSERT_OK(collection_->Resume());
  EXPECT_TRUE(collection_->health().writable);
  ASSERT_OK(collection_->Put(Large()));
  EXPECT_EQ(Findable(), 21u);
  collection_.reset();
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(path_, Repair::kNone, pool_));
  EXPECT_EQ(report.problems, 0u) << report.examples.front();
  EXPECT_EQ(report.documents, 21u);
}

TEST_F(HealthTest, AFailedWriteIsNotThereWhenOpenedAgain) {
  {
    const FileSizeLimit limit(200'000);
    EXPECT_FALSE(collection_->Put(Large()).ok());
  }
  collection_.reset();
  ASSERT_OK_AND_ASSIGN(collection_, Collection::Open(path_, {.access = Access::kWrite}));
  EXPECT_EQ(collection_->size(), 20u);
  ASSERT_OK(collection_->Put(MadeDocuments(200, 1, kDimension)));
}

TEST_F(HealthTest, ASegmentThatCannotBeWrittenLeavesEverythingAsItWas) {
  ASSERT_OK(collection_->Put(MadeDocuments(20, 3000, kDimension)));
  {
    const FileSizeLimit limit(50'000);
    EXPECT_FALSE(collection_->Maintain(pool_).ok());
  }
  EXPECT_EQ(Findable(), 1000u);
  ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection_->Info());
  EXPECT_TRUE(info.segments.empty());
  ASSERT_OK(collection_->Resume());
  ASSERT_OK_AND_ASSIGN(const MaintenanceReport report, collection_->Maintain(pool_));
  EXPECT_EQ(report.sealed_passages, 3020u);
  EXPECT_TRUE(std::filesystem::exists(path_ / "segments"));
  for (const auto& entry : std::filesystem::directory_iterator(path_ / "segments")) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr(".tmp")));
  }
}

TEST_F(HealthTest, ACollectionOpenedForReadingSaysSo) {
  collection_.reset();
  ASSERT_OK_AND_ASSIGN(const auto reader, Collection::Open(path_));
  EXPECT_FALSE(reader->health().writable);
  const absl::Status put = reader->Put(MadeDocuments(0, 1, kDimension));
  EXPECT_EQ(put.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::Message(put)), HasSubstr("opened for reading"));
  EXPECT_FALSE(reader->Maintain(pool_).ok());
  EXPECT_FALSE(reader->Resume().ok());
  EXPECT_TRUE(reader->MeasureRecall({.queries = 3}, pool_).ok());
}

}  // namespace
}  // namespace gannet::indexer
