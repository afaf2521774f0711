#ifndef GANNET_INDEXER_VECTOR_HNSW_BUILDER_H_
#define GANNET_INDEXER_VECTOR_HNSW_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/object_pool.h"
#include "base/thread_pool.h"
#include "indexer/vector/hnsw_graph.h"
#include "indexer/vector/vector_table.h"

namespace gannet::indexer {

// Builds the graph of a table, once.
class HnswBuilder {
 public:
  HnswBuilder(const VectorTable& table, const HnswOptions& options);

  HnswGraph Build(base::ThreadPool& pool);

 private:
  // A link that a new node asks of an older one.
  struct Link {
    uint32_t target = 0;
    uint32_t source = 0;
    uint32_t level = 0;
  };

  void DrawLevels();
  void InsertRound(std::span<const uint32_t> round, base::ThreadPool& pool);
  // Links a node to what it finds, and says which links it asks for in return.
  void Insert(uint32_t node, HnswScratch& scratch, std::vector<Link>& asked);
  // Gives links.front().target the links asked of it on one level.
  void Answer(std::span<const Link> links);
  void Keep(std::span<const ScoredRow> candidates, uint32_t node, size_t level);

  const VectorTable& table_;
  const HnswOptions options_;
  HnswGraph graph_;
  std::vector<uint32_t> order_;  // In which nodes enter: higher levels first, else at random.
  base::ObjectPool<HnswScratch> scratches_;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_HNSW_BUILDER_H_
