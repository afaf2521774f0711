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
#include "encoder/models/model.h"

namespace gannet::encoder {

// What BERT's kin are put together from; each family's file reads its own names and adds what makes
// it different.
struct PostNormParts {
  // What a layer adds to the scores of a head, already divided by the temperature.
  using ScoreBias =
      std::function<kernels::AttentionOptions::AddBias(size_t layer, const HeadInput& input)>;

  ModelDimensions dimensions;
  EncoderShape shape;
  TokenEmbedding embedding;
  std::optional<kernels::PackedLinear> projection =
      std::nullopt;  // Of the token vectors to d values.
  std::vector<PostNormLayer> layers = {};
  // The layers behind each hidden state; ALBERT's share their weights.
  std::vector<std::vector<size_t>> passes = {};
  Precision precision = Precision::kFp32;  // Of the attention.
  float score_scale = 0;                   // 1 / (√(d/h) τ) in all but DeBERTa.
  ScoreBias score_bias = nullptr;
};

// Embedding and layers of a checkpoint, each layer run once, in order, with plain attention.
absl::StatusOr<PostNormParts> LoadPostNormParts(const Checkpoint& checkpoint,
                                                const EncoderShape& shape,
                                                const TokenEmbeddingShape& embedding,
                                                absl::FunctionRef<PostNormNames(size_t)> names,
                                                const ModelOptions& options);

std::unique_ptr<const Model> MakePostNormEncoder(PostNormParts parts);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_POST_NORM_ENCODER_H_
