#ifndef GANNET_RANKER_RERANK_ICR_BLOCK_CACHE_H_
#define GANNET_RANKER_RERANK_ICR_BLOCK_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "encoder/layers/key_value_cache.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::ranker {

// Keys and values of introductions and of documents read after them, kept from query to query of
// one re-ranker, the least recently used leaving first. Safe to use from several threads.
class DocumentBlockCache {
 public:
  using Block = std::shared_ptr<const encoder::KeyValueCache>;
  // The tokens of a block. What it was read after is the same for all blocks of a re-ranker.
  using Key = std::vector<encoder::TokenId>;

  explicit DocumentBlockCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  // The block, or null.
  Block Find(const Key& key);

  // Keeps a block; one that is larger than the limit is not kept.
  void Insert(const Key& key, Block block);

  size_t bytes() const;
  size_t hits() const;
  size_t misses() const;

 private:
  using Entry = std::pair<Key, Block>;

  const size_t max_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // The most recently used first.
  std::map<Key, std::list<Entry>::iterator> places_;
  size_t bytes_ = 0;
  size_t hits_ = 0;
  size_t misses_ = 0;
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_ICR_BLOCK_CACHE_H_
