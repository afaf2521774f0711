#ifndef GANNET_ENCODER_LAYERS_SELF_ATTENTION_H_
#define GANNET_ENCODER_LAYERS_SELF_ATTENTION_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "base/object_pool.h"
#include "base/thread_pool.h"
#include "encoder/kernels/attention.h"
#include "encoder/models/packed_batch.h"

namespace gannet::encoder {

// One head of one sequence, before its scores.
struct HeadInput {
  size_t head = 0;
  kernels::HeadRows queries;
  kernels::HeadRows keys;
  size_t length = 0;
};

// Multi-head self-attention within each sequence of a batch (Vaswani et al. 2017):
// context = [softmax(Q_h K_hᵀ) V_h] for all heads h, with the scores that `options` asks for.
class SelfAttention {
 public:
  using HeadOptions = absl::FunctionRef<kernels::AttentionOptions(const HeadInput& input)>;

  SelfAttention(size_t heads, size_t head_dim, kernels::Precision precision)
      : heads_(heads), head_dim_(head_dim), precision_(precision) {}

  size_t width() const { return heads_ * head_dim_; }  // Values per row of Q, of K and of V.

  // query_key_value: [rows, 3 width], each row [Q | K | V]; context: [rows, width]. Heads and
  // sequences are spread over the pool's threads, when there is one.
  void Run(const PackedBatch& batch, const float* query_key_value, HeadOptions options,
           base::ThreadPool* pool, float* context) const;

 private:
  size_t heads_;
  size_t head_dim_;
  kernels::Precision precision_;
  mutable base::ObjectPool<kernels::PackedHead> packed_heads_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_SELF_ATTENTION_H_
