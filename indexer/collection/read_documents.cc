#include "indexer/collection/read_documents.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/status.h"
#include "indexer/store/record.h"

namespace gannet::indexer {
namespace {

absl::StatusOr<std::string> ReadPart(const Store& store, Family family, DocumentKey key,
                                     const StoreSnapshot& snapshot) {
  GANNET_ASSIGN_OR_RETURN(auto bytes, store.Read(family, EncodeKey(key), &snapshot));
  if (!bytes.has_value()) {
    return absl::DataLossError(fmt::format("{}: document {} is missing in family {}",
                                           store.folder().string(), key, FamilyName(family)));
  }
  return *std::move(bytes);
}

absl::StatusOr<DocumentRecord> ReadDocumentRecord(const Store& store, DocumentKey key,
                                                  const StoreSnapshot& snapshot) {
  GANNET_ASSIGN_OR_RETURN(const auto bytes,
                          store.Read(Family::kDocuments, EncodeKey(key), &snapshot));
  if (!bytes.has_value()) {
    return absl::NotFoundError(fmt::format("{}: no document {}", store.folder().string(), key));
  }
  absl::StatusOr<DocumentRecord> record = DecodeDocument(*bytes);
  if (!record.ok()) {
    return base::Annotate(record.status(),
                          fmt::format("{}: document {}", store.folder().string(), key));
  }
  return record;
}

absl::StatusOr<Document> Assemble(DocumentRecord record, const Store& store, DocumentKey key,
                                  const StoreSnapshot& snapshot) {
  GANNET_ASSIGN_OR_RETURN(std::string metadata, ReadPart(store, Family::kMetadata, key, snapshot));
  return Document{.id = std::move(record.id),
                  .title = std::move(record.title),
                  .text = std::move(record.text),
                  .metadata_json = std::move(metadata)};
}

}  // namespace

absl::StatusOr<Document> ReadDocument(const Store& store, DocumentKey key,
                                      const StoreSnapshot& snapshot) {
  GANNET_ASSIGN_OR_RETURN(DocumentRecord record, ReadDocumentRecord(store, key, snapshot));
  return Assemble(std::move(record), store, key, snapshot);
}

absl::StatusOr<StoredDocument> ReadStoredDocument(const Store& store, const VectorShape& shape,
                                                  DocumentKey key, const StoreSnapshot& snapshot) {
  GANNET_ASSIGN_OR_RETURN(DocumentRecord record, ReadDocumentRecord(store, key, snapshot));
  StoredDocument stored{
      .key = key, .document = {}, .passages = {}, .vectors = {}, .ordinal = record.ordinal};
  GANNET_ASSIGN_OR_RETURN(stored.document, Assemble(std::move(record), store, key, snapshot));
  GANNET_ASSIGN_OR_RETURN(const std::string spans,
                          ReadPart(store, Family::kPassages, key, snapshot));
  GANNET_ASSIGN_OR_RETURN(stored.passages, DecodePassages(spans));
  for (size_t i = 0; i < stored.passages.size(); ++i) {
    GANNET_ASSIGN_OR_RETURN(
        const auto vector,
        store.Read(Family::kVectors, EncodeKey(MakePassageKey(key, i)), &snapshot));
    if (!vector.has_value() || vector->size() != VectorRecordBytes(shape)) {
      return absl::DataLossError(fmt::format("{}: document {}: vector {} is missing or damaged",
                                             store.folder().string(), key, i));
    }
    stored.vectors += *vector;
  }
  return stored;
}

absl::StatusOr<std::optional<std::string>> ReadTerms(const Store& store, DocumentKey key,
                                                     const StoreSnapshot* snapshot) {
  GANNET_ASSIGN_OR_RETURN(const auto bytes, store.Read(Family::kTerms, EncodeKey(key), snapshot));
  if (!bytes.has_value()) return std::nullopt;
  const absl::StatusOr<TermsRecord> record = DecodeTerms(key, *bytes);
  if (!record.ok()) return base::Annotate(record.status(), store.folder().string());
  return std::string(record->packed);
}

absl::StatusOr<std::vector<Collection::ScannedDocument>> ScanDocuments(
    const Store& store, std::optional<DocumentKey> after, size_t limit,
    const StoreSnapshot& snapshot) {
  std::vector<Collection::ScannedDocument> documents;
  if (limit == 0 || after >= kMaxDocumentKey) return documents;
  const auto visit = [&](std::string_view bytes,
                         std::string_view value) -> absl::StatusOr<Store::Visiting> {
    GANNET_ASSIGN_OR_RETURN(const DocumentKey key, DecodeKey(bytes));
    GANNET_ASSIGN_OR_RETURN(DocumentRecord record, DecodeDocument(value));
    GANNET_ASSIGN_OR_RETURN(Document document, Assemble(std::move(record), store, key, snapshot));
    documents.push_back({.key = key, .document = std::move(document)});
    return documents.size() == limit ? Store::Visiting::kStop : Store::Visiting::kGoOn;
  };
  const DocumentKey first = after.has_value() ? *after + 1 : 0;
  GANNET_RETURN_IF_ERROR(
      store.Visit(Family::kDocuments, {.first = EncodeKey(first)}, visit, &snapshot));
  return documents;
}

}  // namespace gannet::indexer
