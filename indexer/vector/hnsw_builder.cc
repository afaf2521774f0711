#include "indexer/vector/hnsw_builder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

namespace gannet::indexer {
namespace {

// A round is this share of the nodes before it: its own nodes do not see each other.
constexpr size_t kRoundShare = 64;
constexpr size_t kLargestRound = 1024;
constexpr size_t kNodesPerTask = 8;
constexpr uint8_t kHighestLevel = 31;

// SplitMix64 (Steele, Lea & Flood 2014): an even 64-bit number for every node.
uint64_t Mix(uint64_t number) {
  number += 0x9E3779B97F4A7C15U;
  number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9U;
  number = (number ^ (number >> 27)) * 0x94D049BB133111EBU;
  return number ^ (number >> 31);
}

}  // namespace

HnswBuilder::HnswBuilder(const VectorTable& table, const HnswOptions& options)
    : table_(table), options_(options), graph_(options.links) {}

HnswGraph HnswBuilder::Build(base::ThreadPool& pool) {
  DrawLevels();
  for (size_t begun = 1; begun < order_.size();) {
    const size_t round = std::clamp(begun / kRoundShare, size_t{1}, kLargestRound);
    const size_t count = std::min(round, order_.size() - begun);
    InsertRound(std::span(order_).subspan(begun, count), pool);
    begun += count;
  }
  return std::move(graph_);
}

// A node reaches level l with probability M^-l.
void HnswBuilder::DrawLevels() {
  const size_t nodes = table_.size();
  graph_.levels_.resize(nodes);
  size_t upper_lists = 0;
  for (size_t node = 0; node < nodes; ++node) {
    const double uniform = (static_cast<double>(Mix(node) >> 11) + 1) * 0x1p-53;
    const double level = -std::log(uniform) / std::log(static_cast<double>(options_.links));
    graph_.levels_[node] = static_cast<uint8_t>(std::min<double>(level, kHighestLevel));
    upper_lists += graph_.levels_[node];
  }
  graph_.PlaceUpperLists();
  graph_.base_links_.assign(nodes * graph_.Capacity(0), HnswGraph::kNoLink);
  graph_.upper_links_.assign(upper_lists * options_.links, HnswGraph::kNoLink);
  order_.resize(nodes);
  std::iota(order_.begin(), order_.end(), 0U);
  const auto rank = [this](uint32_t node) {
    return std::tuple(-graph_.levels_[node], node == graph_.entry_ ? 0 : Mix(~uint64_t{node}),
                      node);
  };
  std::sort(order_.begin(), order_.end(),
            [&](uint32_t a, uint32_t b) { return rank(a) < rank(b); });
}

void HnswBuilder::InsertRound(std::span<const uint32_t> round, base::ThreadPool& pool) {
  const size_t tasks = (round.size() + kNodesPerTask - 1) / kNodesPerTask;
  std::vector<std::vector<Link>> asked(tasks);
  pool.ParallelFor(tasks, [&](size_t task) {
    const auto scratch = scratches_.Take();
    const size_t first = task * kNodesPerTask;
    for (size_t i = first; i < std::min(first + kNodesPerTask, round.size()); ++i) {
      Insert(round[i], *scratch, asked[task]);
    }
  });
  std::vector<Link> links;
  for (const std::vector<Link>& some : asked) links.insert(links.end(), some.begin(), some.end());
  const auto list = [](const Link& link) { return std::pair(link.target, link.level); };
  std::sort(links.begin(), links.end(), [&](const Link& a, const Link& b) {
    return std::pair(list(a), a.source) < std::pair(list(b), b.source);
  });
  std::vector<std::span<const Link>> lists;  // Of the links asked of one node on one level.
  for (size_t first = 0; first < links.size();) {
    size_t last = first;
    while (last < links.size() && list(links[last]) == list(links[first])) ++last;
    lists.emplace_back(&links[first], last - first);
    first = last;
  }
  pool.ParallelFor((lists.size() + kNodesPerTask - 1) / kNodesPerTask, [&](size_t task) {
    const size_t first = task * kNodesPerTask;
    for (size_t i = first; i < std::min(first + kNodesPerTask, lists.size()); ++i) Answer(lists[i]);
  });
}

void HnswBuilder::Insert(uint32_t node, HnswScratch& scratch, std::vector<Link>& asked) {
  VectorScorer scorer(table_);
  scorer.SetQueryToRow(node);
  const size_t highest = graph_.levels_[node];
  graph_.DescendAbove(highest, scorer, scratch);
  scratch.width_ = options_.build_effort;
  for (size_t level = highest + 1; level-- > 0;) {
    graph_.Expand(level, scorer, scratch);
    Keep(scratch.beam_, node, level);
    const uint32_t* kept = graph_.List(node, level);
    for (size_t i = 0; i < graph_.Capacity(level) && kept[i] != HnswGraph::kNoLink; ++i) {
      asked.push_back({kept[i], node, static_cast<uint32_t>(level)});
    }
  }
}

void HnswBuilder::Answer(std::span<const Link> links) {
  const auto [target, unused, level] = links.front();
  const size_t capacity = graph_.Capacity(level);
  uint32_t* list = graph_.List(target, level);
  size_t held = 0;
  while (held < capacity && list[held] != HnswGraph::kNoLink) ++held;
  if (held + links.size() <= capacity) {
    for (const Link& link : links) list[held++] = link.source;
    return;
  }
  std::vector<uint32_t> rows(list, list + held);
  for (const Link& link : links) rows.push_back(link.source);
  std::vector<float> scores(rows.size());
  VectorScorer scorer(table_);
  scorer.SetQueryToRow(target);
  scorer.Score(rows, scores.data());
  std::vector<ScoredRow> candidates(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) candidates[i] = {scores[i], rows[i]};
  std::sort(candidates.begin(), candidates.end());
  Keep(candidates, target, level);
}

// The paper's heuristic (algorithm 4): from the nearest on, a candidate is kept unless it is nearer
// to one kept before than to the node. So links lead in many directions.
void HnswBuilder::Keep(std::span<const ScoredRow> candidates, uint32_t node, size_t level) {
  constexpr size_t kAtOnce = 4;
  uint32_t* list = graph_.List(node, level);
  const size_t capacity = graph_.Capacity(level);
  std::fill_n(list, capacity, HnswGraph::kNoLink);
  VectorScorer scorer(table_);
  size_t kept = 0;
  for (const ScoredRow& candidate : candidates) {
    if (kept == capacity) break;
    scorer.SetQueryToRow(candidate.row);
    bool apart = true;
    for (size_t i = 0; i < kept && apart; i += kAtOnce) {
      std::array<float, kAtOnce> scores;
      const size_t count = std::min(kAtOnce, kept - i);
      scorer.Score({list + i, count}, scores.data());
      apart = std::none_of(scores.begin(), scores.begin() + count,
                           [&](float score) { return score > candidate.score; });
    }
    if (apart) list[kept++] = candidate.row;
  }
}

}  // namespace gannet::indexer
