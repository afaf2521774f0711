#ifndef GANNET_ENCODER_LAYERS_SHARED_LINEAR_H_
#define GANNET_ENCODER_LAYERS_SHARED_LINEAR_H_

#include <algorithm>
#include <cstddef>

#include "base/thread_pool.h"
#include "encoder/kernels/packed_linear.h"

namespace gannet::encoder {

// y = epilogue(linear(x)) for one tile of rows: x is [rows, inputs], y [rows, outputs]. With `pool`
// the outputs are shared out over its threads, because a lone query has too few rows to share; the
// bytes are the same.
inline void ApplyShared(
    const kernels::PackedLinear& linear, const float* x, size_t rows, base::ThreadPool* pool,
    float* y, kernels::PackedLinear::Epilogue epilogue = kernels::PackedLinear::KeepOutputs) {
  const size_t parts = linear.column_parts();
  const size_t shares = pool == nullptr ? 1 : std::min(parts, static_cast<size_t>(pool->threads()));
  if (shares == 1) return linear.Apply(x, rows, y, epilogue);
  pool->ParallelFor(shares, [&](size_t share) {
    const size_t first = share * parts / shares, end = (share + 1) * parts / shares;
    linear.ApplyParts(x, rows, first, end - first, y, epilogue);
  });
}

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_SHARED_LINEAR_H_
