#include "encoder/layers/self_attention.h"

#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {

void SelfAttention::Run(const PackedBatch& batch, const float* query_key_value, HeadOptions options,
                        SequenceRows queries, base::ThreadPool* pool, float* context,
                        const AttentionTap& tap) const {
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
    const auto packed = packed_heads_.Take();
    packed->Pack(input.keys, {row + layout_.ValueOffset(head), stride}, input.length,
                 layout_.head_dim, precision_);
    tap.Observe(sequence, head, *packed, input.queries, of_head);
    if (queries == SequenceRows::kAll) {
      kernels::Attend(*packed, input.queries, input.length, of_head,
                      context + first * width + head * layout_.head_dim, width);
    } else {
      of_head.first_query = batch.RowOf(sequence, queries) - first;
      const float* query = input.queries.data + of_head.first_query * stride;
      kernels::Attend(*packed, {query, stride}, 1, of_head,
                      context + sequence * width + head * layout_.head_dim, width);
    }
  });
}

}  // namespace gannet::encoder
