#ifndef GANNET_RANKER_PIPELINE_GROUP_H_
#define GANNET_RANKER_PIPELINE_GROUP_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "ranker/rerank/rerank_stage.h"

namespace gannet::ranker {

// Of the candidates with the same values in the metadata field `field` (nested ones have dotted
// names; "_id" is the document's id), which come best first, keeps the first. One without the
// field, or whose metadata are no JSON object, is a group of its own. Returns how many have gone.
size_t KeepBestOfGroups(std::string_view field, std::vector<Candidate>& candidates);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_PIPELINE_GROUP_H_
