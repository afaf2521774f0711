#ifndef GANNET_RANKER_RERANK_ICR_MODEL_H_
#define GANNET_RANKER_RERANK_ICR_MODEL_H_

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "encoder/layers/model_options.h"
#include "encoder/models/model.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::ranker {

// A decoder with its tokenizer, which re-rankers of several recipes, markups and heads may share.
struct InContextModel {
  std::filesystem::path path;
  std::shared_ptr<const encoder::Tokenizer> tokenizer;
  std::shared_ptr<const encoder::Model> model;

  // `path` is a model folder or GGUF file of a causal decoder. Errors name the file and the field.
  static absl::StatusOr<InContextModel> Open(const std::filesystem::path& path,
                                             const encoder::ModelOptions& options);
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_ICR_MODEL_H_
