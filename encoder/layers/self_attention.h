#ifndef GANNET_ENCODER_LAYERS_SELF_ATTENTION_H_
#define GANNET_ENCODER_LAYERS_SELF_ATTENTION_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "base/object_pool.h"
#include "base/thread_pool.h"
#include "encoder/kernels/attention.h"
#include "encoder/layers/attention_request.h"
#include "encoder/layers/key_value_cache.h"
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

  // The key and value head that a query head looks at, and the first query head that looks at one.
  size_t KeyHead(size_t head) const { return head / (heads / kv_heads); }
  size_t FirstHead(size_t key_head) const { return key_head * (heads / kv_heads); }

  // Of a query head and of the key and value head that it looks at, in the row.
  size_t QueryOffset(size_t head) const {
    return (order == Order::kByHead ? 3 * head : head) * head_dim;
  }
  size_t KeyOffset(size_t head) const {
    if (order == Order::kByHead) return (3 * head + 1) * head_dim;
    return (heads + KeyHead(head)) * head_dim;
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

// What one step of a run is for, beside the context.
struct AttentionStep {
  AttentionTap attention = {};
  KeyValueTap keys = {};
  SequenceRows output = SequenceRows::kAll;  // Of which rows the context is wanted.
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
  // an `output` of one row a sequence [sequences, layout().query_width()], the same bytes. Heads
  // and sequences are spread over the pool's threads, when there is one. Query heads that share a
  // key head pack it once each: little beside the products, and heads spread over threads even
  // where there is one key head for all. With `step.keys.before`, which every sequence follows,
  // positions count from its start; the bytes are those of a run over all of the sequence.
  void Run(const PackedBatch& batch, const float* query_key_value, HeadOptions options,
           const AttentionStep& step, base::ThreadPool* pool, float* context) const;

 private:
  // Packs the keys and values of the batch into keys.keep.
  void Keep(const PackedBatch& batch, const float* query_key_value, base::ThreadPool* pool,
            const KeyValueTap& keys) const;
  // The keys and values that a head of a sequence looks at: kept ones, or packed into `room`.
  const kernels::PackedHead& Pack(const HeadInput& input, kernels::HeadRows values, size_t sequence,
                                  const KeyValueTap& keys, kernels::PackedHead& room) const;

  HeadLayout layout_;
  kernels::Precision precision_;
  mutable base::ObjectPool<kernels::PackedHead> packed_heads_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_SELF_ATTENTION_H_
