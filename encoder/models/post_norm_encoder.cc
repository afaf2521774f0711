#include "encoder/models/post_norm_encoder.h"

#include <cmath>
#include <utility>

#include "base/object_pool.h"
#include "base/status.h"
#include "encoder/layers/row_tiles.h"
#include "encoder/layers/shared_linear.h"

namespace gannet::encoder {
namespace {

class PostNormEncoder final : public Model {
 public:
  explicit PostNormEncoder(PostNormParts parts)
      : Model(parts.dimensions),
        parts_(std::move(parts)),
        attention_(parts_.shape.heads, parts_.shape.head_dim(), parts_.precision) {}

  void Forward(const PackedBatch& batch, base::ThreadPool* pool, std::vector<float>& hidden,
               const LayerObserver& on_layer) const override;

 private:
  // Matrices of a whole batch.
  struct BatchBuffers {
    std::vector<float> query_key_value;  // [rows, 3d]
    std::vector<float> context;          // [rows, d]
  };

  void Embed(const PackedBatch& batch, base::ThreadPool* pool, std::vector<float>& hidden) const;
  void RunLayer(size_t index, const PackedBatch& batch, base::ThreadPool* pool,
                BatchBuffers& buffers, std::vector<float>& hidden) const;

  const PostNormParts parts_;
  const SelfAttention attention_;
  mutable base::ObjectPool<BatchBuffers> batch_buffers_;
  mutable base::ObjectPool<PostNormLayer::Buffers> tile_buffers_;
};

void PostNormEncoder::Forward(const PackedBatch& batch, base::ThreadPool* pool,
                              std::vector<float>& hidden, const LayerObserver& on_layer) const {
  const auto buffers = batch_buffers_.Take();
  Embed(batch, pool, hidden);
  if (on_layer) on_layer(0, hidden);
  for (size_t i = 0; i < parts_.passes.size(); ++i) {
    for (const size_t layer : parts_.passes[i]) RunLayer(layer, batch, pool, *buffers, hidden);
    if (on_layer) on_layer(i + 1, hidden);
  }
}

// x = embedding, or embedding W + b where the embedding is narrower than the layers
void PostNormEncoder::Embed(const PackedBatch& batch, base::ThreadPool* pool,
                            std::vector<float>& hidden) const {
  const size_t d = parts_.shape.hidden;
  hidden.resize(batch.rows() * d);
  if (!parts_.projection) {
    parts_.embedding.Apply(batch, pool, hidden.data());
    return;
  }
  const kernels::PackedLinear& projection = *parts_.projection;
  std::vector<float> narrow(batch.rows() * projection.inputs());
  parts_.embedding.Apply(batch, pool, narrow.data());
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    projection.Apply(&narrow[first * projection.inputs()], rows, &hidden[first * d]);
  });
}

void PostNormEncoder::RunLayer(size_t index, const PackedBatch& batch, base::ThreadPool* pool,
                               BatchBuffers& buffers, std::vector<float>& hidden) const {
  const PostNormLayer& layer = parts_.layers[index];
  // A lone query fits one tile: then not the rows but the outputs of each product are shared out.
  const bool one_tile = batch.rows() <= kernels::PackedLinear::kMaxRows;
  const size_t d = parts_.shape.hidden;
  buffers.query_key_value.resize(batch.rows() * 3 * d);
  buffers.context.resize(batch.rows() * d);

  // [Q K V] = x W + b
  if (one_tile) {
    ApplyShared(layer.query_key_value, hidden.data(), batch.rows(), pool,
                buffers.query_key_value.data());
  } else {
    ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
      layer.query_key_value.Apply(&hidden[first * d], rows,
                                  &buffers.query_key_value[first * 3 * d]);
    });
  }
  // context = softmax(Q Kᵀ / √(d/h) + bias) V, for each head of each sequence
  const auto options = [&](const HeadInput& input) {
    kernels::AttentionOptions head{.scale = parts_.score_scale};
    if (parts_.score_bias) head.bias = parts_.score_bias(index, input);
    return head;
  };
  attention_.Run(batch, buffers.query_key_value.data(), options, pool, buffers.context.data());
  // x = LayerNorm(x + context W + b); x = LayerNorm(x + f(x W_up + b) W_down + b)
  if (one_tile) {
    const auto tile = tile_buffers_.Take();
    layer.Finish(buffers.context.data(), batch.rows(), pool, *tile, hidden.data());
    return;
  }
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    const auto tile = tile_buffers_.Take();
    layer.Finish(&buffers.context[first * d], rows, nullptr, *tile, &hidden[first * d]);
  });
}

}  // namespace

absl::StatusOr<PostNormParts> LoadPostNormParts(const Checkpoint& checkpoint,
                                                const EncoderShape& shape,
                                                const TokenEmbeddingShape& embedding_shape,
                                                absl::FunctionRef<PostNormNames(size_t)> names,
                                                const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(TokenEmbedding embedding,
                          TokenEmbedding::Load(checkpoint, embedding_shape));
  const size_t types =
      embedding_shape.types == TokenTypes::kGiven ? embedding_shape.token_types : 0;
  PostNormParts parts{
      .dimensions = {embedding_shape.vocabulary, types, embedding_shape.longest(), shape.hidden},
      .shape = shape,
      .embedding = std::move(embedding)};
  for (size_t i = 0; i < shape.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(PostNormLayer layer,
                            PostNormLayer::Load(checkpoint, names(i), shape, options));
    parts.layers.push_back(std::move(layer));
    parts.passes.push_back({i});
  }
  const auto head_dim = static_cast<float>(shape.head_dim());
  parts.precision = options.precision;
  parts.score_scale = 1 / (std::sqrt(head_dim) * options.temperature);
  return parts;
}

std::unique_ptr<const Model> MakePostNormEncoder(PostNormParts parts) {
  return std::make_unique<const PostNormEncoder>(std::move(parts));
}

}  // namespace gannet::encoder
