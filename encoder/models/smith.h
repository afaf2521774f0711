#ifndef GANNET_ENCODER_MODELS_SMITH_H_
#define GANNET_ENCODER_MODELS_SMITH_H_

#include <filesystem>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/layers/model_options.h"
#include "encoder/models/hierarchical.h"

namespace gannet::encoder {

// SMITH (Yang et al. 2020, arXiv:2004.12297; github.com/google-research/google-research/smith): one
// tower of the dual encoder, which serves queries and documents alike. Blocks of 32 tokens are
// filled with whole sentences; 48 of them are read (1536 tokens).
//
// `fields` is gannet.json, under the names of the release: max_sent_length_by_word (32),
// max_doc_length_by_sentence (64), loop_sent_number_per_doc (48, or all of the former if fewer),
// doc_rep_combine_mode ("normal", "sum_concat", "mean_concat" or "attention"),
// doc_rep_combine_attention_size (256), sent_bert_config and doc_bert_config (objects, as BERT's
// own bert_config.json), pad_token_id (0), and tower (1 or 2): the released graph gives each of its
// two towers a last layer of its own, dense and dense_1; one of them is used for all texts. Weights
// are a TensorFlow checkpoint, or its variables in another file under the same names.
absl::StatusOr<HierarchicalParts> LoadSmith(const std::filesystem::path& folder,
                                            const ConfigFile& fields, const ModelOptions& options);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_SMITH_H_
