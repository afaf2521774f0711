#include "indexer/vector/hnsw_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <new>
#include <utility>

#include "base/status.h"
#include "indexer/vector/hnsw_builder.h"

namespace gannet::indexer {

absl::Status CheckHnswOptions(const HnswOptions& options) {
  constexpr size_t kMostLinks = 512, kMostEffort = 65536;
  if (options.links < 2 || options.links > kMostLinks) {
    return absl::InvalidArgumentError(
        fmt::format("HNSW with {} links: expected 2 to {}", options.links, kMostLinks));
  }
  if (options.build_effort < 1 || options.build_effort > kMostEffort) {
    return absl::InvalidArgumentError(fmt::format("HNSW with build effort {}: expected 1 to {}",
                                                  options.build_effort, kMostEffort));
  }
  return absl::OkStatus();
}

void HnswScratch::StartLevel(size_t nodes) {
  visited_.resize(nodes, 0);
  if (++epoch_ == 0) {  // All 65,535 epochs are spent: old marks would look new.
    std::fill(visited_.begin(), visited_.end(), uint16_t{0});
    epoch_ = 1;
  }
  for (ScoredRow& held : beam_) {
    held.expanded = 0;
    visited_[held.row] = epoch_;
  }
  next_ = 0;
}

bool HnswScratch::Visit(uint32_t node) {
  if (visited_[node] == epoch_) return false;
  visited_[node] = epoch_;
  return true;
}

void HnswScratch::Insert(const ScoredRow& found) {
  if (beam_.size() >= width_) {
    if (!(found < beam_.back())) return;
    beam_.pop_back();
  }
  const auto place = std::upper_bound(beam_.begin(), beam_.end(), found);
  next_ = std::min(next_, static_cast<size_t>(place - beam_.begin()));
  beam_.insert(place, found);
}

absl::StatusOr<HnswGraph> HnswGraph::Build(const VectorTable& table, const HnswOptions& options,
                                           base::ThreadPool& pool) {
  GANNET_RETURN_IF_ERROR(CheckHnswOptions(options));
  if (table.size() > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(fmt::format("HNSW over {} vectors", table.size()));
  }
  try {
    return HnswBuilder(table, options).Build(pool);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        fmt::format("no memory for an HNSW graph over {} vectors", table.size()));
  }
}

HnswGraph::Parts HnswGraph::parts() const { return {links_, levels_, base_links_, upper_links_}; }

absl::StatusOr<HnswGraph> HnswGraph::FromParts(const Parts& parts) {
  GANNET_RETURN_IF_ERROR(CheckHnswOptions({.links = parts.links}));
  HnswGraph graph(parts.links);
  size_t upper_lists = 0;
  for (const uint8_t level : parts.levels) upper_lists += level;
  if (parts.base_links.size() != parts.levels.size() * 2 * parts.links ||
      parts.upper_links.size() != upper_lists * parts.links) {
    return absl::DataLossError(fmt::format(
        "HNSW graph: {} nodes of {} links with lists of {} and {} entries", parts.levels.size(),
        parts.links, parts.base_links.size(), parts.upper_links.size()));
  }
  graph.levels_.assign(parts.levels.begin(), parts.levels.end());
  graph.base_links_.assign(parts.base_links.begin(), parts.base_links.end());
  graph.upper_links_.assign(parts.upper_links.begin(), parts.upper_links.end());
  graph.PlaceUpperLists();
  GANNET_RETURN_IF_ERROR(graph.CheckLists());
  return graph;
}

size_t HnswGraph::bytes() const {
  return levels_.size() * (sizeof(uint8_t) + sizeof(uint32_t)) +
         (base_links_.size() + upper_links_.size()) * sizeof(uint32_t);
}

void HnswGraph::PlaceUpperLists() {
  upper_first_.resize(levels_.size());
  uint32_t lists = 0;
  for (size_t node = 0; node < levels_.size(); ++node) {
    upper_first_[node] = lists;
    lists += levels_[node];
  }
  const auto highest = std::max_element(levels_.begin(), levels_.end());
  if (highest != levels_.end()) entry_ = static_cast<uint32_t>(highest - levels_.begin());
}

const uint32_t* HnswGraph::List(uint32_t node, size_t level) const {
  if (level == 0) return &base_links_[node * 2 * links_];
  return &upper_links_[(upper_first_[node] + level - 1) * links_];
}

uint32_t* HnswGraph::List(uint32_t node, size_t level) {
  return const_cast<uint32_t*>(std::as_const(*this).List(node, level));
}

absl::Status HnswGraph::CheckLists() const {
  for (uint32_t node = 0; node < size(); ++node) {
    for (size_t level = 0; level <= levels_[node]; ++level) {
      const std::span<const uint32_t> list(List(node, level), Capacity(level));
      const auto bad = std::find_if(list.begin(), list.end(), [&](uint32_t link) {
        return link != kNoLink && (link >= size() || levels_[link] < level);
      });
      if (bad != list.end()) {
        return absl::DataLossError(
            fmt::format("HNSW graph: node {} has a link to {} on level {}", node, *bad, level));
      }
    }
  }
  return absl::OkStatus();
}

std::span<const ScoredRow> HnswGraph::Search(const VectorScorer& scorer, size_t effort,
                                             HnswScratch& scratch) const {
  assert(effort >= 1);
  scratch.beam_.clear();
  if (size() == 0) return {};
  DescendAbove(0, scorer, scratch);
  scratch.width_ = effort;
  Expand(0, scorer, scratch);
  return scratch.beam_;
}

void HnswGraph::DescendAbove(size_t level, const VectorScorer& scorer, HnswScratch& scratch) const {
  scratch.width_ = 1;
  scratch.beam_ = {{scorer.Score(entry_), entry_}};
  for (size_t above = levels_[entry_]; above > level; --above) Expand(above, scorer, scratch);
}

void HnswGraph::Expand(size_t level, const VectorScorer& scorer, HnswScratch& scratch) const {
  scratch.StartLevel(size());
  std::vector<ScoredRow>& beam = scratch.beam_;
  const size_t capacity = Capacity(level);
  scratch.rows_.reserve(capacity);
  scratch.scores_.resize(std::max(scratch.scores_.size(), capacity));
  while (scratch.next_ < beam.size()) {
    ScoredRow& nearest = beam[scratch.next_];
    nearest.expanded = 1;
    const uint32_t* list = List(nearest.row, level);
    scratch.rows_.clear();
    for (size_t i = 0; i < capacity && list[i] != kNoLink; ++i) {
      if (scratch.Visit(list[i])) scratch.rows_.push_back(list[i]);
    }
    scorer.Score(scratch.rows_, scratch.scores_.data());
    for (size_t i = 0; i < scratch.rows_.size(); ++i) {
      scratch.Insert({scratch.scores_[i], scratch.rows_[i]});
    }
    while (scratch.next_ < beam.size() && beam[scratch.next_].expanded != 0) ++scratch.next_;
  }
}

}  // namespace gannet::indexer
