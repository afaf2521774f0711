#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>

#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection_files.h"
#include "indexer/filter/field_value.h"
#include "indexer/filter/filter.h"
#include "indexer/vector/exact_scan.h"
#include "tests/indexer/collection/made_documents.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using testing::TemporaryFolder;

constexpr size_t kDimension = 6;
constexpr size_t kIds = 300;

// What a collection should be, kept in plain maps.
class Oracle {
 public:
  struct Entry {
    Document document;
    std::vector<Passage> passages;
    VectorTable vectors;
    std::string terms;  // Empty: none.
  };

  explicit Oracle(const VectorShape& shape) : shape_(shape) {}

  void Put(const EmbeddedDocument& document) {
    absl::StatusOr<VectorTable> table = VectorTable::Create(shape_);
    ASSERT_OK(table->Append(document.vectors));
    const auto known = keys_.find(document.document.id);
    if (known != keys_.end()) {
      Entry& old = entries_.at(known->second);
      if (old.document.title == document.document.title &&
          old.document.text == document.document.text && old.passages == document.passages &&
          SameRows(old.vectors, *table)) {
        old.document.metadata_json = document.document.metadata_json;
        if (!document.terms.empty()) old.terms = document.terms;
        return;
      }
      Delete(document.document.id);
    }
    const DocumentKey key = document.key.value_or(next_key_);
    next_key_ = key + 1;
    keys_[document.document.id] = key;
    entries_.emplace(
        key, Entry{document.document, document.passages, *std::move(table), document.terms});
  }

  bool Delete(const std::string& id) {
    const auto known = keys_.find(id);
    if (known == keys_.end()) return false;
    entries_.erase(known->second);
    keys_.erase(known);
    return true;
  }

  uint64_t DeleteWhere(const Filter& filter) {
    std::vector<std::string> ids;
    for (const auto& [key, entry] : entries_) {
      if (Passes(entry, &filter)) ids.push_back(entry.document.id);
    }
    for (const std::string& id : ids) Delete(id);
    return ids.size();
  }

  // False for an unknown id.
  bool UpdateMetadata(const std::string& id, const std::string& patch) {
    const auto known = keys_.find(id);
    if (known == keys_.end()) return false;
    std::string& metadata = entries_.at(known->second).document.metadata_json;
    metadata = *MergeMetadata(metadata, patch);
    return true;
  }

  void SetMetadata(DocumentKey key, const std::string& metadata_json) {
    entries_.at(key).document.metadata_json = metadata_json;
  }

  void PutTerms(DocumentKey key, const std::string& terms) {
    if (const auto entry = entries_.find(key); entry != entries_.end()) entry->second.terms = terms;
  }

  uint64_t Count(const Filter& filter) const {
    return static_cast<uint64_t>(
        std::count_if(entries_.begin(), entries_.end(),
                      [&](const auto& pair) { return Passes(pair.second, &filter); }));
  }

  std::vector<ScoredDocument> Search(std::span<const float> query, size_t k,
                                     const Filter* filter) const {
    std::vector<ScoredDocument> found;
    for (const auto& [key, entry] : entries_) {
      if (!Passes(entry, filter)) continue;
      VectorScorer scorer(entry.vectors);
      scorer.SetQuery(query);
      ScoredDocument best{.key = key, .score = scorer.Score(0), .passage = 0};
      for (uint32_t i = 1; i < entry.vectors.size(); ++i) {
        const float score = scorer.Score(i);
        if (score > best.score) best = {.key = key, .score = score, .passage = i};
      }
      found.push_back(best);
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.score > b.score; });
    found.resize(std::min(k, found.size()));
    return found;
  }

  const std::map<DocumentKey, Entry>& entries() const { return entries_; }
  DocumentKey next_key() const { return next_key_; }

 private:
  static bool SameRows(const VectorTable& a, const VectorTable& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
      if (a.Record(i) != b.Record(i)) return false;
    }
    return true;
  }

  static bool Passes(const Entry& entry, const Filter* filter) {
    return filter == nullptr || filter->Matches(*ExtractFields(entry.document.metadata_json));
  }

  const VectorShape shape_;
  std::map<std::string, DocumentKey> keys_;
  std::map<DocumentKey, Entry> entries_;
  DocumentKey next_key_ = 0;
};

struct ModelTestCase {
  std::string name;
  VectorFormat format;
  std::string index;
  size_t operations;
};

// Random operations on a collection and its oracle, compared as they go.
class ModelTest : public ::testing::TestWithParam<ModelTestCase> {
 protected:
  // From GANNET_SEED, or another one every time.
  static unsigned Seed() {
    const char* given = std::getenv("GANNET_SEED");
    return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                            : std::random_device()();
  }

