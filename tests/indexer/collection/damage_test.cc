#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>

#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection_files.h"
#include "indexer/filter/filter.h"
#include "tests/indexer/collection/made_documents.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using testing::TemporaryFolder;

constexpr size_t kDimension = 8;

// Everything that can be asked of a small collection, as text.
absl::StatusOr<std::string> AskAll(const Collection& collection) {
  std::string answers = fmt::format("{} documents\n", collection.size());
  std::mt19937 random(7);
  GANNET_ASSIGN_OR_RETURN(const Filter even, Filter::Parse(R"({"field":"even","equals":true})"));
  for (int i = 0; i < 6; ++i) {
    GANNET_ASSIGN_OR_RETURN(
        const SearchAnswer answer,
        collection.Search(
            RandomVector(random, kDimension),
            {.k = 8, .filter = i % 2 == 0 ? nullptr : &even, .mode = SearchMode::kExact}));
    for (const ScoredDocument& document : answer.documents) {
      GANNET_ASSIGN_OR_RETURN(const std::string id, collection.GetId(document.key));
      answers += fmt::format("{} {} {}\n", id, document.key, document.score);
    }
  }
  GANNET_ASSIGN_OR_RETURN(const uint64_t count, collection.Count(even));
  GANNET_ASSIGN_OR_RETURN(const auto ledger, collection.ReadCheckpoint("job"));
  answers += fmt::format("{} even, ledger \"{}\"\n", count, ledger.value_or("missing"));
  GANNET_ASSIGN_OR_RETURN(const auto documents, collection.Scan(std::nullopt, ~size_t{0}));
  for (const Collection::ScannedDocument& scanned : documents) {
    GANNET_ASSIGN_OR_RETURN(const auto key, collection.FindKey(scanned.document.id));
    GANNET_ASSIGN_OR_RETURN(const StoredDocument stored, collection.GetStored(scanned.key));
    answers +=
        fmt::format("{} {} {} {} {} {} {:016x}\n", scanned.key, key.value_or(0),
                    scanned.document.id, scanned.document.text, scanned.document.metadata_json,
                    stored.passages.size(), base::Xxh3(stored.terms));
  }
  return answers;
}

// Files with a role each: what damage in them may do differs.
std::string KindOf(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  if (path.extension() == ".sst") return "table";
  if (path.extension() == ".log") return "log";
  if (path.extension() == ".vectors") return "segment";
  return name.substr(0, name.find('-'));  // MANIFEST-000012, OPTIONS-000014, CURRENT, seal ...
}

// Of a collection as it lies there while it is open, after its second segment was published: some
// of it is in tables, some in the log alone, and the seal is of its last change. (Of changes behind
// the seal nothing but the log says that they were there: what is damaged at its very end looks
// like a write that a crash cut off.)
class DamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    CollectionSchema schema = MadeSchema(kDimension, VectorFormat::kFp32, "HNSW4");
    schema.terms = MadeTermSchema();
    std::mt19937 random(3);
    const auto with_terms = [&](std::vector<EmbeddedDocument> documents) {
      for (EmbeddedDocument& document : documents) document.terms = MadeTerms(random, 20);
      return documents;
    };
    {
      ASSERT_OK_AND_ASSIGN(
          const auto collection,
          Collection::OpenOrCreate(good_, schema, {.access = Access::kWrite, .seal_rows = 100}));
      ASSERT_OK(collection->Put(with_terms(MadeDocuments(0, 150, kDimension))));
      ASSERT_OK(collection->Maintain(pool_).status());
    }
    ASSERT_OK_AND_ASSIGN(const auto collection,
                         Collection::Open(good_, {.access = Access::kWrite, .seal_rows = 30}));
    const Checkpoint ledger = {.name = "job", .state = "190 records"};
    ASSERT_OK(collection->Put(with_terms(MadeDocuments(150, 40, kDimension, 2)), &ledger));
    const std::vector<std::string> gone = {"d3", "d77", "d160"};
    ASSERT_OK_AND_ASSIGN(const uint64_t deleted, collection->Delete(gone));
    ASSERT_EQ(deleted, 3u);
    ASSERT_OK_AND_ASSIGN(const MaintenanceReport report, collection->Maintain(pool_));
    ASSERT_EQ(report.sealed_passages, 39u);
    ASSERT_OK_AND_ASSIGN(wanted_, AskAll(*collection));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(good_)) {
      if (!entry.is_regular_file()) continue;
      const auto path = entry.path().lexically_relative(good_);
      const absl::StatusOr<std::string> content = base::ReadFile(entry.path());
      // RocksDB removes the files that it needs no longer when it finds the time.
      if (absl::IsNotFound(content.status())) continue;
      ASSERT_OK(content.status());
      files_[path] = *content;
      if (!content->empty()) kinds_[KindOf(path)].push_back(path);
    }
    std::vector<std::string> kinds;
    for (const auto& [kind, paths] : kinds_) kinds.push_back(kind);
    ASSERT_THAT(kinds, ::testing::ElementsAre("CURRENT", "IDENTITY", "MANIFEST", "OPTIONS", "log",
                                              "seal", "segment", "table"));
  }

  void WriteAll() {
    std::filesystem::remove_all(bad_);
    for (const auto& [path, content] : files_) folder_.Write(("bad" / path).string(), content);
  }

  // What comes of a damaged file. Wrong answers fail the test.
  enum class Outcome { kUnchanged, kDetected, kRepaired };
  Outcome Try(const std::filesystem::path& path, const std::string& content);
  void Trials(size_t count);

  const TemporaryFolder folder_;
  const std::filesystem::path good_ = folder_.path() / "good";
  const std::filesystem::path bad_ = folder_.path() / "bad";
  base::ThreadPool pool_{1};
  std::string wanted_;
  std::map<std::filesystem::path, std::string> files_;
  std::map<std::string, std::vector<std::filesystem::path>> kinds_;  // Of files with content.
};

