#include "ranker/pipeline/group.h"

#include <optional>
#include <string>
#include <unordered_set>

#include "indexer/filter/field_value.h"
#include "ranker/pipeline/pipeline_spec.h"

namespace gannet::ranker {
namespace {

// What candidates of one group have in common; nullopt for one that is in none.
std::optional<std::string> GroupOf(const Candidate& candidate, std::string_view field) {
  if (field == kGroupByDocument) return candidate.id;
  const auto entries = indexer::ExtractFields(candidate.metadata_json);
  if (!entries.ok()) return std::nullopt;
  std::string values;
  for (const indexer::FieldEntry& entry : *entries) {
    if (entry.field == field) values += indexer::ToString(entry.value) + '\n';
  }
  if (values.empty()) return std::nullopt;
  return values;
}

}  // namespace

size_t KeepBestOfGroups(std::string_view field, std::vector<Candidate>& candidates) {
  std::unordered_set<std::string> seen;
  return std::erase_if(candidates, [&](const Candidate& candidate) {
    std::optional<std::string> group = GroupOf(candidate, field);
    return group && !seen.insert(*std::move(group)).second;
  });
}

}  // namespace gannet::ranker