  void SetUp() override {
    const unsigned seed = Seed();
    fmt::print("GANNET_SEED={}\n", seed);
    RecordProperty("seed", std::to_string(seed));
    random_.seed(seed);
    schema_ = MadeSchema(kDimension, GetParam().format, GetParam().index);
    schema_.similarity = encoder::Similarity::kDot;
    schema_.terms = MadeTermSchema();
    folder_ = base_.path() / "0";
    Reopen();
  }

  void Run(size_t operations);

  size_t Draw(size_t below) { return random_() % below; }
  std::string DrawId() { return fmt::format("id{}", Draw(kIds)); }
  EmbeddedDocument DrawDocument();
  std::string DrawMetadata();
  Filter DrawFilter();

  void Reopen();
  void Put();
  void PutAgain();
  void PutTerms();
  void Delete();
  void DeleteWhere();
  void Update();
  void Search();
  void Scan();
  void Maintain();
  void Compact();
  void SnapshotAndRestore();
  void CompareAll();

  const TemporaryFolder base_;
  std::filesystem::path folder_;
  size_t folders_ = 0;
  CollectionSchema schema_;
  std::mt19937 random_;
  base::ThreadPool pool_{1};
  std::unique_ptr<Collection> collection_;
  Oracle oracle_{{GetParam().format, Metric::kInnerProduct, kDimension}};
};

INSTANTIATE_TEST_SUITE_P(Kinds, ModelTest,
                         ::testing::Values(ModelTestCase{"Fp32", VectorFormat::kFp32, "", 400},
                                           ModelTestCase{"Fp16", VectorFormat::kFp16, "HNSW4", 400},
                                           ModelTestCase{"Int8", VectorFormat::kInt8, "HNSW4,SQ8",
                                                         400}),
                         [](const auto& kind) { return kind.param.name; });

std::string ModelTest::DrawMetadata() {
  switch (Draw(4)) {
    case 0:
      return "{}";
    case 1:
      return fmt::format(R"({{"n":{},"tags":["t{}","t{}"]}})", Draw(20), Draw(4), Draw(4));
    case 2:
      return fmt::format(R"({{"n":{}.5,"deep":{{"flag":{}}}}})", Draw(20), Draw(2) == 0);
    default:
      return fmt::format(R"({{"n":{},"rare":"r{}"}})", Draw(20), Draw(50));
  }
}

EmbeddedDocument ModelTest::DrawDocument() {
  const size_t passages = Draw(10) < 7 ? 1 : 2 + Draw(5);
  // Few texts and few vectors, so that some documents come again and scores tie.
  std::mt19937 vectors(static_cast<unsigned>(Draw(40)));
  EmbeddedDocument document =
      MadeDocument(DrawId(), fmt::format("text {}", Draw(3)), DrawMetadata(),
                   RandomVector(vectors, passages * kDimension), kDimension);
  if (Draw(3) == 0) document.terms = MadeTerms(vectors, 1 + Draw(6));
  if (Draw(8) == 0) document.key = oracle_.next_key() + Draw(100);
  return document;
}

Filter ModelTest::DrawFilter() {
  static const std::vector<std::string> kFilters = {
      R"({{"field":"n","equals":{}}})",
      R"({{"field":"n","gte":{}}})",
      R"({{"field":"tags","in":["t1","t{}"]}})",
      R"({{"not":{{"field":"n","lt":{}}}}})",
      R"({{"field":"rare","equals":"r{}"}})",
      R"({{"and":[{{"field":"deep.flag","equals":true}},{{"field":"n","gt":{}}}]}})",
      R"({{"or":[{{"field":"rare","exists":true}},{{"field":"n","equals":{}}}]}})"};
  return *Filter::Parse(fmt::format(fmt::runtime(kFilters[Draw(kFilters.size())]), Draw(20)));
}

void ModelTest::Reopen() {
  collection_.reset();
  ASSERT_OK_AND_ASSIGN(collection_, Collection::OpenOrCreate(folder_, schema_,
                                                             {.access = Access::kWrite,
                                                              .seal_rows = 60,
                                                              .segment_rows = 700,
                                                              .recall_sample_interval = 3}));
  ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection_->Info());
  EXPECT_TRUE(info.open_report.empty()) << info.open_report.front();
}

void ModelTest::Put() {
  std::vector<EmbeddedDocument> documents;
  DocumentKey next = oracle_.next_key();
  for (size_t i = 0, count = 1 + Draw(4); i < count; ++i) {
    documents.push_back(DrawDocument());
    if (documents.back().key.has_value()) documents.back().key = next + Draw(20);
    next = documents.back().key.value_or(next) + 1;
  }
  ASSERT_OK(collection_->Put(documents));
  for (const EmbeddedDocument& document : documents) oracle_.Put(document);
}

