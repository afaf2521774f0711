#ifndef GANNET_ENCODER_LAYERS_ROW_TILES_H_
#define GANNET_ENCODER_LAYERS_ROW_TILES_H_

#include <algorithm>
#include <cstddef>

#include "base/thread_pool.h"
#include "encoder/kernels/packed_linear.h"

namespace gannet::encoder {

// Runs body(i) for i < count on the pool's threads, or here when there is none.
template <typename Body>
void ForEach(size_t count, base::ThreadPool* pool, Body body) {
  if (pool != nullptr) {
    pool->ParallelFor(count, body);
  } else {
    for (size_t i = 0; i < count; ++i) body(i);
  }
}

// Cuts rows into even tiles of at most the matrix kernels' size, smaller when there would be fewer
// tiles than threads, and runs body(first_row, rows) for each.
template <typename Body>
void ForEachTile(size_t rows, base::ThreadPool* pool, Body body) {
  if (rows == 0) return;
  const size_t most = kernels::PackedLinear::TileRows();
  const size_t threads = pool == nullptr ? 1 : static_cast<size_t>(pool->threads());
  const size_t tiles = std::max((rows + most - 1) / most, std::min(rows, threads));
  const size_t tile = (rows + tiles - 1) / tiles;
  ForEach((rows + tile - 1) / tile, pool, [&](size_t i) {
    const size_t first = i * tile;
    body(first, std::min(tile, rows - first));
  });
}

// The same with a pool for each tile, body(first_row, rows, pool): rows that fit one tile (a lone
// query) are not cut, and their body gets the pool for its products; the others get null.
template <typename Body>
void ForEachSharedTile(size_t rows, base::ThreadPool* pool, Body body) {
  if (rows > 0 && rows <= kernels::PackedLinear::TileRows()) return body(size_t{0}, rows, pool);
  ForEachTile(rows, pool, [&](size_t first, size_t count) {
    body(first, count, static_cast<base::ThreadPool*>(nullptr));
  });
}

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_ROW_TILES_H_
