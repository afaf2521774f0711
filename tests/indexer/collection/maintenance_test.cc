#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection_files.h"
#include "indexer/filter/filter.h"
#include "tests/indexer/collection/made_documents.h"
#include "tests/testing/shared_data.h"

// How segments come about, go, and are mended; copies; recall.
namespace gannet::indexer {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TemporaryFolder;

constexpr size_t kDimension = 16;

class MaintenanceTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Collection>> Open(CollectionOptions options = {
                                                       .access = Access::kWrite,
                                                       .seal_rows = 100}) {
    return Collection::OpenOrCreate(path_, schema_, options);
  }

  std::set<std::string> SegmentFilesThere() const {
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(path_ / "segments")) {
      files.insert(entry.path().filename().string());
    }
    return files;
  }

  std::vector<ScoredDocument> Exact(const Collection& collection, unsigned seed,
                                    const Filter* filter = nullptr) const {
    std::mt19937 random(seed);
    const auto answer = collection.Search(RandomVector(random, kDimension),
                                          {.k = 10, .filter = filter, .mode = SearchMode::kExact});
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->documents : std::vector<ScoredDocument>();
  }

  void ExpectSameAnswers(const Collection& a, const Collection& b) const {
    EXPECT_EQ(a.size(), b.size());
    for (unsigned seed = 0; seed < 20; ++seed) {
      const auto left = Exact(a, seed), right = Exact(b, seed);
      ASSERT_EQ(left.size(), right.size());
      for (size_t i = 0; i < left.size(); ++i) {
        EXPECT_EQ(left[i].key, right[i].key);
        EXPECT_EQ(left[i].score, right[i].score);
      }
    }
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "c";
  CollectionSchema schema_ = MadeSchema(kDimension, VectorFormat::kFp32, "HNSW8,SQ8");
  base::ThreadPool pool_{2};
};

TEST_F(MaintenanceTest, TheGrowingPartIsSealedWhenItIsLargeEnough) {
  ASSERT_OK_AND_ASSIGN(const auto collection, Open());
  ASSERT_OK(collection->Put(MadeDocuments(0, 99, kDimension)));
  ASSERT_OK_AND_ASSIGN(const MaintenanceReport early, collection->Maintain(pool_));
  EXPECT_FALSE(early.changed_segments());
  const auto before = Exact(*collection, 1);
  ASSERT_OK(collection->Put(MadeDocuments(99, 1, kDimension)));
  ASSERT_OK_AND_ASSIGN(const MaintenanceReport report, collection->Maintain(pool_));
  EXPECT_EQ(report.sealed_passages, 100u);
  ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection->Info());
  ASSERT_THAT(info.segments, SizeIs(1));
  EXPECT_EQ(info.segments[0].index, "HNSW8,SQ8");
  EXPECT_EQ(info.segments[0].passages, 100u);
  EXPECT_EQ(info.growing_passages, 0u);
  EXPECT_GT(info.segments[0].file_bytes, 100 * kDimension * sizeof(float));
  EXPECT_EQ(SegmentFilesThere(), std::set<std::string>{info.segments[0].file});
  EXPECT_GE(Exact(*collection, 1)[0].score, before[0].score);
}

TEST_F(MaintenanceTest, SegmentsOfLikeSizeAreMergedAndTheirFilesGo) {
  ASSERT_OK_AND_ASSIGN(const auto collection, Open());
  for (size_t i = 0; i < 4; ++i) {
    ASSERT_OK(collection->Put(MadeDocuments(i * 100, 100, kDimension, i)));
    ASSERT_OK_AND_ASSIGN(const MaintenanceReport report, collection->Maintain(pool_));
    EXPECT_EQ(report.merged_segments, i == 3 ? 4u : 0u);
  }
  ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection->Info());
  ASSERT_THAT(info.segments, SizeIs(1));
  EXPECT_EQ(info.segments[0].passages, 400u);
  EXPECT_THAT(SegmentFilesThere(), SizeIs(1));
}

