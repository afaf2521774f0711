#include "indexer/collection/transaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/status.h"
#include "indexer/filter/field_value.h"

namespace gannet::indexer {
namespace {

std::string FieldKey(const FieldEntry& entry, DocumentKey key) {
  return EncodeFieldEntry(entry.field, entry.value) + EncodeKey(key);
}

}  // namespace

Transaction::Transaction(const Store& store, const Totals& totals,
                         std::optional<PassageKey> last_sealed)
    : store_(store), batch_(store), last_sealed_(last_sealed), totals_(totals) {}

void Transaction::Mark() {
  batch_.Mark();
  marked_ = {totals_, view_change_.added_keys.size(), view_change_.deleted.size(),
             field_changes_.size()};
}

absl::Status Transaction::RollBack() {
  totals_ = marked_.totals;
  view_change_.added_keys.resize(marked_.added);
  view_change_.added_records.resize(marked_.added);
  view_change_.deleted.resize(marked_.deleted);
  field_changes_.resize(marked_.fields);
  return batch_.RollBack();
}

absl::StatusOr<std::optional<DocumentKey>> Transaction::FindKey(std::string_view id) const {
  GANNET_ASSIGN_OR_RETURN(const auto bytes, batch_.Read(Family::kIds, id));
  if (!bytes.has_value()) return std::nullopt;
  GANNET_ASSIGN_OR_RETURN(const DocumentKey key, DecodeKey(*bytes));
  return key;
}

absl::StatusOr<std::string> Transaction::ReadRecord(Family family, DocumentKey key) const {
  GANNET_ASSIGN_OR_RETURN(auto bytes, batch_.Read(family, EncodeKey(key)));
  if (!bytes.has_value()) {
    return absl::DataLossError(
        fmt::format("document {} is missing in family {}", key, FamilyName(family)));
  }
  return *std::move(bytes);
}

absl::Status Transaction::Put(const PreparedDocument& document) {
  if (document.key.has_value() && *document.key < totals_.next_key) {
    return absl::InvalidArgumentError(
        fmt::format("document \"{}\": key {}, expected ascending keys from {} on", document.id,
                    *document.key, totals_.next_key));
  }
  GANNET_ASSIGN_OR_RETURN(const auto known, FindKey(document.id));
  return known.has_value() ? PutOver(document, *known) : Insert(document);
}

absl::Status Transaction::PutOver(const PreparedDocument& document, DocumentKey known) {
  GANNET_ASSIGN_OR_RETURN(const std::string bytes, ReadRecord(Family::kDocuments, known));
  GANNET_ASSIGN_OR_RETURN(const DocumentRecord record, DecodeDocument(bytes));
  if (record.fingerprint != document.fingerprint) {
    GANNET_RETURN_IF_ERROR(Remove(known, document.id));
    return Insert(document);
  }
  if (!document.terms.packed.empty()) GANNET_RETURN_IF_ERROR(PutTerms(known, document.terms));
  GANNET_ASSIGN_OR_RETURN(const std::string metadata, ReadRecord(Family::kMetadata, known));
  if (metadata == document.metadata) return absl::OkStatus();
  return ReplaceMetadata(known, metadata, document.metadata, document.fields);
}

absl::Status Transaction::Insert(const PreparedDocument& document) {
  const DocumentKey key = document.key.value_or(totals_.next_key);
  if (key > kMaxDocumentKey) {
    return absl::ResourceExhaustedError(
        fmt::format("document \"{}\": key {} is above {}", document.id, key, kMaxDocumentKey));
  }
  const std::string encoded = EncodeKey(key);
  batch_.Put(Family::kIds, document.id, encoded);
  batch_.Put(Family::kDocuments, encoded, document.document);
  batch_.Put(Family::kMetadata, encoded, document.metadata);
  batch_.Put(Family::kPassages, encoded, document.passages);
  for (size_t i = 0; i < document.vectors.size(); ++i) {
    const PassageKey passage = MakePassageKey(key, i);
    batch_.Put(Family::kVectors, EncodeKey(passage), document.vectors[i]);
    view_change_.added_keys.push_back(passage);
    view_change_.added_records.push_back(document.vectors[i]);
  }
  for (const FieldEntry& entry : document.fields) {
    batch_.Put(Family::kFields, FieldKey(entry, key), "");
  }
  if (!document.terms.packed.empty()) WriteTerms(key, document.terms);
  field_changes_.push_back({.key = key, .before = std::nullopt, .after = document.fields});
  totals_.next_key = key + 1;
  ++totals_.documents;
  totals_.passages += document.vectors.size();
  return absl::OkStatus();
}

absl::Status Transaction::Remove(DocumentKey key, std::string_view id) {
  GANNET_ASSIGN_OR_RETURN(const std::string metadata, ReadRecord(Family::kMetadata, key));
  GANNET_ASSIGN_OR_RETURN(const std::string spans, ReadRecord(Family::kPassages, key));
  GANNET_ASSIGN_OR_RETURN(const uint64_t passages, CountPassages(spans));
  GANNET_ASSIGN_OR_RETURN(std::vector<FieldEntry> fields, ExtractFields(metadata));
  const std::string encoded = EncodeKey(key);
  batch_.Delete(Family::kIds, id);
  for (const Family family : {Family::kDocuments, Family::kMetadata, Family::kPassages}) {
    batch_.Delete(family, encoded);
  }
  for (size_t i = 0; i < passages; ++i) {
    batch_.Delete(Family::kVectors, EncodeKey(MakePassageKey(key, i)));
  }
  for (const FieldEntry& entry : fields) batch_.Delete(Family::kFields, FieldKey(entry, key));
  GANNET_RETURN_IF_ERROR(RemoveTerms(key));
  if (last_sealed_.has_value() && MakePassageKey(key, 0) <= *last_sealed_) {
    batch_.Put(Family::kTombstones, encoded, "");
  }
  field_changes_.push_back({.key = key, .before = std::move(fields), .after = std::nullopt});
  view_change_.deleted.push_back(key);
  --totals_.documents;
  totals_.passages -= passages;
  return absl::OkStatus();
}

absl::StatusOr<bool> Transaction::Delete(std::string_view id) {
  GANNET_ASSIGN_OR_RETURN(const auto key, FindKey(id));
  if (!key.has_value()) return false;
  GANNET_RETURN_IF_ERROR(Remove(*key, id));
  return true;
}

absl::Status Transaction::DeleteKey(DocumentKey key) {
  GANNET_ASSIGN_OR_RETURN(const std::string bytes, ReadRecord(Family::kDocuments, key));
  GANNET_ASSIGN_OR_RETURN(const std::string id, DecodeDocumentId(bytes));
  return Remove(key, id);
}

absl::Status Transaction::UpdateMetadata(std::string_view id, std::string_view merge_patch_json) {
  GANNET_ASSIGN_OR_RETURN(const auto key, FindKey(id));
  if (!key.has_value()) return absl::NotFoundError(fmt::format("no document \"{}\"", id));
  GANNET_ASSIGN_OR_RETURN(const std::string before, ReadRecord(Family::kMetadata, *key));
  absl::StatusOr<std::string> after = MergeMetadata(before, merge_patch_json);
  if (!after.ok()) return base::Annotate(after.status(), fmt::format("document \"{}\"", id));
  absl::StatusOr<std::vector<FieldEntry>> fields = ExtractFields(*after);
  if (!fields.ok()) return base::Annotate(fields.status(), fmt::format("document \"{}\"", id));
  if (*after == before) return absl::OkStatus();
  return ReplaceMetadata(*key, before, *after, *std::move(fields));
}

absl::Status Transaction::ReplaceMetadata(DocumentKey key, const std::string& before,
                                          const std::string& after,
                                          std::vector<FieldEntry> fields) {
  GANNET_ASSIGN_OR_RETURN(std::vector<FieldEntry> old_fields, ExtractFields(before));
  std::vector<FieldEntry> gone, fresh;
  std::set_difference(old_fields.begin(), old_fields.end(), fields.begin(), fields.end(),
                      std::back_inserter(gone));
  std::set_difference(fields.begin(), fields.end(), old_fields.begin(), old_fields.end(),
                      std::back_inserter(fresh));
  for (const FieldEntry& entry : gone) batch_.Delete(Family::kFields, FieldKey(entry, key));
  for (const FieldEntry& entry : fresh) batch_.Put(Family::kFields, FieldKey(entry, key), "");
  batch_.Put(Family::kMetadata, EncodeKey(key), after);
  field_changes_.push_back(
      {.key = key, .before = std::move(old_fields), .after = std::move(fields)});
  return absl::OkStatus();
}

absl::Status Transaction::PutTerms(DocumentKey key, const PreparedTerms& terms) {
  const std::string encoded = EncodeKey(key);
  GANNET_ASSIGN_OR_RETURN(const auto document, batch_.Read(Family::kPassages, encoded));
  if (!document.has_value()) return absl::OkStatus();
  GANNET_ASSIGN_OR_RETURN(const auto known, batch_.Read(Family::kTerms, encoded));
  if (known == EncodeTerms(key, {terms.count, terms.packed})) return absl::OkStatus();
  GANNET_RETURN_IF_ERROR(RemoveTerms(key));
  WriteTerms(key, terms);
  return absl::OkStatus();
}

void Transaction::WriteTerms(DocumentKey key, const PreparedTerms& terms) {
  const std::string record = EncodeTerms(key, {terms.count, terms.packed});
  batch_.Put(Family::kTerms, EncodeKey(key), record);
  ++totals_.terms.documents;
  totals_.terms.terms += terms.count;
  totals_.terms.bytes += record.size();
}

absl::Status Transaction::RemoveTerms(DocumentKey key) {
  if (totals_.terms.documents == 0) return absl::OkStatus();
  GANNET_ASSIGN_OR_RETURN(const auto record, batch_.Read(Family::kTerms, EncodeKey(key)));
  if (!record.has_value()) return absl::OkStatus();
  GANNET_ASSIGN_OR_RETURN(const TermsRecord terms, DecodeTerms(key, *record));
  batch_.Delete(Family::kTerms, EncodeKey(key));
  --totals_.terms.documents;
  totals_.terms.terms -= terms.count;
  totals_.terms.bytes -= record->size();
  return absl::OkStatus();
}

void Transaction::WriteCheckpoint(const Checkpoint& checkpoint) {
  const std::string entry = std::string(kCheckpointPrefix) + checkpoint.name;
  if (checkpoint.state.empty()) {
    batch_.Delete(Family::kMeta, entry);
  } else {
    batch_.Put(Family::kMeta, entry, checkpoint.state);
  }
}

absl::Status Transaction::Swap(SegmentSwap swap, const std::vector<SegmentRecord>& segments) {
  const Store::Range range = {EncodeKey(DocumentOf(swap.first)),
                              EncodeKey(DocumentOf(swap.last) + 1)};
  GANNET_RETURN_IF_ERROR(
      store_.Visit(Family::kTombstones, range,
                   [&](std::string_view key, std::string_view) -> absl::StatusOr<Store::Visiting> {
                     batch_.Delete(Family::kTombstones, key);
                     return Store::Visiting::kGoOn;
                   }));
  if (swap.segment != nullptr) {
    for (const DocumentKey key : swap.deleted) {
      const auto [begin, end] = swap.segment->RowsOf(key);
      if (begin != end) batch_.Put(Family::kTombstones, EncodeKey(key), "");
    }
  }
  batch_.Put(Family::kMeta, kSegmentsEntry, EncodeSegments(segments));
  swap_ = std::move(swap);
  return absl::OkStatus();
}

bool Transaction::Finish() {
  if (batch_.empty()) return false;
  ++totals_.sequence;
  batch_.Put(Family::kMeta, kTotalsEntry, EncodeTotals(totals_));
  return true;
}

}  // namespace gannet::indexer
