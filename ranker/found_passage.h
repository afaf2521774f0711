#ifndef GANNET_RANKER_FOUND_PASSAGE_H_
#define GANNET_RANKER_FOUND_PASSAGE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "indexer/collection.h"
#include "ranker/hit.h"

namespace gannet::ranker {

// The passage that a hit was found by, as a part of its document's text. The title, which stands
// before the text where passages are cut, is left out.
struct FoundPassage {
  size_t index = 0;         // Among the passages of the document,
  size_t count = 1;         // of which there are so many.
  uint64_t first_byte = 0;  // Of the text.
  uint64_t bytes = 0;

  friend bool operator==(const FoundPassage&, const FoundPassage&) = default;
};

// `document` is that of the hit. kNotFound when it was deleted since; kDataLoss when it has no such
// passage.
absl::StatusOr<FoundPassage> LocatePassage(const indexer::Collection& collection, const Hit& hit,
                                           const indexer::Document& document);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_FOUND_PASSAGE_H_
