#include "encoder/layers/self_attention.h"

#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {

void SelfAttention::Run(const PackedBatch& batch, const float* query_key_value, HeadOptions options,
                        base::ThreadPool* pool, float* context) const {
  const size_t stride = 3 * width();
  ForEach(batch.sequences() * heads_, pool, [&](size_t i) {
    const size_t sequence = i / heads_, head = i % heads_;
    const size_t first = batch.offsets[sequence];
    const float* query = query_key_value + first * stride + head * head_dim_;
    const HeadInput input{head, {query, stride}, {query + width(), stride}, batch.length(sequence)};
    const auto packed = packed_heads_.Take();
    packed->Pack(input.keys, {query + 2 * width(), stride}, input.length, head_dim_, precision_);
    kernels::Attend(*packed, input.queries, input.length, options(input),
                    context + first * width() + head * head_dim_, width());
  });
}

}  // namespace gannet::encoder
