#include "indexer/job/index_job.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "indexer/job/corpus_reader.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/word_embedder.h"

namespace gannet::indexer {
namespace {

using testing::TemporaryFolder;
using testing::WordEmbedder;

TEST(CorpusReaderTest, ReadsBeirLinesAndKeepsMetadata) {
  const TemporaryFolder folder;
  const auto path = folder.Write(
      "corpus.jsonl",
      "{\"_id\":\"0012\",\"title\":\"T\",\"text\":\"caf\\u00e9 \\ud83d\\ude00\",\"year\":1999,"
      "\"metadata\":{\"a\":[1]}}\r\n"
      "\n"
      "{\"_id\":\"b\",\"title\":null}");
  ASSERT_OK_AND_ASSIGN(CorpusReader reader, CorpusReader::Open(path));
  ASSERT_OK_AND_ASSIGN(const auto first, reader.Next());
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->id, "0012");
  EXPECT_EQ(first->title, "T");
  EXPECT_EQ(first->text, "caf\u00e9 \U0001F600");
  EXPECT_EQ(first->metadata_json, R"({"metadata":{"a":[1]},"year":1999})");
  ASSERT_OK_AND_ASSIGN(const auto second, reader.Next());
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->id, "b");
  EXPECT_EQ(second->title, "");
  EXPECT_EQ(second->text, "");
  EXPECT_EQ(reader.line(), 3u);
  ASSERT_OK_AND_ASSIGN(const auto end, reader.Next());
  EXPECT_FALSE(end.has_value());
}

TEST(CorpusReaderTest, AMissingFileIsNamed) {
  const absl::Status status = CorpusReader::Open("/nonexistent/corpus.jsonl").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(base::Message(status).find("/nonexistent/corpus.jsonl"), std::string_view::npos);
}

TEST(CorpusReaderTest, TitleAndTextAreJoinedAsBeirDoes) {
  EXPECT_EQ(EmbeddedText({"i", "Title", "text", "{}"}), "Title text");
  EXPECT_EQ(EmbeddedText({"i", "", "text\n", "{}"}), "text");
  EXPECT_EQ(EmbeddedText({"i", "Title", "", "{}"}), "Title");
  EXPECT_EQ(EmbeddedText({"i", "", "", "{}"}), "");
}

class IndexJobTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(collection_, Collection::OpenOrCreate(folder_.path() / "collection",
                                                               CollectionSchema::Of(model_)));
  }

  absl::StatusOr<IndexReport> Index(std::string_view corpus,
                                    BadLinePolicy bad_lines = BadLinePolicy::kStop) {
    return RunIndexJob(model_, *collection_,
                       {.input = folder_.Write("corpus.jsonl", corpus),
                        .bad_lines = bad_lines,
                        .block_documents = 2},
                       pool_);
  }

  const TemporaryFolder folder_;
  WordEmbedder model_;
  base::ThreadPool pool_{2};
  std::unique_ptr<Collection> collection_;
};

constexpr std::string_view kThree =
    "{\"_id\":\"a\",\"text\":\"gull\"}\n"
    "{\"_id\":\"b\",\"text\":\"gannet\"}\n"
    "{\"_id\":\"c\",\"title\":\"north\",\"text\":\"sea\"}\n";

TEST_F(IndexJobTest, StoresEveryDocument) {
  ASSERT_OK_AND_ASSIGN(const IndexReport report, Index(kThree));
  EXPECT_EQ(report.documents, 3u);
  EXPECT_EQ(report.unchanged, 0u);
  EXPECT_EQ(report.tokens_read, 4u);
  EXPECT_EQ(collection_->size(), 3u);
}

TEST_F(IndexJobTest, WhatIsStoredIsNotEncodedAgain) {
  ASSERT_OK(Index(kThree).status());
  ASSERT_OK_AND_ASSIGN(const IndexReport again, Index(kThree));
  EXPECT_EQ(again.unchanged, 3u);
  EXPECT_EQ(model_.texts_embedded(), 3u);
  ASSERT_OK_AND_ASSIGN(const IndexReport changed,
                       Index("{\"_id\":\"a\",\"text\":\"gull\",\"year\":2}\n"));
  EXPECT_EQ(changed.unchanged, 0u) << "other metadata is another document";
  EXPECT_EQ(collection_->size(), 3u);
}

