#ifndef GANNET_ENCODER_MODELS_POST_NORM_ENCODER_H_
#define GANNET_ENCODER_MODELS_POST_NORM_ENCODER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/attention.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/layers/model_options.h"
#include "encoder/layers/post_norm_layer.h"
#include "encoder/layers/self_attention.h"
#include "encoder/layers/token_embedding.h"
#include "encoder/models/layered_model.h"
#include "encoder/models/model.h"

namespace gannet::encoder {

// What the transformers that normalise after their parts (BERT's kin) are put together from; each
// family's file reads its own names and adds what makes it different.
struct PostNormParts {
  // What a layer adds to the scores of a head, already divided by the temperature.
  using ScoreBias =
      std::function<kernels::AttentionOptions::AddBias(size_t layer, const HeadInput& input)>;

  ModelDimensions dimensions;
  LayerStack stack;
  // Absent in encoders of vectors, whose `hidden` holds them, [rows, d], when a run begins.
  std::optional<TokenEmbedding> embedding = std::nullopt;
  std::optional<kernels::PackedLinear> projection =
      std::nullopt;  // Of the token vectors to d values.
  std::vector<PostNormLayer> layers = {};
  std::vector<size_t> layer_of_step = {};  // ALBERT's steps share their weights.
  float score_scale = 0;                   // 1 / (√(d/h) τ) in all but DeBERTa.
  ScoreBias score_bias = nullptr;
};

// Embedding and layers of a checkpoint, each layer run once, in order, with plain attention.
absl::StatusOr<PostNormParts> LoadPostNormParts(const Checkpoint& checkpoint,
                                                const EncoderShape& shape,
                                                const TokenEmbeddingShape& embedding,
                                                absl::FunctionRef<PostNormNames(size_t)> names,
                                                const ModelOptions& options);

// The layers alone, without an embedding.
absl::StatusOr<PostNormParts> LoadPostNormLayers(const Checkpoint& checkpoint,
                                                 const EncoderShape& shape,
                                                 absl::FunctionRef<PostNormNames(size_t)> names,
                                                 const ModelOptions& options);

std::unique_ptr<const Model> MakePostNormEncoder(PostNormParts parts);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_POST_NORM_ENCODER_H_
