#include "ranker/rerank/icr_model.h"

#include <fmt/format.h>

#include "base/status.h"

namespace gannet::ranker {

absl::StatusOr<InContextModel> InContextModel::Open(const std::filesystem::path& path,
                                                    const encoder::ModelOptions& options) {
  InContextModel opened{.path = path, .tokenizer = {}, .model = {}};
  // The markup is made of control tokens.
  GANNET_ASSIGN_OR_RETURN(
      opened.tokenizer,
      encoder::Tokenizer::Open(
          path, {.gguf_control_tokens = encoder::TokenizerOptions::ControlTokens::kFound}));
  GANNET_ASSIGN_OR_RETURN(opened.model, encoder::Model::Load(path, options));
  const encoder::ModelDimensions& dimensions = opened.model->dimensions();
  if (!dimensions.causal) {
    return absl::InvalidArgumentError(
        fmt::format("{}: not a causal decoder, which re-ranking in context needs", path.string()));
  }
  if (opened.tokenizer->vocabulary_size() > dimensions.vocabulary) {
    return absl::InvalidArgumentError(
        fmt::format("{}: vocab_size: {}, but the tokenizer has {} entries", path.string(),
                    dimensions.vocabulary, opened.tokenizer->vocabulary_size()));
  }
  return opened;
}

}  // namespace gannet::ranker
