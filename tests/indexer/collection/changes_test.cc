#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/filter/filter.h"
#include "tests/indexer/collection/made_documents.h"
#include "tests/testing/shared_data.h"

// What changes do to a collection's documents.
namespace gannet::indexer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr size_t kDimension = 2;

EmbeddedDocument Doc(const std::string& id, std::vector<float> vectors = {1, 0},
                     const std::string& metadata = "{}") {
  return MadeDocument(id, "text of " + id, metadata, std::move(vectors), kDimension);
}

class ChangesTest : public ::testing::Test {
 protected:
  void SetUp() override { Open({.access = Access::kWrite}); }

  void Open(const CollectionOptions& options) {
    collection_.reset();
    ASSERT_OK_AND_ASSIGN(collection_, Collection::OpenOrCreate(folder_.path() / "c",
                                                               MadeSchema(kDimension), options));
  }

  DocumentKey KeyOf(const std::string& id) const {
    const auto key = collection_->FindKey(id);
    EXPECT_TRUE(key.ok() && key->has_value()) << id;
    return key.ok() ? key->value_or(999) : 999;
  }

  std::vector<std::string> Found(const std::vector<float>& query, size_t k,
                                 const Filter* filter = nullptr) const {
    const auto answer = collection_->Search(query, {.k = k, .filter = filter});
    EXPECT_TRUE(answer.ok()) << answer.status();
    std::vector<std::string> ids;
    for (const ScoredDocument& document : answer->documents) {
      ids.push_back(*collection_->GetId(document.key));
    }
    return ids;
  }

  const TemporaryFolder folder_;
  base::ThreadPool pool_{1};
  std::unique_ptr<Collection> collection_;
};

TEST_F(ChangesTest, OtherContentGetsANewKeyAndOtherMetadataDoesNot) {
  ASSERT_OK(collection_->Put(std::vector{Doc("a"), Doc("b")}));
  EXPECT_EQ(KeyOf("a"), 0u);
  ASSERT_OK(collection_->Put(std::vector{Doc("a", {1, 0}, R"({"x":1})")}));
  EXPECT_EQ(KeyOf("a"), 0u);
  ASSERT_OK_AND_ASSIGN(const Document other_metadata, collection_->Get(0));
  EXPECT_EQ(other_metadata.metadata_json, R"({"x":1})");
  EXPECT_EQ(collection_->next_key(), 2u);

  EmbeddedDocument other_text = Doc("a");
  other_text.document.text = "other";
  ASSERT_OK(collection_->Put(std::vector{other_text}));
  EXPECT_EQ(KeyOf("a"), 2u);
  EXPECT_EQ(collection_->Get(0).status().code(), absl::StatusCode::kNotFound);
  ASSERT_OK(collection_->Put(std::vector{Doc("b", {0, 1})}));
  EXPECT_EQ(KeyOf("b"), 3u);
  EmbeddedDocument other_span = Doc("b", {0, 1});
  other_span.passages[0].tokens = 9;
  ASSERT_OK(collection_->Put(std::vector{other_span}));
  EXPECT_EQ(KeyOf("b"), 4u);
  EXPECT_EQ(collection_->size(), 2u);
}

TEST_F(ChangesTest, WhatDiffersInNothingIsNoChange) {
  ASSERT_OK(collection_->Put(std::vector{Doc("a")}));
  ASSERT_OK_AND_ASSIGN(const CollectionInfo before, collection_->Info());
  ASSERT_OK(collection_->Put(std::vector{Doc("a")}));
  ASSERT_OK(collection_->Put({}));
  ASSERT_OK_AND_ASSIGN(const uint64_t deleted, collection_->Delete(std::vector<std::string>{"z"}));
  EXPECT_EQ(deleted, 0u);
  ASSERT_OK(collection_->UpdateMetadata("a", "{}"));
  ASSERT_OK_AND_ASSIGN(const CollectionInfo after, collection_->Info());
  EXPECT_EQ(after.sequence, before.sequence);
}

