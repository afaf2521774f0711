#include "ranker/rerank/icr_block_cache.h"

namespace gannet::ranker {

DocumentBlockCache::Block DocumentBlockCache::Find(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(key);
  if (found == places_.end()) {
    ++misses_;
    return nullptr;
  }
  ++hits_;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void DocumentBlockCache::Insert(const Key& key, Block block) {
  const size_t bytes = block->bytes();
  const std::lock_guard lock(mutex_);
  if (bytes > max_bytes_ || places_.contains(key)) return;
  while (bytes_ + bytes > max_bytes_) {
    bytes_ -= entries_.back().second->bytes();
    places_.erase(entries_.back().first);
    entries_.pop_back();
  }
  entries_.emplace_front(key, std::move(block));
  places_.emplace(key, entries_.begin());
  bytes_ += bytes;
}

size_t DocumentBlockCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

size_t DocumentBlockCache::hits() const {
  const std::lock_guard lock(mutex_);
  return hits_;
}

size_t DocumentBlockCache::misses() const {
  const std::lock_guard lock(mutex_);
  return misses_;
}

}  // namespace gannet::ranker
