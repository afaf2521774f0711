#include "encoder/layers/feed_forward.h"

#include "encoder/layers/shared_linear.h"

namespace gannet::encoder {

void FeedForward::Apply(const float* x, size_t rows, base::ThreadPool* pool, Buffers& buffers,
                        float* y) const {
  buffers.up.resize(rows * up.outputs());
  if (up.outputs() == down.inputs()) {
    ApplyShared(up, x, rows, pool, buffers.up.data(), activation);
    ApplyShared(down, buffers.up.data(), rows, pool, y);
    return;
  }
  buffers.gated.resize(rows * down.inputs());
  ApplyShared(up, x, rows, pool, buffers.up.data());
  kernels::GatedRows(activation, buffers.up.data(), rows, down.inputs(), buffers.gated.data());
  ApplyShared(down, buffers.gated.data(), rows, pool, y);
}

}  // namespace gannet::encoder
