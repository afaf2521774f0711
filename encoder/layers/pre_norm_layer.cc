#include "encoder/layers/pre_norm_layer.h"

#include "encoder/kernels/row_ops.h"
#include "encoder/layers/shared_linear.h"

namespace gannet::encoder {

void PreNormLayer::Project(const HeadLayout& layout, const float* x, size_t rows,
                           base::ThreadPool* pool, Buffers& buffers, float* out) const {
  if (attention_norm) {
    buffers.normal.resize(rows * query_key_value.inputs());
    Apply(*attention_norm, x, rows, buffers.normal.data());
    x = buffers.normal.data();
  }
  ApplyShared(query_key_value, x, rows, pool, out);
  if (!query_norm) return;
  for (size_t r = 0; r < rows; ++r) {
    float* query = out + r * layout.row_width();
    query_norm->Apply(query, layout.heads, query);
    float* key = query + layout.query_width();
    key_norm->Apply(key, layout.kv_heads, key);
  }
}

void PreNormLayer::Finish(const float* context, size_t rows, base::ThreadPool* pool,
                          Buffers& buffers, float* x) const {
  const size_t size = rows * attention_output.outputs();
  buffers.normal.resize(size);
  buffers.attended.resize(size);
  buffers.output.resize(size);
  float* attended = buffers.attended.data();
  float* output = buffers.output.data();

  ApplyShared(attention_output, context, rows, pool, attended);
  if (attention_post_norm) Apply(*attention_post_norm, attended, rows, attended);
  if (order == Order::kOneAfterTheOther) kernels::Add(buffers.attended, x);
  Apply(feed_forward_norm, x, rows, buffers.normal.data());
  if (order == Order::kBesideEachOther) kernels::Add(buffers.attended, x);
  feed_forward.Apply(buffers.normal.data(), rows, pool, buffers.feed_forward, output);
  if (feed_forward_post_norm) Apply(*feed_forward_post_norm, output, rows, output);
  kernels::Add(buffers.output, x);
}

}  // namespace gannet::encoder
