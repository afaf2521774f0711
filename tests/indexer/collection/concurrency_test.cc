#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection_files.h"
#include "indexer/filter/filter.h"
#include "tests/indexer/collection/made_documents.h"
#include "tests/testing/shared_data.h"

// Searches, changes, maintenance and snapshots at once. Built with ThreadSanitizer it also proves
// that they share nothing unguarded.
namespace gannet::indexer {
namespace {

using testing::TemporaryFolder;

constexpr size_t kDimension = 8;
constexpr size_t kWriters = 2, kDocuments = 60, kRounds = 8;

class ConcurrencyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(
        collection_, Collection::OpenOrCreate(
                         path_, MadeSchema(kDimension, VectorFormat::kFp32, "HNSW4,SQ8"),
                         {.access = Access::kWrite, .seal_rows = 50, .recall_sample_interval = 5}));
  }

  // One writer's documents of a round: their vectors say which round it is.
  static std::vector<EmbeddedDocument> Round(size_t writer, size_t round) {
    std::vector<EmbeddedDocument> documents = MadeDocuments(
        writer * kDocuments, kDocuments, kDimension, static_cast<unsigned>(100 * writer + round));
    for (EmbeddedDocument& document : documents) {
      document.document.text = "round " + std::to_string(round);
    }
    return documents;
  }

  void Write(size_t writer) {
    for (size_t round = 0; round < kRounds; ++round) {
      const auto documents = Round(writer, round);
      for (size_t i = 0; i < kDocuments; i += 20) {
        Expect(collection_->Put(std::span(documents).subspan(i, 20)));
      }
      Expect(collection_->UpdateMetadata(documents[5].document.id, R"({"touched":true})"));
      const std::vector<std::string> one = {documents[7].document.id};
      Expect(collection_->Delete(one).status());
      Expect(collection_->Put(std::span(documents).subspan(7, 1)));
    }
  }

  // Every answer has each document once, best first, and with the score of one of its vectors.
  void Search(unsigned seed) {
    std::mt19937 random(seed);
    const auto filter = Filter::Parse(R"({"field":"even","equals":true})");
    while (!done_) {
      const auto query = RandomVector(random, kDimension);
      const auto answer =
          collection_->Search(query, {.k = 15, .filter = random() % 2 == 0 ? &*filter : nullptr});
      Expect(answer.status());
      if (!answer.ok()) return;
      std::set<DocumentKey> keys;
      for (size_t i = 0; i < answer->documents.size(); ++i) {
        const ScoredDocument& document = answer->documents[i];
        if (!keys.insert(document.key).second ||
            (i > 0 && document.score > answer->documents[i - 1].score)) {
          wrong_.fetch_add(1);
        }
        const auto found = collection_->Get(document.key);
        if (!found.ok() && !absl::IsNotFound(found.status())) wrong_.fetch_add(1);
      }
      searches_.fetch_add(1);
    }
  }

  void Maintain() {
    while (!done_) Expect(collection_->Maintain(pool_).status());
  }

  void Expect(const absl::Status& status) {
    if (status.ok()) return;
    wrong_.fetch_add(1);
    ADD_FAILURE() << status;
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "c";
  base::ThreadPool pool_{2};
  std::unique_ptr<Collection> collection_;
  std::atomic<bool> done_ = false;
  std::atomic<size_t> wrong_ = 0;
  std::atomic<size_t> searches_ = 0;
};

TEST_F(ConcurrencyTest, SearchesChangesAndMaintenanceGoOnTogether) {
  std::vector<std::thread> others;
  for (unsigned i = 0; i < 2; ++i) others.emplace_back([this, i] { Search(i); });
  others.emplace_back([this] { Maintain(); });
  std::vector<std::thread> writers;
  for (size_t writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([this, writer] { Write(writer); });
  }
  ASSERT_OK(collection_->Snapshot(folder_.path() / "snapshot"));
  for (std::thread& writer : writers) writer.join();
  done_ = true;
  for (std::thread& other : others) other.join();
  EXPECT_EQ(wrong_, 0u);
  EXPECT_GT(searches_, 0u);

  EXPECT_EQ(collection_->size(), kWriters * kDocuments);
  for (size_t writer = 0; writer < kWriters; ++writer) {
    for (const EmbeddedDocument& document : Round(writer, kRounds - 1)) {
      ASSERT_OK_AND_ASSIGN(const auto key, collection_->FindKey(document.document.id));
      ASSERT_TRUE(key.has_value());
      ASSERT_OK_AND_ASSIGN(const Document stored, collection_->Get(*key));
      EXPECT_EQ(stored.text, document.document.text);
    }
  }
  collection_.reset();
  for (const char* name : {"c", "snapshot"}) {
    ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                         Verify(folder_.path() / name, Repair::kNone, pool_));
    EXPECT_EQ(report.problems, 0u) << name << ": " << report.examples.front();
  }
}

// A document that is replaced over and over is in every answer: old or new, never neither.
TEST_F(ConcurrencyTest, AReplacedDocumentIsNeverMissed) {
  ASSERT_OK(collection_->Put(MadeDocuments(0, 5, kDimension)));
  std::thread replacing([&] {
    for (unsigned round = 0; round < 100; ++round) {
      Expect(collection_->Put(MadeDocuments(0, 5, kDimension, round + 2)));
    }
    done_ = true;
  });
  std::mt19937 random(1);
  while (!done_) {
    const auto answer = collection_->Search(RandomVector(random, kDimension),
                                            {.k = 10, .mode = SearchMode::kExact});
    Expect(answer.status());
    if (!answer.ok() || answer->documents.size() != 5) wrong_.fetch_add(1);
  }
  replacing.join();
  EXPECT_EQ(wrong_, 0u);
}

}  // namespace
}  // namespace gannet::indexer
