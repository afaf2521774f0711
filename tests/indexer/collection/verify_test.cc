#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection_files.h"
#include "indexer/filter/field_value.h"
#include "indexer/filter/filter.h"
#include "indexer/store/record.h"
#include "indexer/store/store.h"
#include "tests/indexer/collection/made_documents.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr size_t kDimension = 4;

// A collection whose store is changed behind its back.
class VerifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(const auto collection,
                         Collection::OpenOrCreate(path_, MadeSchema(kDimension),
                                                  {.access = Access::kWrite, .seal_rows = 50}));
    ASSERT_OK(collection->Put(MadeDocuments(0, 60, kDimension)));
    ASSERT_OK(collection->Maintain(pool_).status());
    ASSERT_OK(collection->Put(MadeDocuments(60, 10, kDimension)));
    ASSERT_OK(collection->Delete(std::vector<std::string>{"d8", "d65"}).status());
    ASSERT_OK_AND_ASSIGN(digest_, collection->Digest());
  }

  void Change(const std::function<void(const Store&, StoreBatch&)>& change) {
    ASSERT_OK_AND_ASSIGN(const auto store, Store::OpenForWriting(path_ / "store"));
    StoreBatch batch(*store);
    change(*store, batch);
    ASSERT_OK(store->Commit(batch));
  }

  // One problem is found, repaired, and gone; the collection is what it was.
  void ExpectRepaired(const std::string& expected) {
    ASSERT_OK_AND_ASSIGN(const VerifyReport found, Verify(path_, Repair::kNone, pool_));
    ASSERT_GE(found.problems, 1u);
    EXPECT_EQ(found.repaired, 0u);
    EXPECT_FALSE(found.clean());
    EXPECT_THAT(found.examples, ::testing::Contains(HasSubstr(expected)));
    ASSERT_OK_AND_ASSIGN(const VerifyReport repaired, Verify(path_, Repair::kDerivable, pool_));
    EXPECT_TRUE(repaired.clean());
    ASSERT_OK_AND_ASSIGN(const VerifyReport after, Verify(path_, Repair::kNone, pool_));
    EXPECT_EQ(after.problems, 0u) << after.examples.front();
    ASSERT_OK_AND_ASSIGN(const auto collection, Collection::Open(path_));
    ASSERT_OK_AND_ASSIGN(const std::string digest, collection->Digest());
    EXPECT_EQ(digest, digest_);
  }

  // It is found, and not mended.
  void ExpectFound(const std::string& expected) {
    for (const Repair repair : {Repair::kNone, Repair::kDerivable}) {
      ASSERT_OK_AND_ASSIGN(const VerifyReport found, Verify(path_, repair, pool_));
      EXPECT_FALSE(found.clean());
      EXPECT_THAT(found.examples, ::testing::Contains(HasSubstr(expected)));
    }
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "c";
  base::ThreadPool pool_{1};
  std::string digest_;
};

