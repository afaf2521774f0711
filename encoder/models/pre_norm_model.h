#ifndef GANNET_ENCODER_MODELS_PRE_NORM_MODEL_H_
#define GANNET_ENCODER_MODELS_PRE_NORM_MODEL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "encoder/kernels/attention.h"
#include "encoder/layers/norm.h"
#include "encoder/layers/pre_norm_layer.h"
#include "encoder/layers/self_attention.h"
#include "encoder/models/layered_model.h"
#include "encoder/models/model.h"

namespace gannet::encoder {

// What the transformers that normalise before their parts are put together from; each family's file
// reads its own names and adds what makes it different.
struct PreNormParts {
  // How the scores of a head of a layer are made. It may refer to what it owns alone.
  using ScoreOptions = std::function<kernels::AttentionOptions(size_t layer, const HeadInput&)>;

  ModelDimensions dimensions;
  LayerStack stack;
  std::vector<float> words = {};  // [V, d]
  float word_scale = 1;           // Of the token vectors that enter the first layer.
  std::optional<Norm> embedding_norm = std::nullopt;
  std::vector<PreNormLayer> layers = {};  // [N]
  ScoreOptions score_options = nullptr;
  Norm final_norm = {};
};

std::unique_ptr<const Model> MakePreNormModel(PreNormParts parts);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_PRE_NORM_MODEL_H_
