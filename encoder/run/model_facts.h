#ifndef GANNET_ENCODER_RUN_MODEL_FACTS_H_
#define GANNET_ENCODER_RUN_MODEL_FACTS_H_

#include <string>
#include <utility>
#include <vector>

#include "encoder/checkpoint/model_folder.h"
#include "encoder/models/model.h"

namespace gannet::encoder {

// What a model was found to be when it was opened, for people.
struct ModelFacts {
  ModelDimensions dimensions;
  // How it is used, one after another: {"pooling", "mean, normalised"}.
  std::vector<std::pair<std::string, std::string>> uses;
  std::vector<Assumption> assumptions;
};

// Of a bi-encoder: pooling and what follows it, and prompts.
ModelFacts FactsOf(const ModelFolder& folder, const ModelDimensions& dimensions);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_RUN_MODEL_FACTS_H_