TEST_F(MaintenanceTest, ASegmentWithManyDeletionsIsWrittenAnew) {
  ASSERT_OK_AND_ASSIGN(auto collection, Open());
  ASSERT_OK(collection->Put(MadeDocuments(0, 200, kDimension)));
  ASSERT_OK(collection->Maintain(pool_).status());
  std::vector<std::string> gone;
  for (int i = 0; i < 40; ++i) gone.push_back("d" + std::to_string(5 * i));
  ASSERT_OK(collection->Delete(gone).status());
  ASSERT_OK_AND_ASSIGN(const MaintenanceReport early, collection->Maintain(pool_));
  EXPECT_EQ(early.rewritten_segments, 0u) << "a fifth is not more than a fifth";
  ASSERT_OK(collection->Delete(std::vector<std::string>{"d1"}).status());
  const auto before = Exact(*collection, 3);
  ASSERT_OK_AND_ASSIGN(const MaintenanceReport report, collection->Maintain(pool_));
  EXPECT_EQ(report.rewritten_segments, 1u);
  ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection->Info());
  EXPECT_EQ(info.segments[0].passages, 159u);
  EXPECT_EQ(info.segments[0].deleted_passages, 0u);
  const auto after = Exact(*collection, 3);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i].key, after[i].key);
  collection.reset();
  ASSERT_OK_AND_ASSIGN(const VerifyReport verified, Verify(path_, Repair::kNone, pool_));
  EXPECT_EQ(verified.problems, 0u);
}

TEST_F(MaintenanceTest, ASegmentWhoseDocumentsAreAllGoneGoesToo) {
  ASSERT_OK_AND_ASSIGN(auto collection, Open());
  ASSERT_OK(collection->Put(MadeDocuments(0, 120, kDimension)));
  ASSERT_OK(collection->Maintain(pool_).status());
  ASSERT_OK_AND_ASSIGN(const Filter all, Filter::Parse(R"({"field":"number","gte":0})"));
  ASSERT_OK_AND_ASSIGN(const uint64_t deleted, collection->DeleteWhere(all));
  EXPECT_EQ(deleted, 120u);
  ASSERT_OK_AND_ASSIGN(const MaintenanceReport report, collection->Maintain(pool_));
  EXPECT_EQ(report.rewritten_segments, 1u);
  ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection->Info());
  EXPECT_THAT(info.segments, IsEmpty());
  EXPECT_THAT(SegmentFilesThere(), IsEmpty());
  ASSERT_OK(collection->Put(MadeDocuments(0, 5, kDimension)));
  collection.reset();
  ASSERT_OK_AND_ASSIGN(collection, Open());
  EXPECT_EQ(collection->size(), 5u);
}

