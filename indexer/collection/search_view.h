#ifndef GANNET_INDEXER_COLLECTION_SEARCH_VIEW_H_
#define GANNET_INDEXER_COLLECTION_SEARCH_VIEW_H_

#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "indexer/collection.h"
#include "indexer/collection/view.h"
#include "indexer/filter/document_set.h"

namespace gannet::indexer {

struct ViewSearch {
  size_t k = 10;
  const DocumentSet* passing = nullptr;  // Null: all documents pass.
  size_t effort = 0;
  size_t rescored = 0;
  SearchMode mode = SearchMode::kAutomatic;
};

// The k documents with the best passages (MaxP) over all parts of the view. Where few documents
// pass, their rows are scored one by one; else the indexes are searched with a filter, and so wide
// that k documents are found, however many passages each has.
absl::StatusOr<SearchAnswer> SearchView(const View& view, std::span<const float> query,
                                        const ViewSearch& search);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_SEARCH_VIEW_H_
