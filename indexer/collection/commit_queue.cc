#include "indexer/collection/commit_queue.h"

#include <utility>

namespace gannet::indexer {

absl::Status CommitQueue::Submit(Change change) {
  std::unique_lock lock(mutex_);
  queue_.push_back(&change);
  done_.wait(lock, [&] { return change.done || queue_.front() == &change; });
  if (change.done) return std::move(change.status);

  const std::vector<Change*> group = NextGroup();
  lock.unlock();
  commit_(group);
  lock.lock();
  for (Change* committed : group) {
    committed->done = true;
    queue_.pop_front();
  }
  done_.notify_all();
  return std::move(change.status);
}

size_t CommitQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

std::vector<Change*> CommitQueue::NextGroup() const {
  std::vector<Change*> group;
  size_t bytes = 0;
  for (Change* change : queue_) {
    bytes += change->bytes;
    const bool alone = change->company == Change::Company::kAlone;
    if (!group.empty() && (alone || bytes > kMostBytes || group.size() == kMostChanges)) break;
    group.push_back(change);
    if (alone) break;
  }
  return group;
}

}  // namespace gannet::indexer
