#ifndef GANNET_ENCODER_LAYERS_PRE_NORM_LAYER_H_
#define GANNET_ENCODER_LAYERS_PRE_NORM_LAYER_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "base/thread_pool.h"
#include "encoder/kernels/aligned_vector.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/feed_forward.h"
#include "encoder/layers/norm.h"
#include "encoder/layers/self_attention.h"

namespace gannet::encoder {

// A layer that normalises what enters its parts (Xiong et al. 2020, arXiv:2002.04745): everything
// but the attention between the two parts.
//   [Q K V] = N(x) W_qkv + b
//   x' = x + context W_o + b
//   x'' = x' + FeedForward(N(x')),  or  x'' = x' + FeedForward(N(x)) where both parts read x
struct PreNormLayer {
  // Whether the feed-forward part reads what the attention has left, or what it has read.
  enum class Order { kOneAfterTheOther, kBesideEachOther };

  std::optional<Norm> attention_norm;
  kernels::PackedLinear query_key_value;
  // Of each query head and key head, for heads by kind.
  std::optional<RmsNorm> query_norm = std::nullopt, key_norm = std::nullopt;
  kernels::PackedLinear attention_output;
  std::optional<Norm> attention_post_norm = std::nullopt;  // Of what the attention adds.
  Norm feed_forward_norm;
  FeedForward feed_forward;
  std::optional<Norm> feed_forward_post_norm = std::nullopt;  // Of what the feed-forward part adds.
  Order order = Order::kOneAfterTheOther;

  // Room for a tile of rows.
  struct Buffers {
    kernels::AlignedVector<float> normal;    // [tile, d]
    kernels::AlignedVector<float> attended;  // [tile, d]
    kernels::AlignedVector<float> output;    // [tile, d]
    FeedForward::Buffers feed_forward;
  };

  // What comes before the attention, and what follows it, for at most PackedLinear::kMaxRows rows:
  // x is [rows, d], query_key_value [rows, layout.row_width()], context
  // [rows, layout.query_width()]; Finish replaces x. `pool` as in FeedForward::Apply.
  void Project(const HeadLayout& layout, const float* x, size_t rows, base::ThreadPool* pool,
               Buffers& buffers, float* query_key_value) const;
  void Finish(const float* context, size_t rows, base::ThreadPool* pool, Buffers& buffers,
              float* x) const;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_PRE_NORM_LAYER_H_
