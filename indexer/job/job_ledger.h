#ifndef GANNET_INDEXER_JOB_JOB_LEDGER_H_
#define GANNET_INDEXER_JOB_JOB_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "indexer/document.h"

namespace gannet::indexer {

// Which records of an input a job takes: those whose ids' XXH3 leaves `index` modulo `count`.
struct Shard {
  uint32_t index = 0;
  uint32_t count = 1;

  // Reads "i/N", i from 0 to N - 1.
  static absl::StatusOr<Shard> Parse(std::string_view text);
  std::string ToString() const;
  bool Takes(std::string_view id) const;

  friend bool operator==(const Shard&, const Shard&) = default;
};

// What an indexing job counts.
struct IndexCounts {
  uint64_t documents = 0;           // Good records of this shard, all of them stored.
  uint64_t unchanged = 0;           // Of them, stored before with the same content.
  uint64_t empty_texts = 0;         // Of them, with neither title nor text; stored like the others.
  uint64_t long_texts = 0;          // Read in more than one window.
  uint64_t cut_texts = 0;           // Not read to their ends.
  uint64_t other_shards = 0;        // Records that other shards take.
  uint64_t replaced_sequences = 0;  // Ill-formed UTF-8 that became U+FFFD.
  uint64_t skipped_records = 0;
  std::vector<std::string> skipped_examples;  // The first few reasons.
  uint64_t tokens_total = 0;
  uint64_t tokens_read = 0;
  uint64_t windows = 0;  // That were read of all texts, one of each short one.
  uint64_t blocks = 0;   // That were read of all texts, where the model reads blocks.

  friend bool operator==(const IndexCounts&, const IndexCounts&) = default;
};

// How far a job is: a checkpoint of the collection, written with each block of documents.
struct JobLedger {
  static constexpr char kCheckpointName[] = "index";

  Shard shard;
  DocumentKey base_key = 0;  // A document's key is this plus the ordinal of its record.
  uint64_t records = 0;      // Records of the input that are done with.
  // Hash over the content of these records, and of the first of them: a run goes on only behind
  // records that are what they were.
  std::string consumed;
  std::string first;
  bool finished = false;  // All is stored and in segments.
  IndexCounts counts;

  std::string ToJson() const;
  static absl::StatusOr<JobLedger> Parse(std::string_view json);

  friend bool operator==(const JobLedger&, const JobLedger&) = default;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_JOB_JOB_LEDGER_H_
