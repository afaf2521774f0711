#ifndef GANNET_ENCODER_LAYERS_PACKED_BATCH_H_
#define GANNET_ENCODER_LAYERS_PACKED_BATCH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// Some rows of each sequence of a batch.
enum class SequenceRows { kAll, kFirst, kLast };

// Token sequences one after another, without padding: sequence s has rows
// offsets[s] ... offsets[s + 1] - 1 of every matrix made from the batch.
struct PackedBatch {
  std::vector<TokenId> ids;       // [rows]
  std::vector<uint8_t> type_ids;  // [rows]
  // The place of each row in its sequence, [rows], for sequences with places that no row takes;
  // empty for 0, 1, 2, ... in each.
  std::vector<size_t> given_positions;
  std::vector<size_t> offsets = {0};

  size_t rows() const { return ids.size(); }
  size_t sequences() const { return offsets.size() - 1; }
  size_t length(size_t sequence) const { return offsets[sequence + 1] - offsets[sequence]; }

  // The row of each sequence that `which`, one of kFirst and kLast, means.
  size_t RowOf(size_t sequence, SequenceRows which) const {
    return which == SequenceRows::kFirst ? offsets[sequence] : offsets[sequence + 1] - 1;
  }

  // The place of each row in its sequence, [rows].
  std::vector<size_t> Positions() const {
    if (!given_positions.empty()) return given_positions;
    std::vector<size_t> positions(rows());
    for (size_t s = 0; s < sequences(); ++s) {
      std::iota(positions.begin() + static_cast<ptrdiff_t>(offsets[s]),
                positions.begin() + static_cast<ptrdiff_t>(offsets[s + 1]), size_t{0});
    }
    return positions;
  }

  // One more than the last place that a row takes; 0 when there is no row.
  size_t EndOfPositions() const {
    size_t end = 0;
    for (const size_t position : given_positions) end = std::max(end, position + 1);
    if (given_positions.empty()) {
      for (size_t s = 0; s < sequences(); ++s) end = std::max(end, length(s));
    }
    return end;
  }

  void Clear() {
    ids.clear();
    type_ids.clear();
    given_positions.clear();
    offsets.assign(1, 0);
  }

  void Append(std::span<const TokenId> sequence_ids, std::span<const uint8_t> sequence_types) {
    ids.insert(ids.end(), sequence_ids.begin(), sequence_ids.end());
    type_ids.insert(type_ids.end(), sequence_types.begin(), sequence_types.end());
    offsets.push_back(ids.size());
  }
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_PACKED_BATCH_H_
