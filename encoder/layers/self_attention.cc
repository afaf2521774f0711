#include "encoder/layers/self_attention.h"

#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {

void SelfAttention::Run(const PackedBatch& batch, const float* query_key_value, HeadOptions options,
                        base::ThreadPool* pool, float* context, const AttentionTap& tap,
                        const KeyValueTap& keys) const {
  if (!keys.keep.empty()) Keep(batch, query_key_value, pool, keys);
  const size_t stride = layout_.row_width(), width = layout_.query_width();
  ForEach(batch.sequences() * layout_.heads, pool, [&](size_t i) {
    const size_t sequence = i / layout_.heads, head = i % layout_.heads;
    const size_t first = batch.offsets[sequence];
    const float* row = query_key_value + first * stride;
    const HeadInput input{head,
                          {row + layout_.QueryOffset(head), stride},
                          {row + layout_.KeyOffset(head), stride},
                          batch.length(sequence)};
    kernels::AttentionOptions of_head = options(input);
    if (keys.before != nullptr) of_head.first_query = keys.before->tokens();
    const auto room = packed_heads_.Take();
    const kernels::PackedHead& packed =
        Pack(input, {row + layout_.ValueOffset(head), stride}, sequence, keys, *room);
    kernels::Attend(packed, input.queries, input.length, of_head,
                    context + first * width + head * layout_.head_dim, width);
    tap.Observe(sequence, head, packed, input.queries, of_head);
  });
}

void SelfAttention::Keep(const PackedBatch& batch, const float* query_key_value,
                         base::ThreadPool* pool, const KeyValueTap& keys) const {
  const size_t stride = layout_.row_width();
  ForEach(batch.sequences() * layout_.kv_heads, pool, [&](size_t i) {
    const size_t sequence = i / layout_.kv_heads, key_head = i % layout_.kv_heads;
    const size_t head = layout_.FirstHead(key_head);
    const float* row = query_key_value + batch.offsets[sequence] * stride;
    keys.keep[sequence].of_step(keys.step)[key_head].Pack(
        {row + layout_.KeyOffset(head), stride}, {row + layout_.ValueOffset(head), stride},
        batch.length(sequence), layout_.head_dim, precision_);
  });
}

const kernels::PackedHead& SelfAttention::Pack(const HeadInput& input, kernels::HeadRows values,
                                               size_t sequence, const KeyValueTap& keys,
                                               kernels::PackedHead& room) const {
  const size_t key_head = layout_.KeyHead(input.head);
  if (keys.before != nullptr) {
    room.PackAfter(keys.before->of_step(keys.step)[key_head], input.keys, values, input.length);
    return room;
  }
  if (!keys.keep.empty()) return keys.keep[sequence].of_step(keys.step)[key_head];
  room.Pack(input.keys, values, input.length, layout_.head_dim, precision_);
  return room;
}

}  // namespace gannet::encoder
