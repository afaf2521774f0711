#ifndef GANNET_INDEXER_JOB_INDEX_JOB_H_
#define GANNET_INDEXER_JOB_INDEX_JOB_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/embed/embedder.h"
#include "encoder/score/term_encoder.h"
#include "indexer/collection.h"
#include "indexer/job/corpus_reader.h"
#include "indexer/job/job_ledger.h"

namespace gannet::indexer {

// What to do with a record that is not a document, repeats an id of the same input, or holds a
// document that the model cannot embed.
enum class BadRecordPolicy { kStop, kSkip };

enum class ProgressDisplay { kNone, kStandardError };

struct IndexJobOptions {
  CorpusOptions corpus;
  Shard shard = {};
  BadRecordPolicy bad_records = BadRecordPolicy::kStop;
  ProgressDisplay progress = ProgressDisplay::kNone;
  // Whose terms documents get beside their vectors; those that the collection keeps, and null where
  // it keeps none.
  const encoder::TermEncoder* terms = nullptr;
  // About so many tokens are encoded together and stored in one atomic batch: what is repeated
  // after a kill. 0: what takes some 25 ms, but enough to keep the model busy. What is stored does
  // not depend on it.
  size_t block_tokens = 0;
  // Asked between blocks: true ends the run there.
  std::function<bool()> stop = {};
  // Called when all is stored and segments are to be made.
  std::function<void()> before_publish = {};
};

struct IndexReport {
  IndexCounts counts;            // Of the whole job, by however many runs.
  uint64_t resumed_records = 0;  // Done with by earlier runs: read again, not encoded again.
  uint64_t encoded = 0;          // Documents encoded by this run.
  uint64_t encoded_tokens = 0;
  bool stopped = false;  // By `stop`, before the end.
  std::string notice;    // Why the run began anew where another one was unfinished; or empty.
  CorpusFormat format = CorpusFormat::kJsonl;
  double seconds = 0;  // Without publishing.
  double publish_seconds = 0;
};

// Reads the corpus, encodes it block by block and stores each block durably with the job's ledger;
// makes segments of what was stored at the end. Memory does not grow with the corpus (but for one
// bit for each document that the collection held before).
//
// A run after one that was stopped, failed or killed at any moment goes on behind the last block
// that was stored, and leaves the very bytes (Collection::Digest) that one undisturbed run would
// have left. It reads what was done with again, to see that it has not changed; where it has, or
// where the collection was changed meanwhile, the job begins anew and says so. A run after one that
// was finished adds what is new: documents that are stored with the same content are not encoded
// again.
//
// A document that has no vector, or no terms where they are asked for, is a bad record.
//
// On an error everything before the record in question is stored; the message says where it is.
absl::StatusOr<IndexReport> RunIndexJob(const encoder::Embedder& model, Collection& collection,
                                        const IndexJobOptions& options, base::ThreadPool& pool);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_JOB_INDEX_JOB_H_
