#ifndef GANNET_CLI_SEARCH_ANSWER_H_
#define GANNET_CLI_SEARCH_ANSWER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "encoder/embed/embedder.h"
#include "indexer/collection.h"
#include "ranker/found_passage.h"
#include "ranker/hit.h"

namespace gannet::cli {

// The answer to one query, from this process or from a server, ready to be shown.
struct SearchAnswer {
  struct ShownHit {
    indexer::Document document;
    float score = 0;
    std::vector<ranker::StageScore> stage_scores;
    ranker::FoundPassage passage;  // Of the text.
  };

  std::string query;
  std::string collection;
  std::string model_name;
  std::string model_fingerprint;
  std::vector<ShownHit> hits;  // Best first.
  encoder::TokenCount query_tokens;
  size_t query_windows = 1;
  uint64_t encode_us = 0;
  uint64_t retrieve_us = 0;
  uint64_t total_us = 0;
};

// For people: rank, score, id, title and the beginning of the passage that was found, each hit on
// two lines of at most `columns` bytes; then what was read of the query and how long it took.
std::string RenderTable(const SearchAnswer& answer, size_t columns);

// For programs: one JSON object, with the whole text and metadata of each hit.
std::string RenderJson(const SearchAnswer& answer);

}  // namespace gannet::cli

#endif  // GANNET_CLI_SEARCH_ANSWER_H_
