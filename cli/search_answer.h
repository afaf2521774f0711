#ifndef GANNET_CLI_SEARCH_ANSWER_H_
#define GANNET_CLI_SEARCH_ANSWER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "encoder/embed/embedder.h"
#include "indexer/collection.h"
#include "ranker/hit.h"
#include "ranker/pipeline/pipeline.h"
#include "ranker/rerank/rerank_stage.h"
#include "ranker/text_window.h"

namespace gannet::cli {

// The answer to one query, from this process or from a server, ready to be shown.
struct SearchAnswer {
  struct ShownHit {
    indexer::Document document;
    float score = 0;
    std::vector<ranker::StageScore> stage_scores;
    std::vector<ranker::Explanation> explanations = {};
    std::string error = {};           // Why the last stage could not score it.
    ranker::TextWindow passage = {};  // The part of the text that was found.
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
  std::vector<ranker::StageReport> stages = {};  // Of a pipeline.
};

// For people: rank, score, id, title and the beginning of the passage that was found, each hit on
// two lines of at most `columns` bytes, and a line for each explanation; then what was read of the
// query, how long it took, and what the stages of a pipeline did.
std::string RenderTable(const SearchAnswer& answer, size_t columns);

// For programs: one JSON object, with the whole text and metadata of each hit.
std::string RenderJson(const SearchAnswer& answer);

}  // namespace gannet::cli

#endif  // GANNET_CLI_SEARCH_ANSWER_H_
