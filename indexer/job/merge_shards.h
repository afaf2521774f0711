#ifndef GANNET_INDEXER_JOB_MERGE_SHARDS_H_
#define GANNET_INDEXER_JOB_MERGE_SHARDS_H_

#include <cstdint>
#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "indexer/job/index_job.h"

namespace gannet::indexer {

struct MergeReport {
  uint64_t documents = 0;
  uint64_t passages = 0;
  double seconds = 0;
};

// Makes a collection in `folder` (kAlreadyExists when there is something) of all shards of one job:
// the one that the job would have made unsharded, to the byte (Collection::Digest).
// kFailedPrecondition, naming the folder, when a shard is missing, unfinished or there twice, or
// when shards were made with different models, schemas or inputs. Reads the shards side by side in
// the order of keys, in memory that does not grow with them. The collection appears under its name
// when it is complete.
absl::StatusOr<MergeReport> MergeShards(const std::filesystem::path& folder,
                                        const std::vector<std::filesystem::path>& shards,
                                        ProgressDisplay progress, base::ThreadPool& pool);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_JOB_MERGE_SHARDS_H_
