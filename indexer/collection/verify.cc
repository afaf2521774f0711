#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

#include "base/checksum.h"
#include "base/status.h"
#include "indexer/collection/prepare.h"
#include "indexer/collection/read_documents.h"
#include "indexer/collection/stored_collection.h"
#include "indexer/collection_files.h"
#include "indexer/filter/field_value.h"
#include "indexer/store/record.h"
#include "indexer/store/seal.h"

namespace gannet::indexer {
namespace {

constexpr size_t kMostExamples = 100;
constexpr size_t kBatchEntries = 10'000;  // Of repairs that are written together.

// Entries of a family that follow from the documents, summed up so that what is stored and what
// should be can be compared without holding either.
struct EntrySum {
  uint64_t count = 0;
  uint64_t sum = 0;  // Of hashes; in no order.

  void Add(std::string_view key, std::string_view value) {
    ++count;
    sum += base::Xxh3(fmt::format("{}:{}{}", key.size(), key, value));
  }
  friend bool operator==(const EntrySum&, const EntrySum&) = default;
};

// One check of a folder, family by family, and its repairs.
class Verifier {
 public:
  Verifier(const std::filesystem::path& folder, Repair repair, base::ThreadPool& pool)
      : folder_(folder), paths_(folder), repair_(repair), pool_(pool) {}

  absl::StatusOr<VerifyReport> Run();

 private:
  enum class Nature {
    kDerivable,  // What is wrong follows from what is right.
    kSource,     // Documents, passages or vectors themselves.
    kLoss,       // Something is gone, and what is left is sound.
  };
  void Report(std::string problem, Nature nature);

  absl::Status Open();
  void ReportSeal(const absl::Status& checked, Nature nature);
  absl::Status CheckDocuments();
  absl::Status CheckDocument(DocumentKey key, std::string_view bytes);
  absl::Status CheckCounts();
  absl::Status CheckDerivedFamily(Family family, const EntrySum& expected);
  absl::Status CheckTerms();
  absl::Status CheckTermsOf(DocumentKey key, std::string_view bytes);
  absl::Status ReadTombstones();
  absl::Status CheckSegments();
  absl::Status CheckSegment(const SegmentRecord& record);
  absl::Status CheckRows(const SegmentRecord& record, const Segment& segment);
  absl::Status CheckTotals();

  absl::Status WriteRepairs();
  absl::Status RewriteEntries();
  absl::Status RewriteFamily(Family family);
  absl::StatusOr<std::map<std::string, std::string>> Expected(Family family) const;
  bool Exists(DocumentKey key) const { return passages_of_.contains(key); }

  const std::filesystem::path folder_;
  const CollectionPaths paths_;
  const Repair repair_;
  base::ThreadPool& pool_;
  VerifyReport report_;
  uint64_t derivable_problems_ = 0;
  uint64_t source_problems_ = 0;

  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreSnapshot> snapshot_;
  CollectionSchema schema_;
  Totals totals_;
  std::map<DocumentKey, uint64_t> passages_of_;  // Of every document.
  EntrySum expected_ids_;
  EntrySum expected_fields_;
  TermTotals terms_;  // Of what is sound.
  std::set<DocumentKey> tombstones_;
  std::set<DocumentKey> needed_tombstones_;

