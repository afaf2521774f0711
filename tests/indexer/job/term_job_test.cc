#include "indexer/job/term_job.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "encoder/score/stored_terms.h"
#include "indexer/job/corpus_reader.h"
#include "indexer/job/index_job.h"
#include "indexer/job/merge_shards.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/word_embedder.h"

namespace gannet::indexer {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

// The terms of tests/data/tiny_bert, with the vectors of a simpler model.
class TermJobTest : public ::testing::Test {
 protected:
  static constexpr encoder::TermFormat kFormat = encoder::TermFormat::kInt8;

  static std::unique_ptr<const encoder::TermEncoder> OpenModel(size_t join_layer) {
    encoder::TermEncoderOptions options;
    options.join_layer = join_layer;
    options.query_slots = 5;
    return *encoder::TermEncoder::Open(testing::TestData("tiny_bert"), options);
  }

  CollectionSchema Schema() const { return CollectionSchema::Of(embedder_); }
  CollectionSchema SchemaWithTerms() const {
    CollectionSchema schema = Schema();
    schema.terms = TermSchema::Of(*model_, kFormat);
    return schema;
  }
  std::unique_ptr<Collection> Open(const std::string& name, const CollectionSchema& schema) const {
    return *Collection::OpenOrCreate(folder_.path() / name, schema, {.access = Access::kIndexing});
  }
  absl::StatusOr<IndexReport> Index(Collection& collection, const encoder::TermEncoder* terms,
                                    Shard shard = {}) {
    std::string corpus;
    for (int i = 0; i < 150; ++i) {
      corpus += fmt::format(R"({{"_id":"d{}","title":"sea {}","text":"the blue river {}"}})"
                            "\n",
                            i, i % 7, std::string(static_cast<size_t>(i % 5) * 6, 's'));
    }
    return RunIndexJob(embedder_, collection,
                       {.corpus = {.inputs = {folder_.Write("corpus.jsonl", corpus)}},
                        .shard = shard,
                        .terms = terms,
                        .block_tokens = 40},
                       pool_);
  }

