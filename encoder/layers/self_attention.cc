#include "encoder/layers/self_attention.h"

#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {

void SelfAttention::Run(const PackedBatch& batch, const float* query_key_value, HeadOptions options,
                        const AttentionStep& step, base::ThreadPool* pool, float* context) const {
  const KeyValueTap& keys = step.keys;
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
    const size_t before = keys.before == nullptr ? 0 : keys.before->tokens();
    of_head.first_query = before;
    const auto room = packed_heads_.Take();
    const kernels::PackedHead& packed =
        Pack(input, {row + layout_.ValueOffset(head), stride}, sequence, keys, *room);
    step.attention.Observe(sequence, head, packed, input.queries, of_head);
    if (step.output == SequenceRows::kAll) {
      kernels::Attend(packed, input.queries, input.length, of_head,
                      context + first * width + head * layout_.head_dim, width);
    } else {
      const size_t position = batch.RowOf(sequence, step.output) - first;
      of_head.first_query = before + position;
      kernels::Attend(packed, {input.queries.data + position * stride, stride}, 1, of_head,
                      context + sequence * width + head * layout_.head_dim, width);
    }
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
