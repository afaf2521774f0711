#ifndef GANNET_INDEXER_JOB_TERM_JOB_H_
#define GANNET_INDEXER_JOB_TERM_JOB_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/score/term_encoder.h"
#include "indexer/collection.h"
#include "indexer/job/index_job.h"

namespace gannet::indexer {

struct TermJobOptions {
  ProgressDisplay progress = ProgressDisplay::kNone;
  // Asked between blocks: true ends the run there.
  std::function<bool()> stop = {};
};

struct TermJobReport {
  uint64_t documents = 0;             // Given terms by this run.
  uint64_t tokens = 0;                // Of theirs.
  uint64_t without = 0;               // Passed over by this run: they can have none.
  std::vector<std::string> examples;  // The first few of them, and why.
  bool stopped = false;               // By `stop`, before the end.
  double seconds = 0;
};

// Gives terms to the documents of a collection that have none. They are stored block by block, each
// in one atomic batch with the key up to which all is done: a run after one that was stopped or
// killed goes on behind it. The collection ends with the bytes (Collection::Digest) that it would
// have if each document had come with its terms.
absl::StatusOr<TermJobReport> RunTermJob(const encoder::TermEncoder& model, Collection& collection,
                                         const TermJobOptions& options, base::ThreadPool& pool);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_JOB_TERM_JOB_H_
