#ifndef GANNET_INDEXER_COLLECTION_COMMIT_QUEUE_H_
#define GANNET_INDEXER_COLLECTION_COMMIT_QUEUE_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "indexer/collection/transaction.h"

namespace gannet::indexer {

// One caller's change on its way into a group.
struct Change {
  absl::FunctionRef<absl::Status(Transaction&)> apply;
  // Alone: it needs to see all changes before it committed, so it begins a group and ends it.
  enum class Company { kAny, kAlone } company = Company::kAny;
  size_t bytes = 0;  // About how much it writes.

  absl::Status status = absl::OkStatus();
  bool done = false;
};

// Group commit. Callers queue their changes; the first in the queue leads: it commits its own and
// those that came by then as one group, while the next ones gather. A synced write so serves all
// that waited for the one before.
class CommitQueue {
 public:
  using Committer = std::function<void(std::span<Change* const> group)>;

  // `commit` sets the status of each change; it is called by one thread at a time.
  explicit CommitQueue(Committer commit) : commit_(std::move(commit)) {}

  // Returns when the change is committed or refused.
  absl::Status Submit(Change change);

  // Changes that are neither committed nor refused yet.
  size_t waiting() const;

 private:
  static constexpr size_t kMostBytes = size_t{16} << 20;  // Of a group of several changes.
  static constexpr size_t kMostChanges = 256;

  std::vector<Change*> NextGroup() const;  // Requires mutex_ and a change in the queue.

  const Committer commit_;
  mutable std::mutex mutex_;
  std::condition_variable done_;
  std::deque<Change*> queue_;  // The first one's thread leads.
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_COMMIT_QUEUE_H_
