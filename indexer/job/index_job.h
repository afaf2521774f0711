#ifndef GANNET_INDEXER_JOB_INDEX_JOB_H_
#define GANNET_INDEXER_JOB_INDEX_JOB_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/embed/embedder.h"
#include "indexer/collection.h"

namespace gannet::indexer {

// What to do with a line that is not a document, repeats an `_id` of the same input, or holds a
// document that the model cannot embed.
enum class BadLinePolicy { kStop, kSkip };

enum class ProgressDisplay { kNone, kStandardError };

struct IndexJobOptions {
  std::filesystem::path input;  // BEIR JSONL.
  BadLinePolicy bad_lines = BadLinePolicy::kStop;
  ProgressDisplay progress = ProgressDisplay::kNone;
  size_t block_documents = 128;  // Encoded together and stored in one atomic batch.
};

struct IndexReport {
  uint64_t documents = 0;       // Good lines, all of them stored.
  uint64_t unchanged = 0;       // Of them, stored before with the same content: not encoded again.
  uint64_t empty_texts = 0;     // Of them, with neither title nor text; stored like the others.
  uint64_t cut_texts = 0;       // Longer than the model reads; encoded up to its limit.
  uint64_t replaced_bytes = 0;  // Ill-formed UTF-8 sequences that became U+FFFD.
  uint64_t skipped_lines = 0;
  std::vector<std::string> skipped_examples;  // The first few reasons.
  uint64_t tokens_read = 0;
  double seconds = 0;
};

// Reads the corpus, encodes it block by block and stores each block durably. On an error every
// block before it is stored, and what is good of its own; the message says where the input went
// wrong. Running the job again goes on from there, because what is stored already is not encoded
// again.
absl::StatusOr<IndexReport> RunIndexJob(const encoder::Embedder& model, Collection& collection,
                                        const IndexJobOptions& options, base::ThreadPool& pool);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_JOB_INDEX_JOB_H_
