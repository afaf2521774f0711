#ifndef GANNET_INDEXER_COLLECTION_PREPARE_H_
#define GANNET_INDEXER_COLLECTION_PREPARE_H_

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "indexer/collection.h"
#include "indexer/collection/transaction.h"

namespace gannet::indexer {

// A vector of cosine similarity at unit length; one within rounding of it stays as it is, so that
// stored bytes are the model's.
void BringToUnitLength(std::span<float> vector);

// Checks packed terms against the schema; the result borrows them.
absl::StatusOr<PreparedTerms> PrepareTerms(const CollectionSchema& schema, std::string_view packed);

// Checks documents against the schema and encodes them; their terms are borrowed. kInvalidArgument
// names document and value.
absl::StatusOr<std::vector<PreparedDocument>> Prepare(const CollectionSchema& schema,
                                                      std::span<const EmbeddedDocument> documents);
absl::StatusOr<std::vector<PreparedDocument>> PrepareStored(
    const CollectionSchema& schema, std::span<const StoredDocument> documents);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_PREPARE_H_
