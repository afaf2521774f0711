#ifndef GANNET_INDEXER_COLLECTION_READ_DOCUMENTS_H_
#define GANNET_INDEXER_COLLECTION_READ_DOCUMENTS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "indexer/collection.h"
#include "indexer/store/store.h"
#include "indexer/vector/vector_table.h"

// Documents put together from the families of a store. With a snapshot all of them are read at its
// moment; documents that change meanwhile are not torn.
namespace gannet::indexer {

// kNotFound when there is no such document; kDataLoss when a part of it is missing. Terms are read
// by ReadTerms alone.
absl::StatusOr<Document> ReadDocument(const Store& store, DocumentKey key,
                                      const StoreSnapshot& snapshot);
absl::StatusOr<StoredDocument> ReadStoredDocument(const Store& store, const VectorShape& shape,
                                                  DocumentKey key, const StoreSnapshot& snapshot);

// As Collection::GetTerms.
absl::StatusOr<std::optional<std::string>> ReadTerms(const Store& store, DocumentKey key,
                                                     const StoreSnapshot* snapshot = nullptr);

// As Collection::Scan.
absl::StatusOr<std::vector<Collection::ScannedDocument>> ScanDocuments(
    const Store& store, std::optional<DocumentKey> after, size_t limit,
    const StoreSnapshot& snapshot);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_READ_DOCUMENTS_H_