// The same content under new metadata keeps its key; in the very bytes, also for vectors that would
// not encode to themselves.
void ModelTest::PutAgain() {
  if (oracle_.entries().empty()) return;
  auto entry = oracle_.entries().begin();
  std::advance(entry, Draw(oracle_.entries().size()));
  ASSERT_OK_AND_ASSIGN(StoredDocument again, collection_->GetStored(entry->first));
  again.document.metadata_json = DrawMetadata();
  again.key = oracle_.next_key();
  ASSERT_OK(collection_->PutStored({&again, 1}));
  oracle_.SetMetadata(entry->first, again.document.metadata_json);
}

// Also under keys that were never used, or are not any more.
void ModelTest::PutTerms() {
  std::vector<DocumentTerms> terms;
  for (size_t i = 0, count = 1 + Draw(4); i < count; ++i) {
    terms.push_back(
        {.key = Draw(oracle_.next_key() + 2), .terms = MadeTerms(random_, 1 + Draw(9))});
  }
  ASSERT_OK(collection_->PutTerms(terms));
  for (const DocumentTerms& document : terms) oracle_.PutTerms(document.key, document.terms);
}

void ModelTest::Delete() {
  std::vector<std::string> ids;
  for (size_t i = 0, count = 1 + Draw(6); i < count; ++i) ids.push_back(DrawId());
  uint64_t expected = 0;
  for (const std::string& id : ids) expected += oracle_.Delete(id) ? 1 : 0;
  ASSERT_OK_AND_ASSIGN(const uint64_t deleted, collection_->Delete(ids));
  EXPECT_EQ(deleted, expected);
}

void ModelTest::DeleteWhere() {
  const Filter filter = DrawFilter();
  if (oracle_.Count(filter) > 60) return;  // Else nothing is left to work on.
  ASSERT_OK_AND_ASSIGN(const uint64_t deleted, collection_->DeleteWhere(filter));
  EXPECT_EQ(deleted, oracle_.DeleteWhere(filter)) << filter.ToJson();
}

void ModelTest::Update() {
  const std::string id = DrawId();
  const std::string patch = Draw(3) == 0 ? R"({"n":null})" : DrawMetadata();
  const absl::Status updated = collection_->UpdateMetadata(id, patch);
  if (oracle_.UpdateMetadata(id, patch)) {
    ASSERT_OK(updated);
  } else {
    EXPECT_EQ(updated.code(), absl::StatusCode::kNotFound);
  }
}

void ModelTest::Search() {
  std::mt19937 vectors(static_cast<unsigned>(Draw(60)));
  const std::vector<float> query = RandomVector(vectors, kDimension);
  std::optional<Filter> filter;
  if (Draw(2) == 0) filter = DrawFilter();
  const size_t k = 1 + Draw(Draw(10) == 0 ? 400 : 12);
  CollectionSearch search{
      .k = k, .filter = filter.has_value() ? &*filter : nullptr, .mode = SearchMode::kExact};
  const std::vector<ScoredDocument> expected = oracle_.Search(query, k, search.filter);
  ASSERT_OK_AND_ASSIGN(const SearchAnswer answer, collection_->Search(query, search));
  ASSERT_EQ(answer.documents.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(answer.documents[i].key, expected[i].key) << i;
    ASSERT_EQ(answer.documents[i].score, expected[i].score) << i;
    ASSERT_EQ(answer.documents[i].passage, expected[i].passage) << i;
  }
  // An approximate answer is as long, and its scores are the exact ones.
  search.mode = SearchMode::kAutomatic;
  ASSERT_OK_AND_ASSIGN(const SearchAnswer approximate, collection_->Search(query, search));
  ASSERT_EQ(approximate.documents.size(), expected.size());
  const auto all = oracle_.Search(query, ~size_t{0}, search.filter);
  for (const ScoredDocument& document : approximate.documents) {
    const auto exact =
        std::find_if(all.begin(), all.end(), [&](const auto& d) { return d.key == document.key; });
    ASSERT_NE(exact, all.end());
    EXPECT_LE(document.score, exact->score);
  }
  if (filter.has_value()) {
    ASSERT_OK_AND_ASSIGN(const uint64_t count, collection_->Count(*filter));
    EXPECT_EQ(count, oracle_.Count(*filter));
    EXPECT_EQ(answer.passing, count);
  }
}

void ModelTest::Scan() {
  const DocumentKey after = Draw(oracle_.next_key() + 2);
  const size_t limit = Draw(30);
  ASSERT_OK_AND_ASSIGN(const auto scanned, collection_->Scan(after, limit));
  auto expected = oracle_.entries().upper_bound(after);
  for (const Collection::ScannedDocument& document : scanned) {
    ASSERT_NE(expected, oracle_.entries().end());
    EXPECT_EQ(document.key, expected->first);
    EXPECT_EQ(document.document, expected->second.document);
    ++expected;
  }
  EXPECT_TRUE(scanned.size() == limit || expected == oracle_.entries().end());
}