TEST_F(ChangesTest, DocumentsAreFoundByTheirBestPassage) {
  ASSERT_OK(collection_->Put(std::vector{
      Doc("far", {-1, 0}),
      Doc("long", {-1, 0, 0.6F, 0.8F, 1, 0, 0.6F, 0.8F}),
      Doc("near", {0.8F, 0.6F}),
  }));
  for (int reopened = 0; reopened < 2; ++reopened) {
    EXPECT_THAT(Found({1, 0}, 3), ElementsAre("long", "near", "far"));
    ASSERT_OK_AND_ASSIGN(const auto best, collection_->Search(std::vector<float>{1, 0}, {.k = 1}));
    EXPECT_EQ(best.documents[0].passage, 2u);
    EXPECT_FLOAT_EQ(best.documents[0].score, 1);
    ASSERT_OK_AND_ASSIGN(const auto tie,
                         collection_->Search(std::vector<float>{0.6F, 0.8F}, {.k = 1}));
    EXPECT_EQ(tie.documents[0].passage, 1u) << "the first of equal ones";
    ASSERT_OK_AND_ASSIGN(const StoredDocument stored, collection_->GetStored(KeyOf("long")));
    ASSERT_OK_AND_ASSIGN(const auto passages, collection_->GetPassages(KeyOf("long")));
    EXPECT_EQ(passages, stored.passages);
    EXPECT_EQ(collection_->GetPassages(999).status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(stored.passages.size(), 4u);
    EXPECT_EQ(stored.passages[3].first_token, 3u);
    Open({.access = Access::kWrite});
  }
}

// Documents whose many passages fill the first ranks must not hide the others.
TEST_F(ChangesTest, ManyPassagesOfOneDocumentDoNotHideTheOthers) {
  std::vector<float> many;
  for (int i = 0; i < 300; ++i) many.insert(many.end(), {1, 0});
  ASSERT_OK(collection_->Put(std::vector{Doc("many", many), Doc("b", {0.8F, 0.6F}),
                                         Doc("c", {0.6F, 0.8F}), Doc("d", {0, 1})}));
  EXPECT_THAT(Found({1, 0}, 3), ElementsAre("many", "b", "c"));
  EXPECT_THAT(Found({1, 0}, 10), ElementsAre("many", "b", "c", "d"));
}

TEST_F(ChangesTest, WhatIsDeletedIsGoneAtOnceAndStaysGone) {
  ASSERT_OK(collection_->Put(
      std::vector{Doc("a", {1, 0}), Doc("b", {0.9F, 0.1F, 0, 1}), Doc("c", {0, 1})}));
  ASSERT_OK_AND_ASSIGN(const uint64_t deleted,
                       collection_->Delete(std::vector<std::string>{"b", "none", "b"}));
  EXPECT_EQ(deleted, 1u);
  for (int reopened = 0; reopened < 2; ++reopened) {
    EXPECT_EQ(collection_->size(), 2u);
    EXPECT_THAT(Found({1, 0}, 3), ElementsAre("a", "c"));
    EXPECT_EQ(collection_->Get(1).status().code(), absl::StatusCode::kNotFound);
    ASSERT_OK_AND_ASSIGN(const auto key, collection_->FindKey("b"));
    EXPECT_FALSE(key.has_value());
    Open({.access = Access::kWrite});
  }
  ASSERT_OK(collection_->Put(std::vector{Doc("b")}));
  EXPECT_EQ(KeyOf("b"), 3u) << "keys are not used again";
}

TEST_F(ChangesTest, FiltersChooseWhatIsFoundCountedAndDeleted) {
  ASSERT_OK(collection_->Put(MadeDocuments(0, 40, kDimension)));
  ASSERT_OK_AND_ASSIGN(const Filter small, Filter::Parse(R"({"field":"number","lt":5})"));
  ASSERT_OK_AND_ASSIGN(const uint64_t count, collection_->Count(small));
  EXPECT_EQ(count, 5u);
  EXPECT_EQ(Found({1, 0}, 40, &small).size(), 5u);
  ASSERT_OK_AND_ASSIGN(const auto answer,
                       collection_->Search(std::vector<float>{1, 0}, {.k = 3, .filter = &small}));
  EXPECT_EQ(answer.documents.size(), 3u);
  EXPECT_EQ(answer.passing, 5u);
  EXPECT_EQ(answer.plan, SearchPlan::kExact);

  ASSERT_OK(collection_->UpdateMetadata("d2", R"({"number":100})"));
  ASSERT_OK(collection_->UpdateMetadata("d30", R"({"number":-3.5})"));
  ASSERT_OK_AND_ASSIGN(const uint64_t deleted, collection_->DeleteWhere(small));
  EXPECT_EQ(deleted, 5u);
  EXPECT_EQ(collection_->size(), 35u);
  EXPECT_TRUE(Found({1, 0}, 40, &small).empty());
  Open({.access = Access::kWrite});
  EXPECT_EQ(collection_->size(), 35u);
  ASSERT_OK_AND_ASSIGN(const auto d2, collection_->FindKey("d2"));
  EXPECT_TRUE(d2.has_value());
  ASSERT_OK_AND_ASSIGN(const auto d30, collection_->FindKey("d30"));
  EXPECT_FALSE(d30.has_value());
}

TEST_F(ChangesTest, MetadataIsPatchedByRfc7396) {
  ASSERT_OK(collection_->Put(
      std::vector{Doc("a", {1, 0}, R"({"keep":1,"drop":2,"deep":{"x":1,"y":2}})")}));
  ASSERT_OK(collection_->UpdateMetadata("a", R"({"drop":null,"deep":{"y":[3]},"new":"n"})"));
  ASSERT_OK_AND_ASSIGN(const Document document, collection_->Get(0));
  EXPECT_EQ(document.metadata_json, R"({"deep":{"x":1,"y":[3]},"keep":1,"new":"n"})");
  EXPECT_EQ(document.text, "text of a");
  EXPECT_EQ(collection_->UpdateMetadata("a", "[1]").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(collection_->UpdateMetadata("a", "{").code(), absl::StatusCode::kInvalidArgument);
  const absl::Status unknown = collection_->UpdateMetadata("zz", "{}");
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(base::Message(unknown)), HasSubstr("\"zz\""));
}

TEST_F(ChangesTest, ScansGoOnBehindAKey) {
  ASSERT_OK(collection_->Put(MadeDocuments(0, 10, kDimension)));
  ASSERT_OK(collection_->Delete(std::vector<std::string>{"d4"}).status());
  std::vector<std::string> ids;
  std::optional<DocumentKey> after;
  for (;;) {
    ASSERT_OK_AND_ASSIGN(const auto page, collection_->Scan(after, 4));
    if (page.empty()) break;
    EXPECT_LE(page.size(), 4u);
    for (const auto& scanned : page) ids.push_back(scanned.document.id);
    after = page.back().key;
  }
  EXPECT_THAT(ids, ElementsAre("d0", "d1", "d2", "d3", "d5", "d6", "d7", "d8", "d9"));
  ASSERT_OK_AND_ASSIGN(const auto none, collection_->Scan(std::nullopt, 0));
  EXPECT_TRUE(none.empty());
  ASSERT_OK_AND_ASSIGN(const auto behind, collection_->Scan(~DocumentKey{0}, 5));
  EXPECT_TRUE(behind.empty());
}

TEST_F(ChangesTest, KeysThatDocumentsBringMustAscend) {
  std::vector<EmbeddedDocument> documents = {Doc("a"), Doc("b"), Doc("c")};
  documents[0].key = 100;
  documents[1].key = 105;
  ASSERT_OK(collection_->Put(documents));
  EXPECT_EQ(KeyOf("b"), 105u);
  EXPECT_EQ(KeyOf("c"), 106u);
  EXPECT_EQ(collection_->next_key(), 107u);
  for (const DocumentKey key : {DocumentKey{0}, DocumentKey{106}}) {
    std::vector<EmbeddedDocument> late = {Doc("x"), Doc("y")};
    late[1].key = key;
    const absl::Status refused = collection_->Put(late);
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(base::Message(refused)), HasSubstr("\"y\": key"));
  }
  EXPECT_EQ(collection_->size(), 3u) << "nothing of a refused batch stays";
  EXPECT_EQ(collection_->next_key(), 107u);
  std::vector<EmbeddedDocument> high = {Doc("x")};
  high[0].key = kMaxDocumentKey + 1;
  EXPECT_EQ(collection_->Put(high).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ChangesTest, CheckpointsAreWrittenWithWhatTheyStandFor) {
  const Checkpoint first{.name = "job/1", .state = "block 1"};
  ASSERT_OK(collection_->Put(std::vector{Doc("a")}, &first));
  const Checkpoint other{.name = "job/2", .state = std::string("\0x", 2)};
  ASSERT_OK(collection_->Put({}, &other));
  const Checkpoint refused{.name = "job/1", .state = "block 2"};
  std::vector<EmbeddedDocument> bad = {Doc("b")};
  bad[0].key = 0;
  EXPECT_FALSE(collection_->Put(bad, &refused).ok());
  Open({.access = Access::kWrite});
  ASSERT_OK_AND_ASSIGN(const auto state, collection_->ReadCheckpoint("job/1"));
  EXPECT_EQ(state, "block 1");
  ASSERT_OK_AND_ASSIGN(const auto bytes, collection_->ReadCheckpoint("job/2"));
  EXPECT_EQ(bytes, other.state);
  ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection_->Info());
  EXPECT_THAT(info.checkpoints, ElementsAre("job/1", "job/2"));
  const Checkpoint removed{.name = "job/1", .state = ""};
  ASSERT_OK(collection_->Put({}, &removed));
  ASSERT_OK_AND_ASSIGN(const auto gone, collection_->ReadCheckpoint("job/1"));
  EXPECT_FALSE(gone.has_value());
}

