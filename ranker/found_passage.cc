#include "ranker/found_passage.h"

#include <fmt/format.h>

#include <vector>

#include "base/status.h"
#include "indexer/job/corpus_reader.h"

namespace gannet::ranker {

absl::StatusOr<FoundPassage> LocatePassage(const indexer::Collection& collection, const Hit& hit,
                                           const indexer::Document& document) {
  GANNET_ASSIGN_OR_RETURN(const std::vector<indexer::Passage> passages,
                          collection.GetPassages(hit.key));
  if (hit.passage >= passages.size()) {
    return absl::DataLossError(fmt::format("document \"{}\" has {} passages, none of number {}",
                                           hit.id, passages.size(), hit.passage));
  }
  const indexer::Passage& passage = passages[hit.passage];
  const uint64_t first = indexer::TextByte(document, passage.first_byte);
  return FoundPassage{
      .index = hit.passage,
      .count = passages.size(),
      .first_byte = first,
      .bytes = indexer::TextByte(document, passage.first_byte + passage.bytes) - first};
}

}  // namespace gannet::ranker
