#ifndef GANNET_ENCODER_LAYERS_SEQUENCE_CHUNK_H_
#define GANNET_ENCODER_LAYERS_SEQUENCE_CHUNK_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "encoder/layers/packed_batch.h"

namespace gannet::encoder {

// Rows of a packed batch that are computed together, cut where sequences begin. The next chunk goes
// on where this one ends, be it inside a sequence.
struct SequenceChunk {
  struct Piece {
    size_t first = 0;     // Row of the chunk.
    size_t rows = 0;      // At least one.
    size_t position = 0;  // Of the first row in its sequence: 0 where the sequence begins.
  };

  size_t rows = 0;
  std::vector<Piece> pieces;

  // Rows [first, first + rows) of the batch.
  static SequenceChunk Of(const PackedBatch& batch, size_t first, size_t rows) {
    SequenceChunk chunk{rows, {}};
    const auto after = std::upper_bound(batch.offsets.begin(), batch.offsets.end(), first);
    for (auto end = after; end != batch.offsets.end() && *(end - 1) < first + rows; ++end) {
      const size_t begin = std::max(first, *(end - 1));
      const size_t stop = std::min(first + rows, *end);
      if (stop > begin) chunk.pieces.push_back({begin - first, stop - begin, begin - *(end - 1)});
    }
    return chunk;
  }
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_SEQUENCE_CHUNK_H_
