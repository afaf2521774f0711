#ifndef GANNET_EVAL_RUN_FILE_H_
#define GANNET_EVAL_RUN_FILE_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gannet::eval {

struct RetrievedDocument {
  std::string id;
  double score = 0;  // Higher is better.
};

// What a system retrieved for one query.
struct Ranking {
  std::string query_id;
  std::vector<RetrievedDocument> documents;  // In the order of the system, best first.
};

// What a system retrieved for a set of queries.
struct Run {
  std::string tag;  // Names the system.
  std::vector<Ranking> rankings;
};

// A run file in TREC's form, one line a document: query id, the literal Q0, document id, rank,
// score, tag.

// Columns are separated by blanks or tabs; the second and the rank are not looked at, and what
// follows the tag is ignored, all as trec_eval does. The file may be compressed. The lines of a
// query need not be together. Errors name file and line: fewer than six columns, a score that is
// not a number, a document that the query has already.
absl::StatusOr<Run> ReadRun(const std::filesystem::path& path);

// Writes ranks from 1 in the order of each ranking. Scores have nine significant digits: reading
// them back gives the same float. Ids and tags that are empty or hold a blank are refused.
absl::Status WriteRun(const Run& run, const std::filesystem::path& path);

}  // namespace gannet::eval

#endif  // GANNET_EVAL_RUN_FILE_H_
