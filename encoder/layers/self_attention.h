#ifndef GANNET_ENCODER_LAYERS_SELF_ATTENTION_H_
#define GANNET_ENCODER_LAYERS_SELF_ATTENTION_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "base/object_pool.h"
#include "base/thread_pool.h"
#include "encoder/kernels/attention.h"
#include "encoder/layers/attention_request.h"
#include "encoder/layers/packed_batch.h"

namespace gannet::encoder {

// Where a row of projections keeps its queries, keys and values.
struct HeadLayout {
  enum class Order {
    kByKind,  // [q_1 ... q_h | k_1 ... | v_1 ...]
    kByHead,  // [q_1 k_1 v_1 | q_2 k_2 v_2 | ...], with as many key heads as query heads
  };

  size_t heads = 0;     // Query heads,
  size_t kv_heads = 0;  // which share this many key and value heads (Ainslie et al. 2023),
  size_t head_dim = 0;  // of this many values each.
  Order order = Order::kByKind;

  size_t query_width() const { return heads * head_dim; }
  size_t row_width() const { return (heads + 2 * kv_heads) * head_dim; }

  // Of a query head and of the key and value head that it looks at, in the row.
  size_t QueryOffset(size_t head) const {
    return (order == Order::kByHead ? 3 * head : head) * head_dim;
  }
  size_t KeyOffset(size_t head) const {
    if (order == Order::kByHead) return (3 * head + 1) * head_dim;
    return (heads + head / (heads / kv_heads)) * head_dim;
  }
  size_t ValueOffset(size_t head) const {
    return KeyOffset(head) + (order == Order::kByHead ? 1 : kv_heads) * head_dim;
  }
};

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

  SelfAttention(const HeadLayout& layout, kernels::Precision precision)
      : layout_(layout), precision_(precision) {}

  const HeadLayout& layout() const { return layout_; }

  // query_key_value: [rows, layout().row_width()]; context: [rows, layout().query_width()], or with
  // `queries` of one row a sequence [sequences, layout().query_width()], the same bytes. Heads and
  // sequences are spread over the pool's threads, when there is one. Query heads that share a
  // key head pack it once each: little beside the products, and heads spread over threads even
  // where there is one key head for all.
  void Run(const PackedBatch& batch, const float* query_key_value, HeadOptions options,
           SequenceRows queries, base::ThreadPool* pool, float* context,
           const AttentionTap& tap = {}) const;

 private:
  HeadLayout layout_;
  kernels::Precision precision_;
  mutable base::ObjectPool<kernels::PackedHead> packed_heads_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_SELF_ATTENTION_H_
