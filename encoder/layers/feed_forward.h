#ifndef GANNET_ENCODER_LAYERS_FEED_FORWARD_H_
#define GANNET_ENCODER_LAYERS_FEED_FORWARD_H_

#include <cstddef>

#include "base/thread_pool.h"
#include "encoder/kernels/aligned_vector.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/kernels/row_ops.h"

namespace gannet::encoder {

// The feed-forward part of a layer, gated (Shazeer 2020, arXiv:2002.05202) when `up` has twice as
// many outputs as `down` has inputs:
//   y = f(x W_up + b) W_down + b
//   y = (f(x W_gate + b) ⊙ (x W_up + b)) W_down + b, with [W_gate | W_up] in `up`
struct FeedForward {
  kernels::PackedLinear up;                  // [d_ff, d], or [2 d_ff, d]
  kernels::PackedLinear down;                // [d, d_ff]
  kernels::Activation activation = nullptr;  // f

  // Room for a tile of rows.
  struct Buffers {
    kernels::AlignedVector<float> up;     // [tile, d_ff], or [tile, 2 d_ff]
    kernels::AlignedVector<float> gated;  // [tile, d_ff]
  };

  // For at most PackedLinear::kMaxRows rows: x and y are [rows, d]. With `pool` its threads share
  // the work; without (null) all runs on the caller.
  void Apply(const float* x, size_t rows, base::ThreadPool* pool, Buffers& buffers, float* y) const;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_FEED_FORWARD_H_