TEST_F(MaintenanceTest, IndexingIsSearchedAfterPublishOnly) {
  ASSERT_OK_AND_ASSIGN(const auto job, Open({.access = Access::kIndexing, .segment_rows = 130}));
  ASSERT_OK(job->Put(MadeDocuments(0, 300, kDimension)));
  std::mt19937 random(1);
  const auto query = RandomVector(random, kDimension);
  EXPECT_EQ(job->Search(query, {}).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_OK_AND_ASSIGN(const MaintenanceReport report, job->Publish(pool_));
  EXPECT_EQ(report.sealed_passages, 300u);
  ASSERT_OK_AND_ASSIGN(const auto answer, job->Search(query, {}));
  EXPECT_EQ(answer.documents.size(), 10u);
  EXPECT_EQ(answer.plan, SearchPlan::kApproximate);
  ASSERT_OK_AND_ASSIGN(const CollectionInfo info, job->Info());
  ASSERT_THAT(info.segments, SizeIs(3));
  EXPECT_EQ(info.segments[0].passages, 130u);
  EXPECT_EQ(info.segments[2].passages, 40u);
}

TEST_F(MaintenanceTest, PublishingDependsOnTheContentNotOnInterruptions) {
  std::vector<std::string> digests;
  for (const size_t interrupted_after : {1000u, 1u, 7u}) {
    std::filesystem::remove_all(path_);
    const CollectionOptions options = {.access = Access::kIndexing, .segment_rows = 100};
    ASSERT_OK_AND_ASSIGN(auto job, Open(options));
    for (size_t block = 0; block < 10; ++block) {
      ASSERT_OK(job->Put(MadeDocuments(block * 25, 25, kDimension, block)));
      if (block % interrupted_after != 0) continue;
      job.reset();
      ASSERT_OK_AND_ASSIGN(job, Open(options));
    }
    ASSERT_OK(job->Publish(pool_).status());
    ASSERT_OK(job->Publish(pool_).status());
    ASSERT_OK_AND_ASSIGN(digests.emplace_back(), job->Digest());
  }
  EXPECT_EQ(digests[0], digests[1]);
  EXPECT_EQ(digests[0], digests[2]);
}

TEST_F(MaintenanceTest, TheDigestFollowsEveryChange) {
  ASSERT_OK_AND_ASSIGN(const auto collection, Open());
  std::set<std::string> digests;
  const auto expect_new = [&] {
    const auto digest = collection->Digest();
    ASSERT_TRUE(digest.ok()) << digest.status();
    EXPECT_TRUE(digests.insert(*digest).second);
  };
  expect_new();
  ASSERT_OK(collection->Put(MadeDocuments(0, 100, kDimension)));
  expect_new();
  ASSERT_OK(collection->UpdateMetadata("d1", R"({"x":1})"));
  expect_new();
  ASSERT_OK(collection->Maintain(pool_).status());
  expect_new();
  ASSERT_OK(collection->Delete(std::vector<std::string>{"d7"}).status());
  expect_new();
  const Checkpoint checkpoint{.name = "job", .state = "1"};
  ASSERT_OK(collection->Put({}, &checkpoint));
  ASSERT_OK(collection->MeasureRecall({.queries = 5}, pool_).status());
  ASSERT_OK_AND_ASSIGN(const std::string same, collection->Digest());
  EXPECT_TRUE(digests.contains(same)) << "what a job notes is not content";
}

TEST_F(MaintenanceTest, AMissingOrDamagedSegmentIsMadeAgainOrDoneWithout) {
  {
    ASSERT_OK_AND_ASSIGN(const auto collection, Open());
    ASSERT_OK(collection->Put(MadeDocuments(0, 150, kDimension)));
    ASSERT_OK(collection->Maintain(pool_).status());
    ASSERT_OK(collection->Delete(std::vector<std::string>{"d1", "d50"}).status());
    ASSERT_OK(collection->Put(MadeDocuments(150, 20, kDimension)));
  }
  const auto good = folder_.path() / "good";
  std::filesystem::copy(path_, good, std::filesystem::copy_options::recursive);
  ASSERT_OK_AND_ASSIGN(const auto reference, Collection::Open(good));
  for (const bool missing : {true, false}) {
    std::filesystem::remove_all(path_);
    std::filesystem::copy(good, path_, std::filesystem::copy_options::recursive);
    const auto file = path_ / "segments" / *SegmentFilesThere().begin();
    ASSERT_OK_AND_ASSIGN(std::string content, base::ReadFile(file));
    std::filesystem::remove(file);
    if (!missing) {
      content[content.size() / 2] ^= 4;
      ASSERT_OK(base::WriteFileAtomically(file, content));
    }
    {
      ASSERT_OK_AND_ASSIGN(const auto reader, Collection::Open(path_));
      ASSERT_OK_AND_ASSIGN(const CollectionInfo info, reader->Info());
      ASSERT_THAT(info.open_report, SizeIs(1));
      EXPECT_THAT(info.open_report[0], HasSubstr(file.string()));
      EXPECT_TRUE(info.segments[0].from_store);
      ExpectSameAnswers(*reader, *reference);
    }
    ASSERT_OK_AND_ASSIGN(const auto writer, Open());
    ASSERT_OK_AND_ASSIGN(const CollectionInfo info, writer->Info());
    ASSERT_THAT(info.open_report, ::testing::Not(IsEmpty()));
    EXPECT_THAT(info.open_report[0], HasSubstr("made again"));
    EXPECT_FALSE(info.segments[0].from_store);
    EXPECT_EQ(info.segments[0].deleted_passages, 0u);
    ExpectSameAnswers(*writer, *reference);
  }
}

TEST_F(MaintenanceTest, AStoreThatComesBackOlderIsNoticed) {
  const auto older = folder_.path() / "older";
  {
    ASSERT_OK_AND_ASSIGN(const auto collection, Open());
    ASSERT_OK(collection->Put(MadeDocuments(0, 10, kDimension)));
    ASSERT_OK(collection->Snapshot(older));
    ASSERT_OK(collection->Put(MadeDocuments(10, 10, kDimension)));
  }
  std::filesystem::remove_all(path_ / "store");
  std::filesystem::copy(older / "store", path_ / "store");
  for (const Access access : {Access::kRead, Access::kWrite, Access::kIndexing}) {
    const absl::Status status = Collection::Open(path_, {.access = access}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr("with 20 documents"));
  }
  std::filesystem::remove_all(path_ / "store");
  EXPECT_FALSE(Open().ok()) << "a collection that lost its store is not a new one";
  std::filesystem::copy(older / "store", path_ / "store");
  // A repair says what is lost, and lets the rest be used.
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(path_, Repair::kDerivable, pool_));
  EXPECT_EQ(report.problems, 1u);
  EXPECT_FALSE(report.clean());
  ASSERT_OK_AND_ASSIGN(const VerifyReport after, Verify(path_, Repair::kNone, pool_));
  EXPECT_EQ(after.problems, 0u);
  ASSERT_OK_AND_ASSIGN(const auto collection, Open());
  EXPECT_EQ(collection->size(), 10u);
}