TEST_F(VerifyTest, ASoundCollectionHasNoProblems) {
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(path_, Repair::kNone, pool_));
  EXPECT_EQ(report.problems, 0u);
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.documents, 68u);
  EXPECT_EQ(report.passages, 68u);
  EXPECT_EQ(report.segments, 1u);
  EXPECT_EQ(Verify(folder_.path() / "none", Repair::kNone, pool_).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(VerifyTest, IdsFollowFromDocuments) {
  Change([](const Store&, StoreBatch& batch) {
    batch.Delete(Family::kIds, "d3");
    batch.Put(Family::kIds, "stray", EncodeKey(4));
  });
  ExpectRepaired("family ids: its 68 entries");
}

TEST_F(VerifyTest, FieldsFollowFromMetadata) {
  Change([](const Store&, StoreBatch& batch) {
    const std::string group =
        EncodeFieldEntry("group", FieldValue(std::string("g1"))) + EncodeKey(1);
    batch.Delete(Family::kFields, group);
    batch.Put(Family::kFields, EncodeFieldEntry("group", FieldValue(true)) + EncodeKey(1), "");
  });
  ExpectRepaired("family fields: ");
}

TEST_F(VerifyTest, TombstonesFollowFromSegments) {
  Change([](const Store&, StoreBatch& batch) {
    batch.Delete(Family::kTombstones, EncodeKey(8));
    batch.Put(Family::kTombstones, EncodeKey(66), "");
  });
  ExpectRepaired("1 tombstones, 1 deleted documents");
}

TEST_F(VerifyTest, TotalsFollowFromDocuments) {
  Change([](const Store& store, StoreBatch& batch) {
    Totals totals = *DecodeTotals(**store.Read(Family::kMeta, kTotalsEntry));
    totals.documents = 3;
    ++totals.sequence;
    batch.Put(Family::kMeta, kTotalsEntry, EncodeTotals(totals));
  });
  ExpectRepaired("totals: 3 documents and 68 passages");
}

TEST_F(VerifyTest, ADamagedSealIsWrittenAnew) {
  folder_.Write("c/seal", "gannet seal ");
  EXPECT_EQ(Collection::Open(path_).status().code(), absl::StatusCode::kDataLoss);
  ExpectRepaired("seal: damaged");
}

TEST_F(VerifyTest, AMissingSegmentIsMadeAgain) {
  std::filesystem::remove_all(path_ / "segments");
  ASSERT_OK_AND_ASSIGN(const VerifyReport found, Verify(path_, Repair::kNone, pool_));
  EXPECT_EQ(found.problems, 1u);
  ASSERT_OK_AND_ASSIGN(const VerifyReport repaired, Verify(path_, Repair::kDerivable, pool_));
  EXPECT_TRUE(repaired.clean());
  ASSERT_OK_AND_ASSIGN(const VerifyReport after, Verify(path_, Repair::kNone, pool_));
  EXPECT_EQ(after.problems, 0u) << after.examples.front();
}

// The segment is whole, but the store says otherwise.
TEST_F(VerifyTest, ASegmentThatIsNotTheStoresIsMadeAgain) {
  Change([](const Store& store, StoreBatch& batch) {
    // Vector and fingerprint of document 5 become those of document 6.
    const std::string vector = **store.Read(Family::kVectors, EncodeKey(MakePassageKey(6, 0)));
    batch.Put(Family::kVectors, EncodeKey(MakePassageKey(5, 0)), vector);
    DocumentRecord record = *DecodeDocument(**store.Read(Family::kDocuments, EncodeKey(5)));
    record.fingerprint = ContentFingerprint(
        {.key = 5,
         .document = {record.id, record.title, record.text, ""},
         .passages = *DecodePassages(**store.Read(Family::kPassages, EncodeKey(5))),
         .vectors = vector,
         .ordinal = 0});
    batch.Put(Family::kDocuments, EncodeKey(5), EncodeDocument(record));
  });
  ASSERT_OK_AND_ASSIGN(const VerifyReport repaired, Verify(path_, Repair::kDerivable, pool_));
  EXPECT_EQ(repaired.problems, 1u);
  EXPECT_THAT(repaired.examples.front(), HasSubstr("passage 0000000000050000 is not the store's"));
  ASSERT_OK_AND_ASSIGN(const VerifyReport after, Verify(path_, Repair::kNone, pool_));
  EXPECT_EQ(after.problems, 0u) << after.examples.front();
}

TEST_F(VerifyTest, WhatNothingFollowsFromIsFoundAndLeftAsItIs) {
  Change([](const Store& store, StoreBatch& batch) {
    DocumentRecord record = *DecodeDocument(**store.Read(Family::kDocuments, EncodeKey(2)));
    record.text += "!";
    batch.Put(Family::kDocuments, EncodeKey(2), EncodeDocument(record));
  });
  ExpectFound("document 2: its content is not that of its fingerprint");
}

TEST_F(VerifyTest, AMissingPartOfADocumentIsFound) {
  Change([](const Store&, StoreBatch& batch) { batch.Delete(Family::kMetadata, EncodeKey(2)); });
  ExpectFound("document 2 is missing in family metadata");
}

TEST_F(VerifyTest, PartsWithoutADocumentAreFound) {
  Change([](const Store&, StoreBatch& batch) {
    batch.Put(Family::kVectors, EncodeKey(MakePassageKey(61, 1)), std::string(4 * kDimension, 1));
  });
  ExpectFound("family vectors: 69 entries, 68 belong to documents");
}

}  // namespace
}  // namespace gannet::indexer
