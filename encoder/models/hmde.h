#ifndef GANNET_ENCODER_MODELS_HMDE_H_
#define GANNET_ENCODER_MODELS_HMDE_H_

#include <filesystem>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/layers/model_options.h"
#include "encoder/models/hierarchical.h"

namespace gannet::encoder {

// HMDE ("A General-Purpose Multilingual Document Encoder";
// github.com/ogaloglu/pre-training-multilingual-document-encoders): a pretrained multilingual model
// (LaBSE, XLM-R) makes a vector of each sentence, and a small BERT encoder reads these behind the
// vector of a document token, [DCLS]. Queries go through the lower model alone.
//
// config.json and the tokenizer are the lower model's (bert, roberta or xlm-roberta). `fields` is
// gannet.json: sentence_tokens (128, special tokens included), document_positions (32, [DCLS]
// included), lower_pooling ("cls" or "mean"), upper_pooling ("mean" or "dcls"), upper_positional
// (whether positions are added to the sentence vectors; required, because the weights do not tell),
// dcls_token_id (the row of [DCLS]; required) and upper_config (the upper encoder's shape, as
// BERT's config.json has it). Tensors are those of the release: lower_model.*, upper_embeddings.*,
// upper_encoder.*.
absl::StatusOr<HierarchicalParts> LoadHmde(const std::filesystem::path& folder,
                                           const ConfigFile& fields, const ModelOptions& options);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_HMDE_H_
