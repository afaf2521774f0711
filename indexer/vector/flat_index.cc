#include "indexer/vector/flat_index.h"

#include <cassert>
#include <unordered_map>

#include "base/status.h"
#include "indexer/vector/vector_table.h"

namespace gannet::indexer {

struct FlatIndex::State {
  explicit State(size_t dimension)
      : table(VectorTable::Create({VectorFormat::kFp32, Metric::kInnerProduct, dimension})) {}

  absl::StatusOr<VectorTable> table;                  // An error for an impossible dimension.
  std::vector<DocumentKey> keys;                      // Of each row of the table.
  std::unordered_map<DocumentKey, size_t> positions;  // Of each key.
};

FlatIndex::FlatIndex(size_t dimension) : state_(std::make_unique<State>(dimension)) {}
FlatIndex::FlatIndex(FlatIndex&&) noexcept = default;
FlatIndex& FlatIndex::operator=(FlatIndex&&) noexcept = default;
FlatIndex::~FlatIndex() = default;

size_t FlatIndex::size() const { return state_->keys.size(); }

absl::Status FlatIndex::Put(DocumentKey key, std::span<const float> vector) {
  GANNET_RETURN_IF_ERROR(state_->table.status());
  assert(vector.size() == state_->table->shape().dimension);
  if (const auto found = state_->positions.find(key); found != state_->positions.end()) {
    return state_->table->Replace(found->second, vector);
  }
  GANNET_RETURN_IF_ERROR(state_->table->Append(vector));
  state_->positions.emplace(key, state_->keys.size());
  state_->keys.push_back(key);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ScoredDocument>> FlatIndex::Search(std::span<const float> query,
                                                              size_t k,
                                                              const KeyFilter& filter) const {
  GANNET_RETURN_IF_ERROR(state_->table.status());
  assert(query.size() == state_->table->shape().dimension);
  const absl::Status valid = CheckVectors(state_->table->shape(), query);
  if (!valid.ok()) return base::Annotate(valid, "query");
  VectorScorer scorer(*state_->table);
  scorer.SetQuery(query);
  return ScanForBest(scorer, state_->keys, k, filter);
}

}  // namespace gannet::indexer