DamageTest::Outcome DamageTest::Try(const std::filesystem::path& path, const std::string& content) {
  WriteAll();
  folder_.Write(("bad" / path).string(), content);
  Outcome outcome = Outcome::kUnchanged;
  // A reader changes nothing, a writer mends what it can.
  for (const Access access : {Access::kRead, Access::kWrite}) {
    const auto collection = Collection::Open(bad_, {.access = access});
    if (!collection.ok()) {
      outcome = Outcome::kDetected;
      continue;
    }
    const absl::StatusOr<std::string> answers = AskAll(**collection);
    if (!answers.ok()) {
      outcome = Outcome::kDetected;
      continue;
    }
    EXPECT_EQ(*answers, wanted_) << path;
    const auto info = (*collection)->Info();
    EXPECT_TRUE(info.ok()) << info.status();
    if (info.ok() && !info->open_report.empty()) outcome = Outcome::kRepaired;
  }
  return outcome;
}

void DamageTest::Trials(size_t count) {
  const char* given = std::getenv("GANNET_SEED");
  const auto seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                                     : std::random_device()();
  fmt::print("GANNET_SEED={}\n", seed);
  std::mt19937 random(seed);
  std::map<std::string, std::map<Outcome, size_t>> outcomes;
  for (size_t i = 0; i < count && !HasFailure(); ++i) {
    auto kind = kinds_.begin();
    std::advance(kind, random() % kinds_.size());
    const std::filesystem::path& path = kind->second[random() % kind->second.size()];
    std::string content = files_.at(path);
    const size_t at = random() % content.size();
    std::string what = fmt::format("cut at {}", at);
    if (random() % 4 == 0) {
      content.resize(at);
    } else {
      const unsigned bit = random() % 8;
      content[at] = static_cast<char>(content[at] ^ (1 << bit));
      what = fmt::format("bit {} of byte {}", bit, at);
    }
    SCOPED_TRACE(fmt::format("{}: {} of {}", path.string(), what, files_.at(path).size()));
    ++outcomes[kind->first][Try(path, content)];
  }
  for (auto& [kind, of_kind] : outcomes) {
    fmt::print("{:8} {:4} detected, {:4} repaired, {:4} without effect\n", kind,
               of_kind[Outcome::kDetected], of_kind[Outcome::kRepaired],
               of_kind[Outcome::kUnchanged]);
  }
  // None of their bytes is without use.
  for (const char* kind : {"log", "seal", "segment"}) {
    EXPECT_EQ(outcomes[kind][Outcome::kUnchanged], 0u) << kind;
  }
}

TEST_F(DamageTest, IsDetectedOrRepairedOrWithoutEffect) { Trials(100); }

class DamageSlowTest : public DamageTest {};

TEST_F(DamageSlowTest, IsDetectedOrRepairedOrWithoutEffectForLong) { Trials(2000); }

TEST_F(DamageTest, EveryFileThatIsGoneIsDetectedOrRepairedOrNotMissed) {
  for (const auto& [path, content] : files_) {
    SCOPED_TRACE(path.string());
    WriteAll();
    std::filesystem::remove(bad_ / path);
    for (const Access access : {Access::kRead, Access::kWrite}) {
      const auto collection = Collection::Open(bad_, {.access = access});
      if (!collection.ok()) continue;
      const absl::StatusOr<std::string> answers = AskAll(**collection);
      if (answers.ok()) {
        EXPECT_EQ(*answers, wanted_);
      }
    }
  }
}

}  // namespace
}  // namespace gannet::indexer
