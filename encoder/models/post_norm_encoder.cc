#include "encoder/models/post_norm_encoder.h"

#include <cmath>
#include <utility>

#include "base/object_pool.h"
#include "base/status.h"
#include "encoder/layers/row_tiles.h"
#include "encoder/layers/shared_linear.h"

namespace gannet::encoder {
namespace {

class PostNormEncoder final : public LayeredModel {
 public:
  explicit PostNormEncoder(PostNormParts parts)
      : LayeredModel(parts.dimensions, std::move(parts.stack)), parts_(std::move(parts)) {}

 private:
  const PostNormLayer& LayerOf(size_t step) const {
    return parts_.layers[parts_.layer_of_step[step]];
  }

  void Embed(const PackedBatch& batch, base::ThreadPool* pool, float* x) const override;
  void Project(size_t step, const float* x, size_t rows, base::ThreadPool* pool,
               float* query_key_value) const override {
    ApplyShared(LayerOf(step).query_key_value, x, rows, pool, query_key_value);
  }
  kernels::AttentionOptions ScoreOptions(size_t step, const HeadInput& input) const override;
  void Finish(size_t step, const float* context, size_t rows, base::ThreadPool* pool,
              float* x) const override {
    const auto buffers = buffers_.Take();
    LayerOf(step).Finish(context, rows, pool, *buffers, x);
  }

  const PostNormParts parts_;
  mutable base::ObjectPool<PostNormLayer::Buffers> buffers_;
};

// x = embedding, or embedding W + b where the embedding is narrower than the layers
void PostNormEncoder::Embed(const PackedBatch& batch, base::ThreadPool* pool, float* x) const {
  if (!parts_.embedding) return;
  if (!parts_.projection) return parts_.embedding->Apply(batch, pool, x);
  const kernels::PackedLinear& projection = *parts_.projection;
  std::vector<float> narrow(batch.rows() * projection.inputs());
  parts_.embedding->Apply(batch, pool, narrow.data());
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    projection.Apply(&narrow[first * projection.inputs()], rows, x + first * projection.outputs());
  });
}

// softmax(Q Kᵀ / √(d/h) + bias)
kernels::AttentionOptions PostNormEncoder::ScoreOptions(size_t step, const HeadInput& input) const {
  kernels::AttentionOptions head{.scale = parts_.score_scale};
  if (parts_.score_bias) head.bias = parts_.score_bias(parts_.layer_of_step[step], input);
  return head;
}

}  // namespace

absl::StatusOr<PostNormParts> LoadPostNormParts(const Checkpoint& checkpoint,
                                                const EncoderShape& shape,
                                                const TokenEmbeddingShape& embedding_shape,
                                                absl::FunctionRef<PostNormNames(size_t)> names,
                                                const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(PostNormParts parts,
                          LoadPostNormLayers(checkpoint, shape, names, options));
  GANNET_ASSIGN_OR_RETURN(parts.embedding, TokenEmbedding::Load(checkpoint, embedding_shape));
  const size_t types =
      embedding_shape.types == TokenTypes::kGiven ? embedding_shape.token_types : 0;
  parts.dimensions = {embedding_shape.vocabulary, types, embedding_shape.longest(), shape.hidden};
  return parts;
}

absl::StatusOr<PostNormParts> LoadPostNormLayers(const Checkpoint& checkpoint,
                                                 const EncoderShape& shape,
                                                 absl::FunctionRef<PostNormNames(size_t)> names,
                                                 const ModelOptions& options) {
  PostNormParts parts{.dimensions = {.hidden = shape.hidden},
                      .stack = {.layers = shape.layers,
                                .heads = {shape.heads, shape.heads, shape.head_dim()},
                                .precision = options.precision}};
  for (size_t i = 0; i < shape.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(PostNormLayer layer,
                            PostNormLayer::Load(checkpoint, names(i), shape, options));
    parts.layers.push_back(std::move(layer));
    parts.layer_of_step.push_back(i);
  }
  const auto head_dim = static_cast<float>(shape.head_dim());
  parts.score_scale = 1 / (std::sqrt(head_dim) * options.temperature);
  return parts;
}

std::unique_ptr<const Model> MakePostNormEncoder(PostNormParts parts) {
  return std::make_unique<const PostNormEncoder>(std::move(parts));
}

}  // namespace gannet::encoder
