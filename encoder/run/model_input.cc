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
  size_t tokens = 0;
};

// Groups of about `budget` tokens.
std::vector<Group> MakeGroups(std::span<const ModelInput> inputs, std::span<const size_t> order,
                              size_t budget) {
  std::vector<Group> groups;
  Group group;
  for (size_t i = 0; i < order.size(); ++i) {
    group.tokens += inputs[order[i]].ids.size();
    group.end = i + 1;
    if (group.tokens >= budget || i + 1 == order.size()) {
      groups.push_back(group);
      group = {.begin = i + 1};
    }
  }
  return groups;
}

// Whether threads that take one group after another end at about the same time. A thread without
// work costs more than what threads lose that share every product of a group.
bool KeepThreadsBusy(std::span<const Group> groups, size_t threads) {
  constexpr double kLeastShare = 0.85;
  std::vector<size_t> tokens(threads);
  size_t total = 0;
  for (const Group& group : groups) {
    *std::ranges::min_element(tokens) += group.tokens;
    total += group.tokens;
  }
  const auto longest = static_cast<double>(std::ranges::max(tokens) * threads);
  return static_cast<double>(total) >= kLeastShare * longest;
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
  size_t total = 0;
  for (const size_t i : order) total += inputs[i].ids.size();
  const auto threads = static_cast<size_t>(pool.threads());
  const auto run_group = [&](const Group& group, base::ThreadPool* of_group) {
    run(std::span(order).subspan(group.begin, group.end - group.begin), of_group);
  };
  // Smaller groups where there would be too few to share out.
  const size_t budget = std::clamp<size_t>(total / (4 * threads), 1, kGroupTokens);
  const std::vector<Group> groups = MakeGroups(inputs, order, budget);
  if (KeepThreadsBusy(groups, threads)) {
    pool.ParallelFor(groups.size(), [&](size_t g) { run_group(groups[g], nullptr); });
  } else {
    for (const Group& group : MakeGroups(inputs, order, kGroupTokens)) run_group(group, &pool);
  }
}

}  // namespace gannet::encoder
