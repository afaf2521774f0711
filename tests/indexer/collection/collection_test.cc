#include "indexer/collection.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <thread>

#include "base/status.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using testing::TemporaryFolder;

const CollectionSchema kSchema{.model_folder = "/models/m",
                               .model_name = "m",
                               .model_fingerprint = "aaaa",
                               .model_options = {},
                               .dimension = 2,
                               .similarity = encoder::Similarity::kCosine};

Document Doc(const std::string& id) { return {id, "title of " + id, "text", R"({"n":1})"}; }

// Documents of one passage each; `vectors` is [documents, 2].
std::vector<EmbeddedDocument> Embedded(std::span<const Document> documents,
                                       std::vector<float> vectors) {
  std::vector<EmbeddedDocument> embedded;
  for (size_t i = 0; i < documents.size(); ++i) {
    const auto begin = vectors.begin() + static_cast<ptrdiff_t>(2 * i);
    const auto end = std::min(begin + 2, vectors.end());
    embedded.push_back(
        {.document = documents[i], .passages = {Passage()}, .vectors = {begin, end}});
  }
  return embedded;
}

std::vector<EmbeddedDocument> Embedded(const Document& document, std::vector<float> vectors) {
  return Embedded({&document, 1}, std::move(vectors));
}

absl::StatusOr<std::vector<ScoredDocument>> Find(const Collection& collection,
                                                 const std::vector<float>& query, size_t k) {
  GANNET_ASSIGN_OR_RETURN(SearchAnswer answer, collection.Search(query, {.k = k}));
  return std::move(answer.documents);
}

TEST(CollectionTest, ThereIsNoneInAnEmptyFolder) {
  const TemporaryFolder folder;
  EXPECT_EQ(Collection::Open(folder.path()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Collection::Open(folder.path() / "absent").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "absent"));
}

TEST(CollectionTest, AnswersTheSameWhenOpenedAgain) {
  const TemporaryFolder folder;
  const std::vector<Document> documents = {Doc("b"), Doc("a"), Doc("c")};
  std::vector<ScoredDocument> before;
  {
    ASSERT_OK_AND_ASSIGN(const auto collection, Collection::OpenOrCreate(folder.path(), kSchema));
    ASSERT_OK(collection->Put(Embedded(documents, {1, 0, 0, 1, 3, 4})));
    ASSERT_OK_AND_ASSIGN(before, Find(*collection, std::vector<float>{1, 1}, 3));
  }
  ASSERT_OK_AND_ASSIGN(const auto collection, Collection::Open(folder.path()));
  EXPECT_EQ(collection->size(), 3u);
  EXPECT_EQ(collection->schema().model_fingerprint, "aaaa");
  EXPECT_EQ(collection->schema().model_folder, "/models/m");
  ASSERT_OK_AND_ASSIGN(const auto after, Find(*collection, std::vector<float>{1, 1}, 3));
  ASSERT_EQ(after.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(after[i].key, before[i].key);
    EXPECT_EQ(after[i].score, before[i].score);
  }
  ASSERT_OK_AND_ASSIGN(const Document best, collection->Get(after[0].key));
  EXPECT_EQ(best, documents[2]);
  ASSERT_OK_AND_ASSIGN(const std::string id, collection->GetId(after[0].key));
  EXPECT_EQ(id, "c");
  EXPECT_FALSE(collection->Put(Embedded(documents, std::vector<float>(6))).ok())
      << "opened for reading";
}

TEST(CollectionTest, CosineIsTheProductOfUnitVectorsAndDotIsNot) {
  const TemporaryFolder folder;
  for (const auto similarity : {encoder::Similarity::kCosine, encoder::Similarity::kDot}) {
    CollectionSchema schema = kSchema;
    schema.similarity = similarity;
    ASSERT_OK_AND_ASSIGN(
        const auto collection,
        Collection::OpenOrCreate(folder.path() / encoder::SimilarityName(similarity), schema));
    ASSERT_OK(collection->Put(Embedded(Doc("a"), {3, 4})));
    ASSERT_OK_AND_ASSIGN(const auto found, Find(*collection, std::vector<float>{0, 2}, 1));
    EXPECT_FLOAT_EQ(found[0].score, similarity == encoder::Similarity::kDot ? 8.0F : 0.8F);
  }
}

TEST(CollectionTest, AKnownIdIsReplacedUnderItsKey) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const auto collection, Collection::OpenOrCreate(folder.path(), kSchema));
  ASSERT_OK(collection->Put(Embedded(std::vector<Document>{Doc("a"), Doc("b")}, {1, 0, 0, 1})));
  Document changed = Doc("a");
  changed.text = "changed";
  ASSERT_OK_AND_ASSIGN(const bool same, collection->Contains(Doc("a")));
  EXPECT_TRUE(same);
  ASSERT_OK_AND_ASSIGN(const bool contains_changed, collection->Contains(changed));
  EXPECT_FALSE(contains_changed);
  ASSERT_OK(collection->Put(Embedded(changed, {0, -1})));
  EXPECT_EQ(collection->size(), 2u);
  ASSERT_OK_AND_ASSIGN(const auto found, Find(*collection, std::vector<float>{0, -1}, 1));
  ASSERT_OK_AND_ASSIGN(const Document document, collection->Get(found[0].key));
  EXPECT_EQ(document, changed);
}

