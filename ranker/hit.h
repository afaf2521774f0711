#ifndef GANNET_RANKER_HIT_H_
#define GANNET_RANKER_HIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "indexer/collection.h"

namespace gannet::ranker {

// The score that one stage of the pipeline gave a hit.
struct StageScore {
  std::string stage;  // "dense"
  float score = 0;
};

struct Hit {
  indexer::DocumentKey key = 0;
  std::string id;   // The document's external id.
  float score = 0;  // Of the last stage; higher is better.
  std::vector<StageScore> stage_scores;
  uint32_t passage = 0;  // Ordinal of the document's passage that was found.
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_HIT_H_
