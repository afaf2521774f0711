#include "indexer/vector/flat_index.h"

#include <faiss/IndexFlat.h>
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cassert>
#include <exception>
#include <unordered_map>

namespace gannet::indexer {

struct FlatIndex::State {
  explicit State(size_t dimension) : index(static_cast<faiss::Index::idx_t>(dimension)) {}

  faiss::IndexFlatIP index;
  std::vector<DocumentKey> keys;                      // Of each position in `index`.
  std::unordered_map<DocumentKey, size_t> positions;  // Of each key.
};

FlatIndex::FlatIndex(size_t dimension) : state_(std::make_unique<State>(dimension)) {}
FlatIndex::FlatIndex(FlatIndex&&) noexcept = default;
FlatIndex& FlatIndex::operator=(FlatIndex&&) noexcept = default;
FlatIndex::~FlatIndex() = default;

size_t FlatIndex::size() const { return state_->keys.size(); }

absl::Status FlatIndex::Put(DocumentKey key, std::span<const float> vector) {
  assert(vector.size() == static_cast<size_t>(state_->index.d));
  const auto [place, fresh] = state_->positions.try_emplace(key, state_->keys.size());
  if (!fresh) {
    std::copy(vector.begin(), vector.end(), state_->index.get_xb() + place->second * vector.size());
    return absl::OkStatus();
  }
  try {
    state_->index.add(1, vector.data());
    state_->keys.push_back(key);
    return absl::OkStatus();
  } catch (const std::exception& error) {
    state_->positions.erase(place);
    return absl::ResourceExhaustedError(fmt::format("vector index: {}", error.what()));
  }
}

absl::StatusOr<std::vector<ScoredDocument>> FlatIndex::Search(std::span<const float> query,
                                                              size_t k) const {
  assert(query.size() == static_cast<size_t>(state_->index.d));
  omp_set_num_threads(1);  // FAISS must not start threads of its own; costs nothing to repeat.
  k = std::min(k, size());
  if (k == 0) return std::vector<ScoredDocument>();

  std::vector<float> scores;
  std::vector<faiss::Index::idx_t> positions;
  // Which of several equal scores FAISS keeps at the end of its list is chance: look further until
  // the k-th score has no equal outside.
  for (size_t depth = std::min(k + 1, size());; depth = std::min(2 * depth, size())) {
    scores.resize(depth);
    positions.resize(depth);
    try {
      state_->index.search(1, query.data(), static_cast<faiss::Index::idx_t>(depth), scores.data(),
                           positions.data());
    } catch (const std::exception& error) {
      return absl::InternalError(fmt::format("vector index: {}", error.what()));
    }
    if (depth == size() || scores.back() < scores[k - 1]) break;
  }
  std::vector<ScoredDocument> found(scores.size());
  for (size_t i = 0; i < found.size(); ++i) {
    found[i] = {state_->keys[static_cast<size_t>(positions[i])], scores[i]};
  }
  std::sort(found.begin(), found.end(), [](const ScoredDocument& a, const ScoredDocument& b) {
    return a.score != b.score ? a.score > b.score : a.key < b.key;
  });
  found.resize(k);
  return found;
}

}  // namespace gannet::indexer