TEST_F(MaintenanceTest, SnapshotsAreRestoredElsewhereAndAnswerTheSame) {
  const auto snapshot = folder_.path() / "snapshot", restored = folder_.path() / "restored";
  ASSERT_OK_AND_ASSIGN(const auto collection, Open());
  ASSERT_OK(collection->Put(MadeDocuments(0, 150, kDimension)));
  ASSERT_OK(collection->Maintain(pool_).status());
  ASSERT_OK(collection->Put(MadeDocuments(150, 30, kDimension)));
  ASSERT_OK(collection->Delete(std::vector<std::string>{"d3"}).status());
  ASSERT_OK(collection->Snapshot(snapshot));
  EXPECT_EQ(collection->Snapshot(snapshot).code(), absl::StatusCode::kAlreadyExists);
  ASSERT_OK(Restore(snapshot, restored, pool_));
  EXPECT_EQ(Restore(snapshot, restored, pool_).code(), absl::StatusCode::kAlreadyExists);
  ASSERT_OK_AND_ASSIGN(const auto copy, Collection::Open(restored));
  ExpectSameAnswers(*copy, *collection);
  ASSERT_OK_AND_ASSIGN(const std::string digest, collection->Digest());
  ASSERT_OK_AND_ASSIGN(const std::string copied, copy->Digest());
  EXPECT_EQ(copied, digest);

  // The snapshot is of its moment, whatever becomes of the collection.
  ASSERT_OK(collection->Compact(pool_).status());
  ASSERT_OK(collection->Put(MadeDocuments(500, 10, kDimension)));
  ASSERT_OK_AND_ASSIGN(const auto still, Collection::Open(snapshot));
  ExpectSameAnswers(*still, *copy);
}

TEST_F(MaintenanceTest, ADamagedSnapshotIsNotRestored) {
  const auto snapshot = folder_.path() / "snapshot", restored = folder_.path() / "restored";
  {
    ASSERT_OK_AND_ASSIGN(const auto collection, Open());
    ASSERT_OK(collection->Put(MadeDocuments(0, 150, kDimension)));
    ASSERT_OK(collection->Maintain(pool_).status());
    ASSERT_OK(collection->Snapshot(snapshot));
  }
  for (const auto& entry : std::filesystem::directory_iterator(snapshot / "segments")) {
    ASSERT_OK_AND_ASSIGN(std::string content, base::ReadFile(entry.path()));
    content[content.size() - 100] ^= 1;
    ASSERT_OK(base::WriteFileAtomically(entry.path(), content));
  }
  const absl::Status status = Restore(snapshot, restored, pool_);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_FALSE(std::filesystem::exists(restored));
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_EQ(entry.path().string().find(".partial"), std::string::npos) << entry.path();
  }
  EXPECT_FALSE(Restore(folder_.path() / "none", restored, pool_).ok());
}

