#ifndef GANNET_RANKER_FOUND_PASSAGE_H_
#define GANNET_RANKER_FOUND_PASSAGE_H_

#include "absl/status/statusor.h"
#include "indexer/collection.h"
#include "ranker/hit.h"
#include "ranker/text_window.h"

namespace gannet::ranker {

// The passage that a hit was found by, as a part of its document's text. `document` is that of the
// hit. kNotFound when it was deleted since; kDataLoss when it has no such passage.
absl::StatusOr<TextWindow> LocatePassage(const indexer::Collection& collection, const Hit& hit,
                                         const indexer::Document& document);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_FOUND_PASSAGE_H_
