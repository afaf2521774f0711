// Term representations in a collection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection_files.h"
#include "indexer/store/record.h"
#include "indexer/store/store.h"
#include "tests/indexer/collection/made_documents.h"
#include "tests/indexer/store/older_store.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr size_t kDimension = 4;

CollectionSchema SchemaWithTerms() {
  CollectionSchema schema = MadeSchema(kDimension);
  schema.terms = MadeTermSchema();
  return schema;
}

class TermsTest : public ::testing::Test {
 protected:
  void Open(const CollectionSchema& schema = SchemaWithTerms()) {
    collection_.reset();
    ASSERT_OK_AND_ASSIGN(collection_, Collection::OpenOrCreate(path_, schema));
  }
  // d0 ... d9, those of even numbers with terms.
  void Fill() {
    documents_ = MadeDocuments(0, 10, kDimension);
    for (size_t i = 0; i < documents_.size(); i += 2) {
      documents_[i].terms = MadeTerms(random_, 3 + i);
    }
    ASSERT_OK(collection_->Put(documents_));
  }
  std::string Terms(DocumentKey key) const {
    const auto terms = collection_->GetTerms(key);
    EXPECT_TRUE(terms.ok()) << terms.status();
    return terms.ok() ? terms->value_or("none") : "";
  }
  TermTotals Totals() const { return collection_->Info()->terms; }

  void Change(const std::function<void(const Store&, StoreBatch&)>& change) {
    collection_.reset();
    ASSERT_OK_AND_ASSIGN(const auto store, Store::OpenForWriting(path_ / "store"));
    StoreBatch batch(*store);
    change(*store, batch);
    ASSERT_OK(store->Commit(batch));
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "c";
  std::mt19937 random_{1};
  base::ThreadPool pool_{1};
  std::unique_ptr<Collection> collection_;
  std::vector<EmbeddedDocument> documents_;
};

TEST_F(TermsTest, ComeAndGoWithTheirDocument) {
  Open();
  Fill();
  EXPECT_EQ(Terms(4), documents_[4].terms);
  EXPECT_EQ(Terms(5), "none");
  EXPECT_EQ(Terms(99), "none");
  EXPECT_EQ(Totals().documents, 5u);
  EXPECT_EQ(Totals().terms, 3u + 5 + 7 + 9 + 11);
  ASSERT_OK_AND_ASSIGN(const StoredDocument stored, collection_->GetStored(4));
  EXPECT_EQ(stored.terms, documents_[4].terms);

  documents_[4].document.metadata_json = "{}";  // It keeps its key,
  documents_[2].document.text = "other";        // and this one does not.
  documents_[2].terms.clear();
  documents_[4].terms.clear();
  ASSERT_OK(collection_->Put(std::vector{documents_[2], documents_[4]}));
  EXPECT_NE(Terms(4), "none");
  EXPECT_EQ(Terms(2), "none");
  ASSERT_OK_AND_ASSIGN(const auto key, collection_->FindKey("d2"));
  EXPECT_EQ(Terms(*key), "none");
  ASSERT_OK(collection_->Delete(std::vector<std::string>{"d0"}).status());
  EXPECT_EQ(Terms(0), "none");
  EXPECT_EQ(Totals().documents, 3u);

  const TermTotals totals = Totals();
  Open();
  EXPECT_EQ(Totals(), totals);
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(path_, Repair::kNone, pool_));
  EXPECT_EQ(report.problems, 0u) << report.examples.front();
  EXPECT_EQ(report.with_terms, 3u);
}

