#ifndef GANNET_ENCODER_MODELS_M2BERT_H_
#define GANNET_ENCODER_MODELS_M2BERT_H_

#include <cstddef>
#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/layers/model_options.h"
#include "encoder/models/model.h"

namespace gannet::encoder {

// M2-BERT, the Monarch Mixer encoder (Fu et al. 2023, arXiv:2310.12109) as trained for retrieval of
// long texts (Saad-Falcon et al. 2024, arXiv:2402.07440): gated long convolutions in place of
// attention, a gated feed-forward part of block-diagonal matrices, normalised after it.
//
// There is no mask: every sequence is padded with token 0 to L_max, and what is computed for the
// padding reaches the text. The padded length is part of the model.
absl::StatusOr<std::unique_ptr<const Model>> LoadM2Bert(const std::filesystem::path& folder,
                                                        const ConfigFile& file,
                                                        const ModelOptions& options);

// The same padded to `length`, at most L_max, which makes another model of it.
absl::StatusOr<std::unique_ptr<const Model>> LoadM2BertPaddedTo(size_t length,
                                                                const std::filesystem::path& folder,
                                                                const ConfigFile& file,
                                                                const ModelOptions& options);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_M2BERT_H_
