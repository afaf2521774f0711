#include "encoder/layers/selective_scan.h"

#include <algorithm>

#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {
namespace {

using kernels::ScanInput;
using kernels::ScanParameters;

// Blocks of channels that one thread takes at a time.
constexpr size_t kShareBlocks = 4;

ScanInput PieceOf(const ScanInput& input, const SequenceChunk::Piece& piece) {
  ScanInput part = input;
  part.rows = piece.rows;
  for (kernels::StridedRows* rows : {&part.x, &part.delta, &part.b, &part.c, &part.gate}) {
    if (rows->data != nullptr) rows->data += piece.first * rows->stride;
  }
  return part;
}

}  // namespace

void ScanChunk(const ScanParameters& parameters, const SequenceChunk& chunk, const ScanInput& input,
               base::ThreadPool* pool, float* state, float* y, size_t y_stride) {
  const size_t blocks = parameters.blocks();
  const size_t block_size = parameters.state_size() / blocks;
  ForEach((blocks + kShareBlocks - 1) / kShareBlocks, pool, [&](size_t share) {
    const size_t first = share * kShareBlocks, end = std::min(blocks, first + kShareBlocks);
    for (const SequenceChunk::Piece& piece : chunk.pieces) {
      if (piece.position == 0) {
        std::fill(state + first * block_size, state + end * block_size, 0.0F);
      }
      kernels::SelectiveScan(parameters, PieceOf(input, piece), first, end, state,
                             y + piece.first * y_stride, y_stride);
    }
  });
}

}  // namespace gannet::encoder
