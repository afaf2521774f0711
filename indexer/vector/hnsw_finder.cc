#include <algorithm>
#include <utility>

#include "base/object_pool.h"
#include "base/status.h"
#include "indexer/vector/candidate_finder.h"
#include "indexer/vector/hnsw_graph.h"

namespace gannet::indexer {
namespace {

class HnswFinder final : public CandidateFinder {
 public:
  HnswFinder(const VectorTable& table, HnswGraph graph) : table_(table), graph_(std::move(graph)) {}

  absl::StatusOr<std::vector<uint32_t>> Find(std::span<const float> query, size_t effort,
                                             size_t count) const override {
    const auto scratch = scratches_.Take();
    VectorScorer scorer(table_);
    scorer.SetQuery(query);
    const size_t width = std::min(std::max(effort, count), graph_.size());
    const auto found = graph_.Search(scorer, std::max<size_t>(width, 1), *scratch);
    std::vector<uint32_t> rows(found.size());
    std::transform(found.begin(), found.end(), rows.begin(),
                   [](const ScoredRow& row) { return row.row; });
    return rows;
  }

  size_t default_effort() const override { return 64; }

  // Of the links of a node, about half lead to nodes not seen yet.
  double RowsScored(size_t effort) const override {
    return static_cast<double>(effort * graph_.parts().links);
  }

  size_t bytes() const override { return graph_.bytes(); }

  absl::StatusOr<std::vector<FileSection>> Sections(std::vector<uint8_t>&) const override {
    const HnswGraph::Parts parts = graph_.parts();
    return std::vector<FileSection>{{"hnsw_levels", BytesOf(parts.levels)},
                                    {"hnsw_base_links", BytesOf(parts.base_links)},
                                    {"hnsw_upper_links", BytesOf(parts.upper_links)}};
  }

 private:
  const VectorTable& table_;
  const HnswGraph graph_;
  mutable base::ObjectPool<HnswScratch> scratches_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CandidateFinder>> BuildHnswFinder(const IndexSpec& spec,
                                                                 const VectorTable& searched,
                                                                 base::ThreadPool& pool) {
  if (searched.shape().format == VectorFormat::kInt8) {
    GANNET_ASSIGN_OR_RETURN(HnswGraph graph, HnswGraph::Build(searched, spec.hnsw, pool));
    return std::make_unique<HnswFinder>(searched, std::move(graph));
  }
  // A graph built over the rows as integers serves as well, in a third of the time.
  GANNET_ASSIGN_OR_RETURN(const VectorTable integers, searched.InFormat(VectorFormat::kInt8));
  GANNET_ASSIGN_OR_RETURN(HnswGraph graph, HnswGraph::Build(integers, spec.hnsw, pool));
  return std::make_unique<HnswFinder>(searched, std::move(graph));
}

absl::StatusOr<std::unique_ptr<CandidateFinder>> OpenHnswFinder(const IndexSpec& spec,
                                                                const VectorTable& searched,
                                                                const VectorFile& file) {
  HnswGraph::Parts parts{
      .links = spec.hnsw.links, .levels = {}, .base_links = {}, .upper_links = {}};
  GANNET_ASSIGN_OR_RETURN(parts.levels, file.Array<uint8_t>("hnsw_levels"));
  GANNET_ASSIGN_OR_RETURN(parts.base_links, file.Array<uint32_t>("hnsw_base_links"));
  GANNET_ASSIGN_OR_RETURN(parts.upper_links, file.Array<uint32_t>("hnsw_upper_links"));
  GANNET_ASSIGN_OR_RETURN(HnswGraph graph, HnswGraph::FromParts(parts));
  if (graph.size() != searched.size()) {
    return absl::DataLossError("an HNSW graph over another number of vectors");
  }
  return std::make_unique<HnswFinder>(searched, std::move(graph));
}

}  // namespace gannet::indexer