TEST_F(MaintenanceTest, ExportGivesLinesThatIndexingReads) {
  {
    ASSERT_OK_AND_ASSIGN(const auto collection, Open());
    ASSERT_OK(collection->Put(MadeDocuments(0, 3, kDimension)));
    EmbeddedDocument odd = MadeDocuments(3, 1, kDimension)[0];
    odd.document.metadata_json = R"({"_id":"other","deep":{"a":[1,2]}})";
    ASSERT_OK(collection->Put({&odd, 1}));
  }
  std::string lines;
  const auto write = [&](std::string_view line) {
    lines += line;
    return absl::OkStatus();
  };
  ASSERT_OK(Export(path_, ExportVectors::kLeaveOut, write));
  EXPECT_EQ(
      lines,
      "{\"_id\":\"d0\",\"title\":\"title\",\"text\":\"text 0\",\"even\":true,\"group\":\"g0\","
      "\"number\":0}\n"
      "{\"_id\":\"d1\",\"title\":\"title\",\"text\":\"text 1\",\"even\":false,\"group\":"
      "\"g1\",\"number\":1}\n"
      "{\"_id\":\"d2\",\"title\":\"title\",\"text\":\"text 2\",\"even\":true,\"group\":\"g2\","
      "\"number\":2}\n"
      "{\"_id\":\"d3\",\"title\":\"title\",\"text\":\"text 3\",\"deep\":{\"a\":[1,2]}}\n");
  lines.clear();
  ASSERT_OK(Export(path_, ExportVectors::kInclude, write));
  EXPECT_THAT(lines, HasSubstr("\"passages\":[{\"first_byte\":0,\"bytes\":6,\"first_token\":0,"
                               "\"tokens\":2,\"vector\":["));
  const absl::Status stopped = Export(path_, ExportVectors::kLeaveOut, [](std::string_view) {
    return absl::ResourceExhaustedError("disk full");
  });
  EXPECT_EQ(stopped.code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(MaintenanceTest, RecallIsMeasuredOnRequestAndSampledContinuously) {
  ASSERT_OK_AND_ASSIGN(
      const auto collection,
      Open({.access = Access::kWrite, .seal_rows = 100, .recall_sample_interval = 2}));
  ASSERT_OK(collection->Put(MadeDocuments(0, 1000, kDimension)));
  ASSERT_OK(collection->Maintain(pool_).status());
  ASSERT_OK_AND_ASSIGN(const RecallFigures figures,
                       collection->MeasureRecall({.queries = 50, .k = 10}, pool_));
  EXPECT_EQ(figures.queries, 50u);
  EXPECT_GE(figures.mean, 0.9);
  EXPECT_LE(figures.worst, figures.mean);
  std::mt19937 random(3);
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto answer,
                         collection->Search(RandomVector(random, kDimension), {.k = 5}));
    EXPECT_EQ(answer.plan, SearchPlan::kApproximate);
  }
  ASSERT_OK_AND_ASSIGN(const MaintenanceReport report, collection->Maintain(pool_));
  EXPECT_EQ(report.recall_samples, 5u);
  ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection->Info());
  ASSERT_TRUE(info.measured.has_value() && info.self_sampled.has_value());
  EXPECT_EQ(info.measured->mean, figures.mean);
  EXPECT_EQ(info.self_sampled->queries, 5u);
  EXPECT_EQ(info.self_sampled->k, 5u);
  EXPECT_GE(info.self_sampled->mean, 0.8);
}

TEST_F(MaintenanceTest, SampledRecallGoesOnWhereItWasLeft) {
  const CollectionOptions options = {
      .access = Access::kWrite, .seal_rows = 100, .recall_sample_interval = 1};
  double first = 0;
  for (uint64_t opened = 1; opened <= 3; ++opened) {
    ASSERT_OK_AND_ASSIGN(const auto collection, Open(options));
    ASSERT_OK(collection->Put(MadeDocuments(0, 500, kDimension)));
    ASSERT_OK(collection->Maintain(pool_).status());
    ASSERT_OK(collection->Search(std::vector<float>(kDimension, 1.0F), {.k = 5}).status());
    ASSERT_OK(collection->Maintain(pool_).status());
    ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection->Info());
    ASSERT_TRUE(info.self_sampled.has_value());
    EXPECT_EQ(info.self_sampled->queries, opened);
    if (opened == 1) first = info.self_sampled->mean;
    EXPECT_DOUBLE_EQ(info.self_sampled->mean, first);  // The same query each time.
  }
}

}  // namespace
}  // namespace gannet::indexer
