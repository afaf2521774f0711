#include "indexer/job/index_job.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/status.h"
#include "tests/indexer/job/ledger_collection.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/word_embedder.h"

namespace gannet::indexer {
namespace {

using ::testing::HasSubstr;
using testing::LedgerCollection;
using testing::TemporaryFolder;
using testing::WordEmbedder;

class IndexJobTest : public ::testing::Test {
 protected:
  // Blocks of about two documents.
  absl::StatusOr<IndexReport> Index(std::string_view corpus,
                                    BadRecordPolicy bad_records = BadRecordPolicy::kStop,
                                    Shard shard = {}) {
    return RunIndexJob(model_, collection_,
                       {.corpus = {.inputs = {folder_.Write("corpus.jsonl", corpus)}},
                        .shard = shard,
                        .bad_records = bad_records,
                        .block_tokens = 4,
                        .stop = stop_},
                       pool_);
  }

  const TemporaryFolder folder_;
  WordEmbedder model_;
  base::ThreadPool pool_{2};
  LedgerCollection collection_{CollectionSchema::Of(model_)};
  std::function<bool()> stop_;
};

constexpr std::string_view kThree =
    "{\"_id\":\"a\",\"text\":\"gull\"}\n"
    "{\"_id\":\"b\",\"text\":\"gannet\"}\n"
    "{\"_id\":\"c\",\"title\":\"north\",\"text\":\"sea\"}\n";

TEST_F(IndexJobTest, StoresEveryDocument) {
  ASSERT_OK_AND_ASSIGN(const IndexReport report, Index(kThree));
  EXPECT_EQ(report.counts.documents, 3u);
  EXPECT_EQ(report.counts.unchanged, 0u);
  EXPECT_EQ(report.counts.tokens_read, 4u);
  EXPECT_EQ(collection_.size(), 3u);
}

TEST_F(IndexJobTest, WhatIsStoredIsNotEncodedAgain) {
  ASSERT_OK(Index(kThree).status());
  ASSERT_OK_AND_ASSIGN(const IndexReport again, Index(kThree));
  EXPECT_EQ(again.counts.unchanged, 3u);
  EXPECT_EQ(model_.texts_embedded(), 3u);
  ASSERT_OK_AND_ASSIGN(const IndexReport changed,
                       Index("{\"_id\":\"a\",\"text\":\"gull\",\"year\":2}\n"));
  EXPECT_EQ(changed.counts.unchanged, 0u) << "other metadata is another document";
  EXPECT_EQ(collection_.size(), 3u);
}

TEST_F(IndexJobTest, ABadRecordStopsTheJobAfterWhatWasGood) {
  for (const auto& [bad, expected] :
       {std::pair<std::string, std::string>{"not json", "corpus.jsonl:4: not JSON"},
        {"[1,2]", "corpus.jsonl:4: expected a JSON object"},
        {"{\"text\":\"x\"}", "corpus.jsonl:4: field _id: missing"},
        {"{\"_id\":\"\"}", "corpus.jsonl:4: field _id: missing or empty"},
        {"{\"_id\":7}", "corpus.jsonl:4: field _id: expected a string, found 7"},
        {"{\"_id\":\"z\",\"text\":{}}", "corpus.jsonl:4: field text: expected a string"},
        {"{\"_id\":\"b\"}", "corpus.jsonl:4: id \"b\" was there before"},
        {std::string(50000, '[').c_str(), "corpus.jsonl:4: JSON nested more than"}}) {
    const absl::Status status = Index(std::string(kThree) + bad + "\n{\"_id\":\"d\"}\n").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(base::Message(status).find(expected), std::string_view::npos) << status;
    EXPECT_EQ(collection_.size(), 3u);
  }
}

TEST_F(IndexJobTest, BadRecordsMayBeSkippedAndAreCounted) {
  ASSERT_OK_AND_ASSIGN(const IndexReport report,
                       Index("oops\n" + std::string(kThree) + "{\"_id\":\"a\"}\n{\"_id\":\"d\"}\n",
                             BadRecordPolicy::kSkip));
  EXPECT_EQ(report.counts.documents, 4u);
  EXPECT_EQ(report.counts.skipped_records, 2u);
  ASSERT_EQ(report.counts.skipped_examples.size(), 2u);
  EXPECT_NE(report.counts.skipped_examples[0].find("corpus.jsonl:1"), std::string::npos);
  EXPECT_NE(report.counts.skipped_examples[1].find("corpus.jsonl:5"), std::string::npos);
  EXPECT_EQ(report.counts.empty_texts, 1u);
  EXPECT_EQ(collection_.size(), 4u);
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
  EXPECT_EQ(collection_.size(), 1u);
}

TEST_F(IndexJobTest, ADocumentThatCannotBeEmbeddedMayBeSkippedAndIsCounted) {
  ASSERT_OK_AND_ASSIGN(const IndexReport report, Index(kOneUnspeakable, BadRecordPolicy::kSkip));
  EXPECT_EQ(report.counts.documents, 2u);
  EXPECT_EQ(report.counts.tokens_read, 2u);
  EXPECT_EQ(report.counts.skipped_records, 1u);
  ASSERT_EQ(report.counts.skipped_examples.size(), 1u);
  EXPECT_NE(report.counts.skipped_examples[0].find("corpus.jsonl:2: document \"b\""),
            std::string::npos);
  EXPECT_EQ(collection_.size(), 2u);
  ASSERT_OK_AND_ASSIGN(const bool stored, collection_.Contains({"c", "", "sea", "{}"}));
  EXPECT_TRUE(stored);
}

TEST_F(IndexJobTest, IllFormedUtf8IsReplacedAndCounted) {
  ASSERT_OK_AND_ASSIGN(const IndexReport report,
                       Index("{\"_id\":\"a\",\"text\":\"sea \xff\xfe bird\"}\n"));
  EXPECT_EQ(report.counts.replaced_sequences, 2u);
  ASSERT_OK_AND_ASSIGN(const bool stored,
                       collection_.Contains({"a", "", "sea \uFFFD\uFFFD bird", "{}"}));
  EXPECT_TRUE(stored);
}

// One document of so many words.
std::string DocumentOf(int words) {
  std::string text;
  for (int i = 0; i < words; ++i) text += fmt::format("w{} ", i);
  return fmt::format("{{\"_id\":\"a{}\",\"text\":\"{}\"}}\n", words, text);
}

TEST_F(IndexJobTest, LongTextsAreStoredInWindows) {
  ASSERT_OK_AND_ASSIGN(const IndexReport report, Index(DocumentOf(17) + DocumentOf(16)));
  EXPECT_EQ(report.counts.long_texts, 1u);
  EXPECT_EQ(report.counts.cut_texts, 0u);
  EXPECT_EQ(report.counts.windows, 3u);
  EXPECT_EQ(report.counts.tokens_total, 33u);
  EXPECT_EQ(report.counts.tokens_read, 33u);
  const EmbeddedDocument& document = collection_.documents().at(0);
  ASSERT_EQ(document.passages.size(), 2u);
  EXPECT_EQ(document.vectors.size(), 2 * model_.dimension());
  EXPECT_EQ(document.passages[0].first_token, 0u);
  EXPECT_EQ(document.passages[1].first_token + document.passages[1].tokens, 17u);
  EXPECT_EQ(document.passages[1].first_byte + document.passages[1].bytes,
            EmbeddedText(document.document).size());
  EXPECT_EQ(collection_.documents().at(1).passages.size(), 1u);
}

TEST_F(IndexJobTest, ACollectionOfTruncatedTextsCutsAndCountsThem) {
  CollectionSchema schema = CollectionSchema::Of(model_);
  schema.long_text.strategy = encoder::LongTextOptions::Strategy::kTruncate;
  collection_ = LedgerCollection(schema);
  ASSERT_OK_AND_ASSIGN(const IndexReport report, Index(DocumentOf(17)));
  EXPECT_EQ(report.counts.cut_texts, 1u);
  EXPECT_EQ(report.counts.long_texts, 0u);
  EXPECT_EQ(report.counts.tokens_total, 17u);
  EXPECT_EQ(report.counts.tokens_read, 16u);
  EXPECT_EQ(collection_.documents().at(0).passages.size(), 1u);
}

TEST_F(IndexJobTest, OptionsThatTheModelHasNoAnswerToEndTheJob) {
  CollectionSchema schema = CollectionSchema::Of(model_);
  schema.long_text = {.strategy = encoder::LongTextOptions::Strategy::kTruncate, .size = 4};
  collection_ = LedgerCollection(schema);
  EXPECT_EQ(Index(kThree).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(collection_.size(), 0u);
}

TEST_F(IndexJobTest, AnotherModelIsRefused) {
  const WordEmbedder other("f1");
  const auto input = folder_.Write("corpus.jsonl", kThree);
  EXPECT_EQ(RunIndexJob(other, collection_, {.corpus = {.inputs = {input}}}, pool_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// ---- Going on.

// Records of which some are bad, some repeat an id, some cannot be embedded and some are long.
std::string LongCorpus(int records) {
  std::string corpus;
  for (int i = 0; i < records; ++i) {
    if (i % 31 == 30) {
      corpus += "no document\n";
    } else if (i % 17 == 16) {
      corpus += fmt::format("{{\"_id\":\"d{}\",\"text\":\"again\"}}\n", i - 3);
    } else if (i % 23 == 22) {
      corpus += fmt::format("{{\"_id\":\"d{}\",\"text\":\"unspeakable\"}}\n", i);
    } else {
      std::string text = fmt::format("gull {} sea", i % 7);
      for (int w = 0; w < i % 4 * 9; ++w) text += fmt::format(" w{}", w);
      corpus += fmt::format("{{\"_id\":\"d{}\",\"text\":\"{}\",\"n\":{}}}\n", i, text, i);
    }
  }
  return corpus;
}

void ExpectSameDocuments(const LedgerCollection& a, const LedgerCollection& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [key, document] : a.documents()) {
    const auto other = b.documents().find(key);
    ASSERT_NE(other, b.documents().end()) << key;
    EXPECT_EQ(document.document, other->second.document);
    EXPECT_EQ(document.passages, other->second.passages);
    EXPECT_EQ(document.vectors, other->second.vectors);
    EXPECT_EQ(document.ordinal, other->second.ordinal);
  }
  EXPECT_EQ(a.next_key(), b.next_key());
}

TEST_F(IndexJobTest, KilledAtAnyBlockItEndsAsIfItHadNotBeen) {
  const std::string corpus = LongCorpus(300);
  ASSERT_OK_AND_ASSIGN(const IndexReport whole, Index(corpus, BadRecordPolicy::kSkip));
  const size_t embedded = model_.texts_embedded();
  const LedgerCollection undisturbed =
      std::exchange(collection_, LedgerCollection(CollectionSchema::Of(model_)));

  std::mt19937 random(4);
  int kills = 0;
  absl::StatusOr<IndexReport> report = absl::UnavailableError("not run");
  const size_t before = model_.texts_embedded();
  for (; !report.ok(); ++kills) {
    collection_.KillAfterPuts(random() % 20);
    report = Index(corpus, BadRecordPolicy::kSkip);
    ASSERT_TRUE(report.ok() || absl::IsUnavailable(report.status())) << report.status();
  }
  EXPECT_GT(kills, 5);
  ExpectSameDocuments(undisturbed, collection_);
  EXPECT_EQ(report->counts, whole.counts);
  EXPECT_GT(report->resumed_records, 0u);
  // Of each kill, no more than the block in flight is repeated.
  EXPECT_LE(model_.texts_embedded() - before, embedded + 4 * static_cast<size_t>(kills));
  EXPECT_EQ(undisturbed.published(), 1);
}

TEST_F(IndexJobTest, StopsBetweenBlocksAndGoesOn) {
  const std::string corpus = LongCorpus(100);
  ASSERT_OK(Index(corpus, BadRecordPolicy::kSkip).status());
  const LedgerCollection undisturbed =
      std::exchange(collection_, LedgerCollection(CollectionSchema::Of(model_)));
  int asked = 0;
  stop_ = [&] { return ++asked == 5; };
  ASSERT_OK_AND_ASSIGN(const IndexReport first, Index(corpus, BadRecordPolicy::kSkip));
  EXPECT_TRUE(first.stopped);
  EXPECT_GT(collection_.size(), 0u);
  EXPECT_LT(collection_.size(), undisturbed.size());
  EXPECT_EQ(collection_.published(), 0);
  stop_ = {};
  ASSERT_OK_AND_ASSIGN(const IndexReport second, Index(corpus, BadRecordPolicy::kSkip));
  EXPECT_FALSE(second.stopped);
  ExpectSameDocuments(undisturbed, collection_);
}

TEST_F(IndexJobTest, ARepairedRecordIsGoneOnFrom) {
  const std::string begin = LongCorpus(16);
  const absl::Status stopped = Index(begin + "oops\n" + std::string(kThree)).status();
  EXPECT_THAT(std::string(base::Message(stopped)), HasSubstr("corpus.jsonl:17: not JSON"));
  EXPECT_EQ(collection_.size(), 16u);
  ASSERT_OK_AND_ASSIGN(const IndexReport report,
                       Index(begin + "{\"_id\":\"x\"}\n" + std::string(kThree)));
  EXPECT_EQ(report.resumed_records, 16u);
  EXPECT_EQ(report.encoded, 4u);
  EXPECT_EQ(report.notice, "");
  EXPECT_EQ(collection_.size(), 20u);
}

TEST_F(IndexJobTest, AnInputThatChangedIsNoticedAndReadFromItsBeginning) {
  const std::string corpus = LongCorpus(16);
  EXPECT_FALSE(Index(corpus + "oops\n").ok());
  for (const auto& [from, to] :
       {std::pair<std::string, std::string>{"gull 3", "crab 3"}, {"\"d0\"", "\"first\""}}) {
    std::string changed = corpus;
    changed.replace(changed.find(from), from.size(), to);
    ASSERT_OK_AND_ASSIGN(const IndexReport report, Index(changed));
    EXPECT_THAT(report.notice, HasSubstr("has changed within the 16 records"));
    EXPECT_EQ(report.resumed_records, 0u);
    EXPECT_EQ(report.encoded, 1u) << "what is stored unchanged is not encoded again";
    EXPECT_EQ(report.counts.unchanged, 15u);
    collection_ = LedgerCollection(CollectionSchema::Of(model_));
    EXPECT_FALSE(Index(corpus + "oops\n").ok());
  }
  ASSERT_OK_AND_ASSIGN(const IndexReport shorter, Index(kThree));
  EXPECT_THAT(shorter.notice, HasSubstr("the input is not the one"));
}

TEST_F(IndexJobTest, DocumentsOfOthersSinceThenAreNoticed) {
  EXPECT_FALSE(Index(std::string(kThree) + "oops\n").ok());
  const EmbeddedDocument other{.document = {"other", "", "", "{}"},
                               .passages = {{}},
                               .vectors = std::vector<float>(64),
                               .key = std::nullopt,
                               .ordinal = 0};
  ASSERT_OK(collection_.Put({&other, 1}, nullptr));
  ASSERT_OK_AND_ASSIGN(const IndexReport report, Index(std::string(kThree) + "{\"_id\":\"d\"}\n"));
  EXPECT_THAT(report.notice, HasSubstr("added by others"));
  EXPECT_EQ(report.counts.unchanged, 3u);
  EXPECT_EQ(collection_.size(), 5u);
}

TEST_F(IndexJobTest, ALaterRunStillSeesWhatItsInputRepeats) {
  const std::string corpus = std::string(kThree) + "{\"_id\":\"b\",\"text\":\"other\"}\n";
  ASSERT_OK_AND_ASSIGN(const IndexReport first, Index(corpus, BadRecordPolicy::kSkip));
  EXPECT_EQ(first.counts.skipped_records, 1u);
  ASSERT_OK_AND_ASSIGN(const IndexReport second, Index(corpus, BadRecordPolicy::kSkip));
  EXPECT_EQ(second.counts.skipped_records, 1u);
  EXPECT_EQ(second.encoded, 0u);
  ASSERT_OK_AND_ASSIGN(const IndexReport third,
                       Index(corpus + LongCorpus(12), BadRecordPolicy::kSkip));
  EXPECT_EQ(third.counts.unchanged, 3u);
  EXPECT_EQ(third.encoded, 12u);
}

TEST_F(IndexJobTest, ShardsTakeEachRecordOnceUnderTheKeysOfTheWhole) {
  const std::string corpus = LongCorpus(200);
  ASSERT_OK_AND_ASSIGN(const IndexReport report, Index(corpus, BadRecordPolicy::kSkip));
  LedgerCollection whole =
      std::exchange(collection_, LedgerCollection(CollectionSchema::Of(model_)));
  std::map<DocumentKey, std::string> ids;
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const IndexReport shard,
                         Index(corpus, BadRecordPolicy::kSkip, {.index = i, .count = 3}));
    EXPECT_EQ(shard.counts.documents, collection_.size());
    EXPECT_GT(shard.counts.other_shards, 100u);
    for (const auto& [key, document] : collection_.documents()) ids[key] = document.document.id;
    ASSERT_OK_AND_ASSIGN(const auto state, collection_.ReadCheckpoint("index"));
    ASSERT_OK_AND_ASSIGN(const JobLedger ledger, JobLedger::Parse(*state));
    EXPECT_TRUE(ledger.finished);
    EXPECT_EQ(ledger.records, 200u);
    EXPECT_EQ(Index(corpus, BadRecordPolicy::kSkip, {.index = 0, .count = 2}).status().code(),
              absl::StatusCode::kFailedPrecondition);
    // Running it again changes nothing, not even the ledger that a merge looks at.
    ASSERT_OK(Index(corpus, BadRecordPolicy::kSkip, {.index = i, .count = 3}).status());
    ASSERT_OK_AND_ASSIGN(const auto again, collection_.ReadCheckpoint("index"));
    EXPECT_EQ(again, state);
    collection_ = LedgerCollection(CollectionSchema::Of(model_));
  }
  ASSERT_EQ(ids.size(), whole.size());
  for (const auto& [key, document] : whole.documents()) EXPECT_EQ(ids[key], document.document.id);
}

}  // namespace
}  // namespace gannet::indexer
