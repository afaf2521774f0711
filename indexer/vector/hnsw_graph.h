#ifndef GANNET_INDEXER_VECTOR_HNSW_GRAPH_H_
#define GANNET_INDEXER_VECTOR_HNSW_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/huge_page_allocator.h"
#include "base/thread_pool.h"
#include "indexer/vector/vector_table.h"

namespace gannet::indexer {

struct HnswOptions {
  size_t links = 16;  // M: links of a node on each upper level; twice as many on the lowest.
  size_t build_effort = 200;  // efConstruction: nodes kept in view while a node is inserted.
};

// OK for 2 <= links <= 512 and 1 <= build_effort <= 65,536.
absl::Status CheckHnswOptions(const HnswOptions& options);

// A row of a table and its score for the query at hand.
struct ScoredRow {
  float score = 0;
  uint32_t row : 31 = 0;
  uint32_t expanded : 1 = 0;  // Its links have been followed.

  // The order of every result: score descending, then row ascending.
  friend bool operator<(const ScoredRow& a, const ScoredRow& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  }
};

// What one search on a graph needs beside the graph; kept between searches to save its making.
class HnswScratch {
 private:
  friend class HnswGraph;
  friend class HnswBuilder;

  void StartLevel(size_t nodes);        // Nothing is visited but what the beam holds.
  bool Visit(uint32_t node);            // False when it was visited on this level.
  void Insert(const ScoredRow& found);  // Into the beam, where it is good enough for it.

  std::vector<uint16_t> visited_;  // The epoch in which each node was last visited.
  uint16_t epoch_ = 0;
  std::vector<ScoredRow> beam_;  // The best so far, best first; at most `width_`.
  size_t width_ = 1;
  size_t next_ = 0;  // No entry before this one is unexpanded.
  std::vector<uint32_t> rows_;
  std::vector<float> scores_;
};

// A hierarchical navigable small world (Malkov & Yashunin 2018, arXiv:1603.09320) over the rows of
// a table. Searches may run side by side.
//
// FAISS builds such graphs too, but differently on every run when threads share the work, and
// follows one link at a time. Here nodes enter in rounds, as in ParlayANN (Manohar et al. 2024,
// arXiv:2305.04359): each finds its links in the graph as the round found it, then every node
// linked to takes its new links together. The graph depends on the table and the options alone,
// not on the number of threads, and there are no locks.
class HnswGraph {
 public:
  // All rows of the table (at most 2³¹ − 1).
  static absl::StatusOr<HnswGraph> Build(const VectorTable& table, const HnswOptions& options,
                                         base::ThreadPool& pool);

  // The graph's arrays as they go into a file and come out of it.
  struct Parts {
    size_t links = 0;
    std::span<const uint8_t> levels;        // [nodes]: the highest level of each.
    std::span<const uint32_t> base_links;   // [nodes, 2 links]
    std::span<const uint32_t> upper_links;  // [Σ levels, links]
  };
  Parts parts() const;

  // A graph of copies of the parts. kDataLoss unless every link leads to a node of its level.
  static absl::StatusOr<HnswGraph> FromParts(const Parts& parts);

  size_t size() const { return levels_.size(); }
  size_t bytes() const;

  // The rows nearest to the scorer's query, best first, at most `effort` (efSearch; at least 1) of
  // them. `scorer` works on the table that the graph was built over, or on the same rows in another
  // format. The answer lies in `scratch` until that is used again.
  std::span<const ScoredRow> Search(const VectorScorer& scorer, size_t effort,
                                    HnswScratch& scratch) const;

 private:
  friend class HnswBuilder;

  static constexpr uint32_t kNoLink = ~uint32_t{0};  // Fills the end of a list.

  explicit HnswGraph(size_t links) : links_(links) {}

  void PlaceUpperLists();
  size_t Capacity(size_t level) const { return level == 0 ? 2 * links_ : links_; }
  const uint32_t* List(uint32_t node, size_t level) const;
  uint32_t* List(uint32_t node, size_t level);
  absl::Status CheckLists() const;

  // Fills the beam with the entry node, then widens level by level down to `level`, which itself is
  // left to the caller.
  void DescendAbove(size_t level, const VectorScorer& scorer, HnswScratch& scratch) const;
  // Follows links on one level until every node of the beam is expanded.
  void Expand(size_t level, const VectorScorer& scorer, HnswScratch& scratch) const;

  size_t links_ = 0;
  uint32_t entry_ = kNoLink;  // A node of the highest level.
  std::vector<uint8_t> levels_;
  std::vector<uint32_t, base::HugePageAllocator<uint32_t>> base_links_;
  std::vector<uint32_t> upper_links_;
  std::vector<uint32_t> upper_first_;  // [nodes]: which list of upper_links_ is a node's level 1.
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_HNSW_GRAPH_H_