TEST(CollectionTest, AnIdTwiceInOneBatchKeepsTheLast) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const auto collection, Collection::OpenOrCreate(folder.path(), kSchema));
  Document second = Doc("a");
  second.text = "second";
  ASSERT_OK(collection->Put(Embedded(std::vector<Document>{Doc("a"), second}, {1, 0, 0, 1})));
  EXPECT_EQ(collection->size(), 1u);
  ASSERT_OK_AND_ASSIGN(const auto found, Find(*collection, std::vector<float>{0, 1}, 5));
  ASSERT_EQ(found.size(), 1u);
  ASSERT_OK_AND_ASSIGN(const Document document, collection->Get(found[0].key));
  EXPECT_EQ(document.text, "second");
}

TEST(CollectionTest, AnotherModelIsRefusedNamingBoth) {
  const TemporaryFolder folder;
  ASSERT_OK(Collection::OpenOrCreate(folder.path(), kSchema).status());
  CollectionSchema other = kSchema;
  other.model_name = "other";
  other.model_fingerprint = "bbbb";
  const absl::Status status = Collection::OpenOrCreate(folder.path(), other).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  for (const char* part : {"aaaa", "bbbb", "other"}) {
    EXPECT_NE(base::Message(status).find(part), std::string_view::npos) << status;
  }
}

TEST(CollectionTest, ASecondWriterIsRefusedAndReadersAreNot) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const auto writer, Collection::OpenOrCreate(folder.path(), kSchema));
  ASSERT_OK(writer->Put(Embedded(Doc("a"), {1, 0})));
  const absl::Status second = Collection::OpenOrCreate(folder.path(), kSchema).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable) << second;
  ASSERT_OK_AND_ASSIGN(const auto reader, Collection::Open(folder.path()));
  EXPECT_EQ(reader->size(), 1u);
}

TEST(CollectionTest, WhatIsNoVectorIsRefusedAndNothingIsStored) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const auto collection, Collection::OpenOrCreate(folder.path(), kSchema));
  const std::vector<Document> documents = {Doc("good"), Doc("bad")};
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const absl::Status status = collection->Put(Embedded(documents, {1, 0, 0, value}));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(base::Message(status).find("\"bad\""), std::string_view::npos) << status;
  }
  EXPECT_FALSE(collection->Put(Embedded(documents, {1, 0, 0})).ok());
  EXPECT_EQ(collection->size(), 0u);
  ASSERT_OK_AND_ASSIGN(const bool stored, collection->Contains(documents[0]));
  EXPECT_FALSE(stored);
  EXPECT_FALSE(Find(*collection, std::vector<float>{1, 2, 3}, 1).ok());
}

TEST(CollectionTest, AFolderThatCannotBeWrittenIsNamed) {
  const TemporaryFolder folder;
  const auto file = folder.Write("file", "not a folder");
  const absl::Status status = Collection::OpenOrCreate(file / "collection", kSchema).status();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(base::Message(status).find(file.string()), std::string_view::npos) << status;
}

TEST(CollectionTest, AFlippedBitInTheStoreIsNoticed) {
  const TemporaryFolder folder;
  {
    ASSERT_OK_AND_ASSIGN(const auto collection, Collection::OpenOrCreate(folder.path(), kSchema));
    ASSERT_OK(collection->Put(Embedded(Doc("a"), {1, 0})));
  }
  bool found = false;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (!entry.is_regular_file()) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), {});
    const size_t at = content.find("title of a");
    if (at == std::string::npos) continue;
    found = true;
    file.clear();
    file.seekp(static_cast<std::streamoff>(at));
    file.put('T');
  }
  ASSERT_TRUE(found);
  ASSERT_OK_AND_ASSIGN(const auto reading, Collection::Open(folder.path()));
  EXPECT_EQ(reading->Get(0).status().code(), absl::StatusCode::kDataLoss);
}

TEST(CollectionTest, SearchesRunBesideAWriter) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const auto collection, Collection::OpenOrCreate(folder.path(), kSchema));
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) {
      const absl::Status put = collection->Put(
          Embedded(Doc("d" + std::to_string(i)),
                   {std::cos(static_cast<float>(i)), std::sin(static_cast<float>(i))}));
      EXPECT_TRUE(put.ok()) << put;
    }
  });
  size_t last = 0;
  while (last < 50) {
    ASSERT_OK_AND_ASSIGN(const auto found, Find(*collection, std::vector<float>{1, 0}, 100));
    EXPECT_GE(found.size(), last);
    last = found.size();
  }
  writer.join();
}

}  // namespace
}  // namespace gannet::indexer