TEST_F(ChangesTest, WhatCannotBeStoredIsRefusedByName) {
  std::vector<std::pair<EmbeddedDocument, std::string>> refused;
  refused.emplace_back(Doc(""), "empty id");
  refused.emplace_back(Doc("none", {}), "\"none\": 0 passages");
  refused.emplace_back(Doc("short", {1, 0}), "\"short\": 1 passages with 1 vector values");
  refused.back().first.vectors.pop_back();
  refused.emplace_back(Doc("nan", {1, NAN}), "\"nan\": vector 0: value 1");
  refused.emplace_back(Doc("list", {1, 0}, "[1]"), "\"list\": ");
  refused.emplace_back(Doc("json", {1, 0}, "{\"a\":"), "\"json\": ");
  refused.emplace_back(Doc(std::string(70'000, 'i')), "an id of 70000 bytes");
  refused.emplace_back(Doc("many", std::vector<float>(2 * (kMaxPassages + 1), 1)),
                       "\"many\": 65537 passages");
  for (const auto& [document, expected] : refused) {
    const absl::Status status = collection_->Put(std::vector{Doc("good"), document});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << expected;
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(expected));
  }
  EXPECT_EQ(collection_->size(), 0u);
}

TEST_F(ChangesTest, StoredDocumentsMoveBetweenCollectionsByteForByte) {
  for (const VectorFormat format :
       {VectorFormat::kFp32, VectorFormat::kFp16, VectorFormat::kInt8}) {
    const auto schema = MadeSchema(kDimension, format);
    const auto name = std::string(VectorFormatName(format));
    ASSERT_OK_AND_ASSIGN(const auto whole,
                         Collection::OpenOrCreate(folder_.path() / (name + "whole"), schema));
    ASSERT_OK_AND_ASSIGN(const auto half,
                         Collection::OpenOrCreate(folder_.path() / (name + "half"), schema));
    ASSERT_OK_AND_ASSIGN(const auto merged,
                         Collection::OpenOrCreate(folder_.path() / (name + "merged"), schema));
    std::vector<EmbeddedDocument> documents = MadeDocuments(0, 30, kDimension);
    for (size_t i = 0; i < documents.size(); ++i) {
      documents[i].key = 10 + i;
      ASSERT_OK(whole->Put({&documents[i], 1}));
      ASSERT_OK((i % 2 == 0 ? half : merged)->Put({&documents[i], 1}));
    }
    // Two shards into a third collection, by key.
    ASSERT_OK_AND_ASSIGN(const auto target,
                         Collection::OpenOrCreate(folder_.path() / (name + "target"), schema));
    for (DocumentKey key = 10; key < 40; ++key) {
      ASSERT_OK_AND_ASSIGN(const StoredDocument stored,
                           (key % 2 == 0 ? half : merged)->GetStored(key));
      ASSERT_OK(target->PutStored({&stored, 1}));
    }
    ASSERT_OK_AND_ASSIGN(const std::string expected, whole->Digest());
    ASSERT_OK_AND_ASSIGN(const std::string digest, target->Digest());
    EXPECT_EQ(digest, expected) << name;
    ASSERT_OK_AND_ASSIGN(StoredDocument damaged, whole->GetStored(12));
    damaged.vectors.pop_back();
    EXPECT_EQ(target->PutStored({&damaged, 1}).code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(ChangesTest, EveryFormatAnswersTheSameWhenOpenedAgain) {
  for (const VectorFormat format :
       {VectorFormat::kFp32, VectorFormat::kFp16, VectorFormat::kInt8}) {
    const auto path = folder_.path() / std::string(VectorFormatName(format));
    const std::vector<float> query = {0.3F, 0.7F};
    std::vector<ScoredDocument> before;
    {
      ASSERT_OK_AND_ASSIGN(const auto collection,
                           Collection::OpenOrCreate(path, MadeSchema(kDimension, format),
                                                    {.access = Access::kWrite, .seal_rows = 20}));
      ASSERT_OK(collection->Put(MadeDocuments(0, 25, kDimension)));
      ASSERT_OK(collection->Maintain(pool_).status());
      ASSERT_OK(collection->Put(MadeDocuments(25, 10, kDimension, 3)));
      ASSERT_OK_AND_ASSIGN(SearchAnswer answer, collection->Search(query, {.k = 35}));
      before = std::move(answer.documents);
    }
    ASSERT_EQ(before.size(), 35u);
    ASSERT_OK_AND_ASSIGN(const auto collection, Collection::Open(path));
    ASSERT_OK_AND_ASSIGN(const SearchAnswer after, collection->Search(query, {.k = 35}));
    for (size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(after.documents[i].key, before[i].key);
      EXPECT_EQ(after.documents[i].score, before[i].score);
    }
  }
}

TEST_F(ChangesTest, OtherFormatsAndIndexesAreRefusedNamingBoth) {
  collection_.reset();
  const auto path = folder_.path() / "c";
  const absl::Status format =
      Collection::OpenOrCreate(path, MadeSchema(kDimension, VectorFormat::kInt8)).status();
  EXPECT_EQ(format.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::Message(format)), HasSubstr("fp32, not as int8"));
  const absl::Status index =
      Collection::OpenOrCreate(path, MadeSchema(kDimension, VectorFormat::kFp32, "Flat")).status();
  EXPECT_EQ(index.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::Message(index)), HasSubstr("\"\", not \"Flat\""));
  CollectionSchema truncated = MadeSchema(kDimension);
  truncated.long_text.strategy = encoder::LongTextOptions::Strategy::kTruncate;
  const absl::Status long_text = Collection::OpenOrCreate(path, truncated).status();
  EXPECT_EQ(long_text.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::Message(long_text)),
              HasSubstr("long texts as windows, not as truncated"));
  for (const auto& [name, expected] :
       {std::pair<std::string, std::string>{"HNSW1", "HNSW1"},
        {"IVF16,PQ3", "PQ of 3 blocks does not divide dimension 2"}}) {
    const absl::Status unknown =
        Collection::OpenOrCreate(folder_.path() / "new",
                                 MadeSchema(kDimension, VectorFormat::kFp32, name))
            .status();
    EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument) << unknown;
    EXPECT_THAT(std::string(base::Message(unknown)), HasSubstr(expected));
  }
  EXPECT_EQ(Collection::OpenOrCreate(path, MadeSchema(kDimension), {.access = Access::kRead})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ChangesTest, WritersThatComeTogetherEachGetTheirOwnAnswer) {
  constexpr int kThreads = 4, kEach = 40;
  std::vector<std::thread> threads;
  std::vector<int> refused(kThreads, 0);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        EmbeddedDocument document = Doc("t" + std::to_string(t) + "-" + std::to_string(i));
        if (i % 4 == 3) document.key = 0;  // Used already.
        refused[t] += collection_->Put({&document, 1}).ok() ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(*std::max_element(refused.begin(), refused.end()), kEach / 4);
  EXPECT_EQ(collection_->size(), static_cast<uint64_t>(kThreads * kEach * 3 / 4));
  Open({.access = Access::kWrite});
  EXPECT_EQ(collection_->size(), static_cast<uint64_t>(kThreads * kEach * 3 / 4));
  for (int t = 0; t < kThreads; ++t) EXPECT_EQ(refused[t], kEach / 4);
}

}  // namespace
}  // namespace gannet::indexer
