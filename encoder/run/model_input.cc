#include "encoder/run/model_input.h"

#include <algorithm>

namespace gannet::encoder {
namespace {

// Enough rows to use each weight well while it is in the cache, few enough that a group's matrices
// stay near it.
constexpr size_t kGroupTokens = 256;

// Inputs [begin, end) of the order by length.
struct Group {
  size_t begin = 0;
  size_t end = 0;
};

// Groups of about kGroupTokens tokens, or less when that would leave threads without work.
std::vector<Group> MakeGroups(std::span<const ModelInput> inputs, std::span<const size_t> order,
                              int threads) {
  size_t total = 0;
  for (const size_t i : order) total += inputs[i].ids.size();
  const size_t share = total / (4 * static_cast<size_t>(threads));
  const size_t budget = std::clamp<size_t>(share, 1, kGroupTokens);
  std::vector<Group> groups;
  size_t begin = 0, tokens = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    tokens += inputs[order[i]].ids.size();
    if (tokens >= budget || i + 1 == order.size()) {
      groups.push_back({begin, i + 1});
      begin = i + 1;
      tokens = 0;
    }
  }
  return groups;
}

}  // namespace

void PackInputs(std::span<const ModelInput> inputs, std::span<const size_t> members,
                PackedBatch& batch) {
  batch.Clear();
  for (const size_t i : members) batch.Append(inputs[i].ids, inputs[i].type_ids);
}

void ForEachGroup(
    std::span<const ModelInput> inputs, base::ThreadPool& pool,
    absl::FunctionRef<void(std::span<const size_t> members, base::ThreadPool* of_group)> run) {
  std::vector<size_t> order;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].status.ok()) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return inputs[a].ids.size() > inputs[b].ids.size(); });
  const std::vector<Group> groups = MakeGroups(inputs, order, pool.threads());
  const auto run_group = [&](size_t g, base::ThreadPool* of_group) {
    run(std::span(order).subspan(groups[g].begin, groups[g].end - groups[g].begin), of_group);
  };
  if (groups.size() >= static_cast<size_t>(pool.threads())) {
    pool.ParallelFor(groups.size(), [&](size_t g) { run_group(g, nullptr); });
  } else {
    for (size_t g = 0; g < groups.size(); ++g) run_group(g, &pool);
  }
}

}  // namespace gannet::encoder