void ModelTest::Maintain() { ASSERT_OK(collection_->Maintain(pool_).status()); }

void ModelTest::Compact() {
  ASSERT_OK(collection_->Compact(pool_).status());
  ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection_->Info());
  EXPECT_EQ(info.growing_passages, 0u);
  for (const SegmentInfo& segment : info.segments) EXPECT_EQ(segment.deleted_passages, 0u);
}

void ModelTest::SnapshotAndRestore() {
  const auto snapshot = base_.path() / "snapshot";
  ASSERT_OK(collection_->Snapshot(snapshot));
  ASSERT_OK_AND_ASSIGN(const std::string digest, collection_->Digest());
  collection_.reset();
  std::filesystem::remove_all(folder_);
  folder_ = base_.path() / std::to_string(++folders_);
  ASSERT_OK(Restore(snapshot, folder_, pool_));
  std::filesystem::remove_all(snapshot);
  Reopen();
  ASSERT_OK_AND_ASSIGN(const std::string restored, collection_->Digest());
  EXPECT_EQ(restored, digest);
}

void ModelTest::CompareAll() {
  ASSERT_EQ(collection_->size(), oracle_.entries().size());
  ASSERT_EQ(collection_->next_key(), oracle_.next_key());
  ASSERT_OK_AND_ASSIGN(const auto scanned, collection_->Scan(std::nullopt, ~size_t{0}));
  ASSERT_EQ(scanned.size(), oracle_.entries().size());
  auto expected = oracle_.entries().begin();
  TermTotals with_terms;
  for (const Collection::ScannedDocument& document : scanned) {
    ASSERT_EQ(document.key, expected->first);
    ASSERT_EQ(document.document, expected->second.document);
    ASSERT_OK_AND_ASSIGN(const auto key, collection_->FindKey(document.document.id));
    ASSERT_EQ(key, document.key);
    ASSERT_OK_AND_ASSIGN(const StoredDocument stored, collection_->GetStored(document.key));
    ASSERT_EQ(stored.passages, expected->second.passages);
    ASSERT_EQ(stored.terms, expected->second.terms);
    ASSERT_OK_AND_ASSIGN(const auto terms, collection_->GetTerms(document.key));
    ASSERT_EQ(terms.value_or(""), expected->second.terms);
    if (terms.has_value()) {
      ++with_terms.documents;
      with_terms.terms += encoder::OutlineTerms(*terms, kMadeTermWidth)->rows;
    }
    ++expected;
  }
  ASSERT_OK_AND_ASSIGN(const CollectionInfo info, collection_->Info());
  EXPECT_EQ(info.terms.documents, with_terms.documents);
  EXPECT_EQ(info.terms.terms, with_terms.terms);
}

void ModelTest::Run(size_t operations) {
  for (size_t i = 0; i < operations && !HasFatalFailure(); ++i) {
    SCOPED_TRACE(fmt::format("operation {}", i));
    const size_t draw = Draw(1000);
    if (draw < 360) {
      Put();
    } else if (draw < 400) {
      PutTerms();
    } else if (draw < 430) {
      PutAgain();
    } else if (draw < 520) {
      Delete();
    } else if (draw < 540) {
      DeleteWhere();
    } else if (draw < 640) {
      Update();
    } else if (draw < 880) {
      Search();
    } else if (draw < 930) {
      Scan();
    } else if (draw < 985) {
      Maintain();
    } else if (draw < 988) {
      Compact();
    } else if (draw < 990) {
      SnapshotAndRestore();
    } else if (draw < 994) {
      Reopen();
    } else {
      CompareAll();
    }
    if (::testing::Test::HasFailure()) break;
  }
  CompareAll();
  collection_.reset();
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(folder_, Repair::kNone, pool_));
  EXPECT_EQ(report.problems, 0u) << report.examples.front();
  EXPECT_EQ(report.documents, oracle_.entries().size());
}

TEST_P(ModelTest, BehavesAsPlainMapsDo) { Run(GetParam().operations); }

class ModelSlowTest : public ModelTest {};

INSTANTIATE_TEST_SUITE_P(
    Kinds, ModelSlowTest,
    ::testing::Values(ModelTestCase{"Fp32", VectorFormat::kFp32, "", 50'000},
                      ModelTestCase{"Fp16", VectorFormat::kFp16, "HNSW4", 10'000},
                      ModelTestCase{"Int8", VectorFormat::kInt8, "HNSW4,SQ8", 10'000}),
    [](const auto& kind) { return kind.param.name; });

TEST_P(ModelSlowTest, BehavesAsPlainMapsDoForLong) { Run(GetParam().operations); }

}  // namespace
}  // namespace gannet::indexer
