#ifndef GANNET_ENCODER_MODELS_MAMBA_H_
#define GANNET_ENCODER_MODELS_MAMBA_H_

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/layers/model_options.h"
#include "encoder/models/model.h"

namespace gannet::encoder {

// Mamba-1 (Gu & Dao 2023, arXiv:2312.00752), as trained by state-spaces and as converted for
// Hugging Face ("mamba"), and FalconMamba ("falcon_mamba"), which normalises Δ, B and C. The
// language-model head is not read; token vectors are those after the final norm. There is no
// longest input.
absl::StatusOr<std::unique_ptr<const Model>> LoadMamba(const std::filesystem::path& folder,
                                                       const ConfigFile& file,
                                                       const ModelOptions& options);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_MAMBA_H_
