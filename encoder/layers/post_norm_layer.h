#ifndef GANNET_ENCODER_LAYERS_POST_NORM_LAYER_H_
#define GANNET_ENCODER_LAYERS_POST_NORM_LAYER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/aligned_vector.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/layers/feed_forward.h"
#include "encoder/layers/linear.h"

namespace gannet::encoder {

// The tensor names of one layer, without .weight and .bias.
struct PostNormNames {
  std::string query, key, value;
  std::string attention_output, attention_norm;
  std::string up, down, output_norm;

  // Those of BERT's encoder.layer.I, which most of its kin kept; and the same of another encoder.
  static PostNormNames OfBert(size_t index);
  static PostNormNames LikeBert(std::string_view encoder, size_t index);
};

// The encoder layer of BERT (Devlin et al. 2018) and its kin, which normalises after each residual
// sum: everything but the attention between the two parts.
//   [Q K V] = x W_qkv + b
//   x' = LayerNorm(x + context W_o + b)
//   x'' = LayerNorm(x' + FeedForward(x'))
struct PostNormLayer {
  kernels::PackedLinear query_key_value;  // [3d, d]
  kernels::PackedLinear attention_output;
  LayerNorm attention_norm;
  FeedForward feed_forward;
  LayerNorm output_norm;

  static absl::StatusOr<PostNormLayer> Load(const Checkpoint& checkpoint,
                                            const PostNormNames& names, const EncoderShape& shape,
                                            const ModelOptions& options);

  // Room for a tile of rows.
  struct Buffers {
    kernels::AlignedVector<float> attended;  // [tile, d]
    kernels::AlignedVector<float> output;    // [tile, d]
    FeedForward::Buffers feed_forward;
  };

  // What follows the attention, for at most PackedLinear::kMaxRows rows: context and x are
  // [rows, d], and x is replaced. With `pool` its threads share the work; without (null) all runs
  // on the caller.
  void Finish(const float* context, size_t rows, base::ThreadPool* pool, Buffers& buffers,
              float* x) const;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_POST_NORM_LAYER_H_