  std::vector<Family> families_to_rewrite_;
  std::vector<std::string> terms_to_remove_;  // Keys.
  std::vector<std::filesystem::path> files_to_remove_;
  bool totals_wrong_ = false;
  bool tombstones_wrong_ = false;
  bool seal_wrong_ = false;
};

void Verifier::Report(std::string problem, Nature nature) {
  ++report_.problems;
  derivable_problems_ += nature == Nature::kDerivable ? 1 : 0;
  source_problems_ += nature == Nature::kSource ? 1 : 0;
  if (report_.examples.size() < kMostExamples) report_.examples.push_back(std::move(problem));
}

absl::Status Verifier::Open() {
  GANNET_ASSIGN_OR_RETURN(store_, repair_ == Repair::kNone ? Store::OpenForReading(paths_.store)
                                                           : Store::OpenForWriting(paths_.store));
  snapshot_ = store_->TakeSnapshot();
  GANNET_ASSIGN_OR_RETURN(const auto schema, store_->Read(Family::kMeta, kSchemaEntry));
  GANNET_ASSIGN_OR_RETURN(const auto totals, store_->Read(Family::kMeta, kTotalsEntry));
  if (!schema.has_value() || !totals.has_value()) {
    return absl::DataLossError(
        fmt::format("{}: schema or totals are missing", paths_.store.string()));
  }
  GANNET_ASSIGN_OR_RETURN(schema_, DecodeSchema(*schema));
  GANNET_ASSIGN_OR_RETURN(totals_, DecodeTotals(*totals));
  return absl::OkStatus();
}

// A store that is older than its seal has lost changes: nothing brings them back, but a repair lets
// the collection be opened with what is left.
void Verifier::ReportSeal(const absl::Status& checked, Nature nature) {
  if (checked.ok()) return;
  Report(std::string(base::Message(checked)), nature);
  seal_wrong_ = true;
}

absl::Status Verifier::CheckDocuments() {
  return store_->Visit(
      Family::kDocuments, {},
      [&](std::string_view bytes, std::string_view value) -> absl::StatusOr<Store::Visiting> {
        const absl::StatusOr<DocumentKey> key = DecodeKey(bytes);
        if (!key.ok()) {
          Report(fmt::format("documents: {}", base::Message(key.status())), Nature::kSource);
          return Store::Visiting::kGoOn;
        }
        const absl::Status checked = CheckDocument(*key, value);
        if (!checked.ok()) {
          passages_of_.try_emplace(*key, 0);
          Report(fmt::format("document {}: {}", *key, base::Message(checked)), Nature::kSource);
        }
        return Store::Visiting::kGoOn;
      },
      snapshot_.get());
}

absl::Status Verifier::CheckDocument(DocumentKey key, std::string_view bytes) {
  GANNET_ASSIGN_OR_RETURN(const DocumentRecord record, DecodeDocument(bytes));
  GANNET_ASSIGN_OR_RETURN(const StoredDocument stored,
                          ReadStoredDocument(*store_, ShapeOf(schema_), key, *snapshot_));
  passages_of_[key] = stored.passages.size();
  report_.passages += stored.passages.size();
  if (ContentFingerprint(stored) != record.fingerprint) {
    return absl::DataLossError("its content is not that of its fingerprint");
  }
  if (key >= totals_.next_key) {
    return absl::DataLossError(fmt::format("its key is not below {}", totals_.next_key));
  }
  const std::string encoded = EncodeKey(key);
  expected_ids_.Add(record.id, encoded);
  GANNET_ASSIGN_OR_RETURN(const std::vector<FieldEntry> fields,
                          ExtractFields(stored.document.metadata_json));
  for (const FieldEntry& entry : fields) {
    expected_fields_.Add(EncodeFieldEntry(entry.field, entry.value) + encoded, "");
  }
  return absl::OkStatus();
}

// Every document has its parts; are there parts without a document?
absl::Status Verifier::CheckCounts() {
  report_.documents = passages_of_.size();
  for (const auto& [family, expected] : {std::pair(Family::kMetadata, report_.documents),
                                         std::pair(Family::kPassages, report_.documents),
                                         std::pair(Family::kVectors, report_.passages)}) {
    uint64_t found = 0;
    GANNET_RETURN_IF_ERROR(store_->Visit(
        family, {},
        [&](std::string_view, std::string_view) -> absl::StatusOr<Store::Visiting> {
          ++found;
          return Store::Visiting::kGoOn;
        },
        snapshot_.get()));
    if (found != expected) {
      Report(fmt::format("family {}: {} entries, {} belong to documents", FamilyName(family), found,
                         expected),
             Nature::kSource);
    }
  }
  return absl::OkStatus();
}

absl::Status Verifier::CheckDerivedFamily(Family family, const EntrySum& expected) {
  EntrySum found;
  GANNET_RETURN_IF_ERROR(store_->Visit(
      family, {},
      [&](std::string_view key, std::string_view value) -> absl::StatusOr<Store::Visiting> {
        found.Add(key, value);
        return Store::Visiting::kGoOn;
      },
      snapshot_.get()));
  if (found == expected) return absl::OkStatus();
  Report(fmt::format("family {}: its {} entries are not the {} that follow from the documents",
                     FamilyName(family), found.count, expected.count),
         Nature::kDerivable);
  families_to_rewrite_.push_back(family);
  return absl::OkStatus();
}

// What is right of them is counted; what is not is taken out by a repair.
absl::Status Verifier::CheckTerms() {
  GANNET_RETURN_IF_ERROR(store_->Visit(
      Family::kTerms, {},
      [&](std::string_view bytes, std::string_view value) -> absl::StatusOr<Store::Visiting> {
        const absl::StatusOr<DocumentKey> key = DecodeKey(bytes);
        const absl::Status checked = key.ok() ? CheckTermsOf(*key, value) : key.status();
        if (!checked.ok()) {
          Report(std::string(base::Message(checked)), Nature::kDerivable);
          terms_to_remove_.emplace_back(bytes);
        }
        return Store::Visiting::kGoOn;
      },
      snapshot_.get()));
  report_.with_terms = terms_.documents;
  if (totals_.terms == terms_) return absl::OkStatus();
  Report(fmt::format("totals: {} terms of {} documents in {} bytes, there are {} of {} in {}",
                     totals_.terms.terms, totals_.terms.documents, totals_.terms.bytes,
                     terms_.terms, terms_.documents, terms_.bytes),
         Nature::kDerivable);
  totals_wrong_ = true;
  return absl::OkStatus();
}

absl::Status Verifier::CheckTermsOf(DocumentKey key, std::string_view bytes) {
  GANNET_ASSIGN_OR_RETURN(const TermsRecord record, DecodeTerms(key, bytes));
  if (!Exists(key)) return absl::DataLossError(fmt::format("terms of document {}: unknown", key));
  const absl::StatusOr<PreparedTerms> prepared = PrepareTerms(schema_, record.packed);
  absl::Status checked = prepared.status();
  if (checked.ok() && prepared->count != record.count) {
    checked = absl::DataLossError(
        fmt::format("{} terms, its record says {}", prepared->count, record.count));
  }
  if (checked.ok()) checked = encoder::UnpackTerms(record.packed, schema_.terms->width).status();
  if (!checked.ok()) return base::Annotate(checked, fmt::format("terms of document {}", key));
  ++terms_.documents;
  terms_.terms += record.count;
  terms_.bytes += bytes.size();
  return absl::OkStatus();
}

absl::Status Verifier::ReadTombstones() {
  return store_->Visit(
      Family::kTombstones, {},
      [&](std::string_view bytes, std::string_view) -> absl::StatusOr<Store::Visiting> {
        GANNET_ASSIGN_OR_RETURN(const DocumentKey key, DecodeKey(bytes));
        tombstones_.insert(key);
        return Store::Visiting::kGoOn;
      },
      snapshot_.get());
}

absl::Status Verifier::CheckSegments() {
  GANNET_RETURN_IF_ERROR(ReadTombstones());
  GANNET_ASSIGN_OR_RETURN(const auto text, store_->Read(Family::kMeta, kSegmentsEntry));
  if (text.has_value()) {
    GANNET_ASSIGN_OR_RETURN(const std::vector<SegmentRecord> records, DecodeSegments(*text));
    report_.segments = records.size();
    for (const SegmentRecord& record : records) GANNET_RETURN_IF_ERROR(CheckSegment(record));
  }
  if (tombstones_ != needed_tombstones_) {
    Report(fmt::format("{} tombstones, {} deleted documents are in segments", tombstones_.size(),
                       needed_tombstones_.size()),
           Nature::kDerivable);
    tombstones_wrong_ = true;
  }
  return absl::OkStatus();
}

absl::Status Verifier::CheckSegment(const SegmentRecord& record) {
  const SegmentFiles files(paths_.segments, schema_);
  const absl::StatusOr<std::shared_ptr<const Segment>> segment = files.Open(record);
  absl::Status checked = segment.status();
  if (checked.ok()) checked = CheckRows(record, **segment);
  if (checked.ok()) return absl::OkStatus();
  Report(fmt::format("segment {}: {}", record.file, base::Message(checked)), Nature::kDerivable);
  files_to_remove_.push_back(paths_.segments / record.file);
  // Made again without its dead: their tombstones stay as they are until then.
  for (const DocumentKey key : tombstones_) {
    if (DocumentOf(record.first) <= key && key <= DocumentOf(record.last)) {
      needed_tombstones_.insert(key);
    }
  }
  return absl::OkStatus();
}

// Rows of documents that are there must be the store's vectors, one for one.
absl::Status Verifier::CheckRows(const SegmentRecord& record, const Segment& segment) {
  const VectorIndex& index = segment.index();
  const auto keys = index.keys();
  std::set<DocumentKey> dead;
  uint32_t row = 0;
  const auto skip_dead = [&] {
    for (; row < keys.size() && !Exists(DocumentOf(keys[row])); ++row) {
      dead.insert(DocumentOf(keys[row]));
    }
  };
  const auto compare = [&](std::string_view key,
                           std::string_view value) -> absl::StatusOr<Store::Visiting> {
    GANNET_ASSIGN_OR_RETURN(const PassageKey passage, DecodeKey(key));
    skip_dead();
    if (row == keys.size() || keys[row] != passage || index.vectors().Record(row) != value) {
      return absl::DataLossError(fmt::format("passage {:016x} is not the store's", passage));
    }
    ++row;
    return Store::Visiting::kGoOn;
  };
  GANNET_RETURN_IF_ERROR(store_->Visit(Family::kVectors,
                                       {EncodeKey(record.first), EncodeKey(record.last + 1)},
                                       compare, snapshot_.get()));
  skip_dead();
  if (row != keys.size()) {
    return absl::DataLossError(fmt::format("passage {:016x} is not in the store", keys[row]));
  }
  needed_tombstones_.insert(dead.begin(), dead.end());
  return absl::OkStatus();
}

absl::Status Verifier::CheckTotals() {
  if (totals_.documents == report_.documents && totals_.passages == report_.passages) {
    return absl::OkStatus();
  }
  Report(fmt::format("totals: {} documents and {} passages, there are {} and {}", totals_.documents,
                     totals_.passages, report_.documents, report_.passages),
         Nature::kDerivable);
  totals_wrong_ = true;
  return absl::OkStatus();
}

// What a derived family should hold.
absl::StatusOr<std::map<std::string, std::string>> Verifier::Expected(Family family) const {
  std::map<std::string, std::string> entries;
  for (const auto& [key, passages] : passages_of_) {
    const absl::StatusOr<Document> document = ReadDocument(*store_, key, *snapshot_);
    if (!document.ok()) continue;  // Reported.
    const std::string encoded = EncodeKey(key);
    if (family == Family::kIds) {
      entries.emplace(document->id, encoded);
      continue;
    }
    const absl::StatusOr<std::vector<FieldEntry>> fields = ExtractFields(document->metadata_json);
    if (!fields.ok()) continue;
    for (const FieldEntry& entry : *fields) {
      entries.emplace(EncodeFieldEntry(entry.field, entry.value) + encoded, "");
    }
  }
  return entries;
}

absl::Status Verifier::RewriteFamily(Family family) {
  GANNET_ASSIGN_OR_RETURN(const auto expected, Expected(family));
  auto batch = std::make_unique<StoreBatch>(*store_);
  size_t entries = 0;
  const auto count = [&]() -> absl::Status {
    if (++entries % kBatchEntries != 0) return absl::OkStatus();
    GANNET_RETURN_IF_ERROR(store_->Commit(*batch));
    batch = std::make_unique<StoreBatch>(*store_);
    return absl::OkStatus();
  };
  const auto remove_wrong = [&](std::string_view key,
                                std::string_view) -> absl::StatusOr<Store::Visiting> {
    if (!expected.contains(std::string(key))) {
      batch->Delete(family, key);
      GANNET_RETURN_IF_ERROR(count());
    }
    return Store::Visiting::kGoOn;
  };
  GANNET_RETURN_IF_ERROR(store_->Visit(family, {}, remove_wrong, snapshot_.get()));
  for (const auto& [key, value] : expected) {
    batch->Put(family, key, value);
    GANNET_RETURN_IF_ERROR(count());
  }
  return store_->Commit(*batch);
}

absl::Status Verifier::RewriteEntries() {
  for (const Family family : families_to_rewrite_) GANNET_RETURN_IF_ERROR(RewriteFamily(family));
  StoreBatch batch(*store_);
  if (tombstones_wrong_) {
    for (const DocumentKey key : tombstones_) batch.Delete(Family::kTombstones, EncodeKey(key));
    for (const DocumentKey key : needed_tombstones_) {
      batch.Put(Family::kTombstones, EncodeKey(key), "");
    }
  }
  if (totals_wrong_) {
    totals_.documents = report_.documents;
    totals_.passages = report_.passages;
    totals_.terms = terms_;
  }
  for (const std::string& key : terms_to_remove_) batch.Delete(Family::kTerms, key);
  if (!batch.empty() || !families_to_rewrite_.empty() || totals_wrong_ || seal_wrong_) {
    ++totals_.sequence;
    batch.Put(Family::kMeta, kTotalsEntry, EncodeTotals(totals_));
    GANNET_RETURN_IF_ERROR(store_->Commit(batch));
    GANNET_RETURN_IF_ERROR(WriteSeal(paths_.seal, paths_.store, totals_));
  }
  return absl::OkStatus();
}

absl::Status Verifier::WriteRepairs() {
  GANNET_RETURN_IF_ERROR(RewriteEntries());
  for (const std::filesystem::path& file : files_to_remove_) {
    std::error_code missing_already;
    std::filesystem::remove(file, missing_already);
  }
  snapshot_.reset();
  store_.reset();
  // Opening makes missing segments again.
  return OpenParts(folder_, {.access = Access::kWrite, .pool = &pool_}).status();
}

absl::StatusOr<VerifyReport> Verifier::Run() {
  const absl::StatusOr<std::optional<Seal>> seal = ReadSeal(paths_.seal);
  ReportSeal(seal.status(), Nature::kDerivable);
  if (seal.ok()) ReportSeal(CheckManifest(*seal, paths_.store), Nature::kLoss);
  GANNET_RETURN_IF_ERROR(Open());
  if (seal.ok() && !seal_wrong_) {
    ReportSeal(CheckSeal(paths_.seal, *seal, totals_),
               seal->has_value() ? Nature::kLoss : Nature::kDerivable);
  }
  if (const absl::Status blocks = store_->VerifyChecksums(); !blocks.ok()) {
    Report(std::string(base::Message(blocks)), Nature::kSource);
  }
  // Where a family cannot be read to its end, what remains is not known.
  for (const auto check :
       {&Verifier::CheckDocuments, &Verifier::CheckCounts, &Verifier::CheckTotals,
        &Verifier::CheckTerms, &Verifier::CheckSegments}) {
    if (const absl::Status checked = (this->*check)(); !checked.ok()) {
      Report(std::string(base::Message(checked)), Nature::kSource);
      return report_;
    }
  }
  GANNET_RETURN_IF_ERROR(CheckDerivedFamily(Family::kIds, expected_ids_));
  GANNET_RETURN_IF_ERROR(CheckDerivedFamily(Family::kFields, expected_fields_));
  // Nothing is derived from what is damaged itself.
  if (repair_ == Repair::kDerivable && report_.problems > 0 && source_problems_ == 0) {
    GANNET_RETURN_IF_ERROR(WriteRepairs());
    report_.repaired = derivable_problems_;
  }
  return report_;
}

}  // namespace

absl::StatusOr<VerifyReport> Verify(const std::filesystem::path& folder, Repair repair,
                                    base::ThreadPool& pool) {
  return Verifier(folder, repair, pool).Run();
}

}  // namespace gannet::indexer