  const TemporaryFolder folder_;
  testing::WordEmbedder embedder_;
  base::ThreadPool pool_{2};
  const std::unique_ptr<const encoder::TermEncoder> model_ = OpenModel(2);
};

TEST_F(TermJobTest, AnIndexJobStoresTheTermsOfEachDocument) {
  const auto collection = Open("c", SchemaWithTerms());
  ASSERT_OK(Index(*collection, model_.get()).status());
  ASSERT_OK_AND_ASSIGN(const auto documents, collection->Scan(std::nullopt, 1000));
  ASSERT_EQ(documents.size(), 150u);
  EXPECT_EQ(collection->Info()->terms.documents, 150u);
  for (const Collection::ScannedDocument& document : documents) {
    const std::string text = EmbeddedText(document.document);
    const std::string_view view = text;
    const auto expected = encoder::EncodePackedTerms(*model_, {&view, 1}, kFormat, pool_);
    ASSERT_OK_AND_ASSIGN(const auto stored, collection->GetTerms(document.key));
    ASSERT_TRUE(stored.has_value());
    EXPECT_EQ(*stored, *expected[0]) << document.key;
  }
}

TEST_F(TermJobTest, TermsAreAddedToTheVeryBytesThatTheIndexJobLeaves) {
  const auto whole = Open("whole", SchemaWithTerms());
  ASSERT_OK(Index(*whole, model_.get()).status());
  ASSERT_OK_AND_ASSIGN(const std::string digest, whole->Digest());
  ASSERT_OK(Index(*Open("added", Schema()), nullptr).status());
  uint64_t added = 0, runs = 0;
  for (bool stopped = true; stopped; ++runs) {  // Anew after each block.
    const auto collection = Open("added", SchemaWithTerms());
    size_t asked = 0;
    ASSERT_OK_AND_ASSIGN(
        const TermJobReport report,
        RunTermJob(*model_, *collection, {.stop = [&asked] { return ++asked == 2; }}, pool_));
    stopped = report.stopped;
    added += report.documents;
    EXPECT_EQ(collection->Info()->terms.documents, added);
  }
  EXPECT_GE(runs, 3u);
  EXPECT_EQ(added, 150u);  // None twice.
  const auto collection = Open("added", SchemaWithTerms());
  ASSERT_OK_AND_ASSIGN(const std::string same, collection->Digest());
  EXPECT_EQ(same, digest);
  ASSERT_OK_AND_ASSIGN(const auto checkpoint, collection->ReadCheckpoint("terms"));
  EXPECT_FALSE(checkpoint.has_value());
  ASSERT_OK_AND_ASSIGN(const TermJobReport again, RunTermJob(*model_, *collection, {}, pool_));
  EXPECT_EQ(again.documents, 0u);
}

TEST_F(TermJobTest, ShardsBecomeTheWholeWithTheirTerms) {
  const auto whole = Open("whole", SchemaWithTerms());
  ASSERT_OK(Index(*whole, model_.get()).status());
  ASSERT_OK_AND_ASSIGN(const std::string digest, whole->Digest());
  std::vector<std::filesystem::path> shards;
  for (uint32_t i = 0; i < 2; ++i) {
    const std::string name = fmt::format("shard{}", i);
    ASSERT_OK(Index(*Open(name, SchemaWithTerms()), model_.get(), {i, 2}).status());
    shards.push_back(folder_.path() / name);
  }
  ASSERT_OK(MergeShards(folder_.path() / "merged", shards, ProgressDisplay::kNone, pool_).status());
  ASSERT_OK_AND_ASSIGN(const auto merged, Collection::Open(folder_.path() / "merged"));
  ASSERT_OK_AND_ASSIGN(const std::string same, merged->Digest());
  EXPECT_EQ(same, digest);

  ASSERT_OK(Index(*Open("bare", Schema()), nullptr, {1, 2}).status());
  const absl::Status mixed =
      MergeShards(folder_.path() / "mixed", {shards[0], folder_.path() / "bare"},
                  ProgressDisplay::kNone, pool_)
          .status();
  EXPECT_THAT(base::Message(mixed), HasSubstr("its kind of terms is none"));
}

TEST_F(TermJobTest, ADocumentThatCanHaveNoneIsPassedOverAndNamed) {
  const auto collection = Open("c", SchemaWithTerms());
  std::vector<EmbeddedDocument> documents;
  for (const auto& [id, text] :
       {std::pair("a", "sea"), std::pair("b", "\xff"), std::pair("c", "")}) {
    documents.push_back({.document = {id, "", text, "{}"},
                         .passages = {{0, 1, 0, 1}},
                         .vectors = std::vector<float>(64, 0.125F)});
  }
  ASSERT_OK(collection->Put(documents));
  ASSERT_OK_AND_ASSIGN(const TermJobReport report, RunTermJob(*model_, *collection, {}, pool_));
  EXPECT_EQ(report.documents, 2u);
  EXPECT_EQ(report.without, 1u);
  ASSERT_EQ(report.examples.size(), 1u);
  EXPECT_THAT(report.examples[0], HasSubstr("document \"b\": not well-formed"));
}

TEST_F(TermJobTest, AnotherModelIsRefusedNamingBoth) {
  const auto collection = Open("c", SchemaWithTerms());
  const auto other = OpenModel(1);
  for (const absl::Status& refused : {RunTermJob(*other, *collection, {}, pool_).status(),
                                      Index(*collection, other.get()).status()}) {
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(base::Message(refused),
                HasSubstr("keeps terms of model tiny_bert, layer 2 (fingerprint " +
                          model_->fingerprint() + "), not those of tiny_bert, layer 1"));
  }
  EXPECT_THAT(base::Message(Index(*collection, nullptr).status()),
              HasSubstr("keeps terms of model tiny_bert"));
  const auto bare = Open("bare", Schema());
  EXPECT_THAT(base::Message(RunTermJob(*model_, *bare, {}, pool_).status()),
              HasSubstr("keeps no terms, not those of tiny_bert"));
}

}  // namespace
}  // namespace gannet::indexer