TEST_F(TermsTest, AreAddedToDocumentsThatAreThere) {
  Open();
  Fill();
  const std::string fresh = MadeTerms(random_, 2), other = MadeTerms(random_, 8);
  const Checkpoint checkpoint{.name = "terms", .state = "7"};
  ASSERT_OK(collection_->PutTerms(std::vector<DocumentTerms>{{1, fresh}, {4, other}, {77, other}},
                                  &checkpoint));
  EXPECT_EQ(Terms(1), fresh);
  EXPECT_EQ(Terms(4), other);
  EXPECT_EQ(Terms(77), "none");
  EXPECT_EQ(Totals().documents, 6u);
  EXPECT_EQ(Totals().terms, 3u + 5 + 8 + 9 + 11 + 2);
  ASSERT_OK_AND_ASSIGN(const auto state, collection_->ReadCheckpoint("terms"));
  EXPECT_EQ(state, "7");
  const uint64_t sequence = collection_->Info()->sequence;
  ASSERT_OK(collection_->PutTerms(std::vector<DocumentTerms>{{1, fresh}}));
  EXPECT_EQ(collection_->Info()->sequence, sequence) << "a change that changes nothing";
}

TEST_F(TermsTest, WhatTheSchemaDoesNotSayIsRefused) {
  Open();
  EmbeddedDocument document = MadeDocuments(0, 1, kDimension)[0];
  const auto refusal = [&](const std::string& terms) {
    document.terms = terms;
    const absl::Status put = collection_->Put({&document, 1});
    const DocumentTerms same{.key = 0, .terms = terms};
    EXPECT_EQ(collection_->PutTerms({&same, 1}).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(put.code(), absl::StatusCode::kInvalidArgument);
    return std::string(base::Message(put));
  };
  EXPECT_THAT(refusal("x"), HasSubstr("document \"d0\": stored terms: too short"));
  EXPECT_THAT(refusal(MadeTerms(random_, 2, encoder::TermFormat::kInt8)),
              HasSubstr("terms as int8, and the collection keeps fp16"));
  EXPECT_THAT(refusal(MadeTerms(random_, 2) + "x"), HasSubstr("bytes for 2 terms"));
  Open(MadeSchema(kDimension));  // The schema on the disk counts:
  document.terms = MadeTerms(random_, 2);
  ASSERT_OK(collection_->Put({&document, 1}));
}

TEST_F(TermsTest, ACollectionMadeWithoutThemKeepsThemFromWhenItIsAsked) {
  Open(MadeSchema(kDimension));
  EmbeddedDocument document = MadeDocuments(0, 1, kDimension)[0];
  document.terms = MadeTerms(random_, 2);
  EXPECT_THAT(base::Message(collection_->Put({&document, 1})),
              HasSubstr("terms, and the collection keeps none"));
  Open();
  ASSERT_OK(collection_->Put({&document, 1}));
  collection_.reset();
  ASSERT_OK_AND_ASSIGN(const auto reader, Collection::Open(path_));
  EXPECT_EQ(reader->schema().terms->model_fingerprint, MadeTermSchema().model_fingerprint);

  CollectionSchema other = SchemaWithTerms();
  other.terms->model_fingerprint = "00112233445566778899aabbccddeeff";
  other.terms->model_name = "u";
  const absl::Status model = Collection::OpenOrCreate(path_, other).status();
  EXPECT_EQ(model.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(base::Message(model), HasSubstr("keeps terms of model t, layer 6 (fingerprint "
                                              "fedcba9876543210fedcba9876543210), not of u"));
  other = SchemaWithTerms();
  other.terms->format = encoder::TermFormat::kInt8;
  EXPECT_THAT(base::Message(Collection::OpenOrCreate(path_, other).status()),
              HasSubstr("keeps terms as fp16, not as int8"));
}

TEST_F(TermsTest, ACollectionOfBeforeThereWereAnyIsReadAndTakesThem) {
  Open(MadeSchema(kDimension));
  ASSERT_OK(collection_->Put(MadeDocuments(0, 10, kDimension)));
  ASSERT_OK_AND_ASSIGN(const std::string digest, collection_->Digest());
  collection_.reset();
  testing::DropFamily(path_ / "store", "terms");
  {
    ASSERT_OK_AND_ASSIGN(const auto reader, Collection::Open(path_));
    ASSERT_OK_AND_ASSIGN(const auto terms, reader->GetTerms(3));
    EXPECT_FALSE(terms.has_value());
    ASSERT_OK_AND_ASSIGN(const std::string same, reader->Digest());
    EXPECT_EQ(same, digest);
    EXPECT_EQ(reader->Scan(std::nullopt, 100)->size(), 10u);
  }
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(path_, Repair::kNone, pool_));
  EXPECT_EQ(report.problems, 0u) << report.examples.front();
  Open();
  const std::string terms = MadeTerms(random_, 4);
  ASSERT_OK(collection_->PutTerms(std::vector<DocumentTerms>{{3, terms}}));
  EXPECT_EQ(Terms(3), terms);
}

// The families that were always there do not come back empty.
TEST_F(TermsTest, AStoreWithoutAnotherFamilyIsDamaged) {
  Open();
  Fill();
  collection_.reset();
  testing::DropFamily(path_ / "store", "terms");
  testing::DropFamily(path_ / "store", "vectors");
  EXPECT_FALSE(Collection::Open(path_).ok());
  EXPECT_FALSE(Collection::Open(path_, {.access = Access::kWrite}).ok());
}

TEST_F(TermsTest, TravelInSnapshots) {
  Open();
  Fill();
  ASSERT_OK_AND_ASSIGN(const std::string digest, collection_->Digest());
  const auto snapshot = folder_.path() / "s", restored = folder_.path() / "r";
  ASSERT_OK(collection_->Snapshot(snapshot));
  ASSERT_OK(Restore(snapshot, restored, pool_));
  ASSERT_OK_AND_ASSIGN(const auto copy, Collection::Open(restored));
  ASSERT_OK_AND_ASSIGN(const auto terms, copy->GetTerms(6));
  EXPECT_EQ(terms, documents_[6].terms);
  ASSERT_OK_AND_ASSIGN(const std::string same, copy->Digest());
  EXPECT_EQ(same, digest);
  ASSERT_OK(collection_->PutTerms(std::vector<DocumentTerms>{{6, MadeTerms(random_, 4)}}));
  ASSERT_OK_AND_ASSIGN(const std::string changed, collection_->Digest());
  EXPECT_NE(changed, digest);
}

TEST_F(TermsTest, VerifyFindsWhatIsAmissAndPutsItOutOfTheWay) {
  Open();
  Fill();
  const std::string good = EncodeTerms(0, {3, documents_[0].terms});
  struct Case {
    std::string problem;
    std::function<void(const Store&, StoreBatch&)> change;
    uint64_t left;
  };
  for (const Case& one : std::vector<Case>{
           {"terms of document 44: unknown",
            [&](const Store&, StoreBatch& batch) {
              batch.Put(Family::kTerms, EncodeKey(44), EncodeTerms(44, {3, documents_[0].terms}));
            },
            5},
           {"terms of document 1: not of their checksum",
            [&](const Store&, StoreBatch& batch) { batch.Put(Family::kTerms, EncodeKey(1), good); },
            5},
           {"terms of document 2: 5 terms, its record says 4",
            [&](const Store&, StoreBatch& batch) {
              batch.Put(Family::kTerms, EncodeKey(2), EncodeTerms(2, {4, documents_[2].terms}));
            },
            4},
           {"totals: 30 terms of 4 documents",
            [](const Store&, StoreBatch& batch) { batch.Delete(Family::kTerms, EncodeKey(8)); },
            3}}) {
    SCOPED_TRACE(one.problem);
    Change(one.change);
    ASSERT_OK_AND_ASSIGN(const VerifyReport found, Verify(path_, Repair::kNone, pool_));
    EXPECT_FALSE(found.clean());
    EXPECT_THAT(found.examples, ::testing::Contains(HasSubstr(one.problem)));
    ASSERT_OK_AND_ASSIGN(const VerifyReport repaired, Verify(path_, Repair::kDerivable, pool_));
    EXPECT_TRUE(repaired.clean());
    ASSERT_OK_AND_ASSIGN(const VerifyReport after, Verify(path_, Repair::kNone, pool_));
    EXPECT_EQ(after.problems, 0u) << after.examples.front();
    EXPECT_EQ(after.with_terms, one.left);
    ASSERT_OK_AND_ASSIGN(collection_, Collection::Open(path_));
    EXPECT_EQ(Totals().documents, one.left);
  }
}

}  // namespace
}  // namespace gannet::indexer