TEST_F(IndexJobTest, ABadLineStopsTheJobAfterWhatWasGood) {
  for (const auto& [bad, expected] :
       {std::pair<std::string, std::string>{"not json", "corpus.jsonl:4: not JSON"},
        {"[1,2]", "corpus.jsonl:4: expected a JSON object"},
        {"{\"text\":\"x\"}", "corpus.jsonl:4: field _id: missing"},
        {"{\"_id\":\"\"}", "corpus.jsonl:4: field _id: missing or empty"},
        {"{\"_id\":7}", "corpus.jsonl:4: field _id: expected a string, found 7"},
        {"{\"_id\":\"z\",\"text\":{}}", "corpus.jsonl:4: field text: expected a string"},
        {"{\"_id\":\"b\"}", "corpus.jsonl:4: field _id: \"b\" was there before"},
        {std::string(50000, '[').c_str(), "corpus.jsonl:4: not JSON"}}) {
    const absl::Status status = Index(std::string(kThree) + bad + "\n{\"_id\":\"d\"}\n").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(base::Message(status).find(expected), std::string_view::npos) << status;
    EXPECT_EQ(collection_->size(), 3u);
  }
}

TEST_F(IndexJobTest, BadLinesMayBeSkippedAndAreCounted) {
  ASSERT_OK_AND_ASSIGN(const IndexReport report,
                       Index("oops\n" + std::string(kThree) + "{\"_id\":\"a\"}\n{\"_id\":\"d\"}\n",
                             BadLinePolicy::kSkip));
  EXPECT_EQ(report.documents, 4u);
  EXPECT_EQ(report.skipped_lines, 2u);
  ASSERT_EQ(report.skipped_examples.size(), 2u);
  EXPECT_NE(report.skipped_examples[0].find("corpus.jsonl:1"), std::string::npos);
  EXPECT_NE(report.skipped_examples[1].find("corpus.jsonl:5"), std::string::npos);
  EXPECT_EQ(report.empty_texts, 1u);
  EXPECT_EQ(collection_->size(), 4u);
}

constexpr std::string_view kOneUnspeakable =
    "{\"_id\":\"a\",\"text\":\"gull\"}\n"
    "{\"_id\":\"b\",\"text\":\"unspeakable\"}\n"
    "{\"_id\":\"c\",\"text\":\"sea\"}\n";

TEST_F(IndexJobTest, ADocumentThatCannotBeEmbeddedStopsTheJobAfterWhatWasGood) {
  const absl::Status status = Index(kOneUnspeakable).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(base::Message(status).find("corpus.jsonl:2: document \"b\": unspeakable"),
            std::string_view::npos)
      << status;
  EXPECT_EQ(collection_->size(), 1u);
}

TEST_F(IndexJobTest, ADocumentThatCannotBeEmbeddedMayBeSkippedAndIsCounted) {
  ASSERT_OK_AND_ASSIGN(const IndexReport report, Index(kOneUnspeakable, BadLinePolicy::kSkip));
  EXPECT_EQ(report.documents, 2u);
  EXPECT_EQ(report.tokens_read, 2u);
  EXPECT_EQ(report.skipped_lines, 1u);
  ASSERT_EQ(report.skipped_examples.size(), 1u);
  EXPECT_NE(report.skipped_examples[0].find("corpus.jsonl:2: document \"b\""), std::string::npos);
  EXPECT_EQ(collection_->size(), 2u);
  ASSERT_OK_AND_ASSIGN(const bool stored, collection_->Contains({"c", "", "sea", "{}"}));
  EXPECT_TRUE(stored);
}

TEST_F(IndexJobTest, IllFormedUtf8IsReplacedAndCounted) {
  ASSERT_OK_AND_ASSIGN(const IndexReport report,
                       Index("{\"_id\":\"a\",\"text\":\"sea \xff\xfe bird\"}\n"));
  EXPECT_EQ(report.replaced_bytes, 2u);
  ASSERT_OK_AND_ASSIGN(const bool stored,
                       collection_->Contains({"a", "", "sea \uFFFD\uFFFD bird", "{}"}));
  EXPECT_TRUE(stored);
}

TEST_F(IndexJobTest, CutTextsAreCounted) {
  std::string text;
  for (int i = 0; i < 17; ++i) text += "sea ";
  ASSERT_OK_AND_ASSIGN(const IndexReport report,
                       Index("{\"_id\":\"a\",\"text\":\"" + text + "\"}\n"));
  EXPECT_EQ(report.cut_texts, 1u);
}

TEST_F(IndexJobTest, AnotherModelIsRefused) {
  const WordEmbedder other("f1");
  const auto input = folder_.Write("corpus.jsonl", kThree);
  EXPECT_EQ(RunIndexJob(other, *collection_, {.input = input}, pool_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace gannet::indexer
