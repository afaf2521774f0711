#ifndef GANNET_ENCODER_RUN_CALIBRATION_H_
#define GANNET_ENCODER_RUN_CALIBRATION_H_

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "encoder/layers/load_notes.h"
#include "encoder/models/model.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// Loads the model of a folder. An int8 model whose options do not say which of its linear layers
// stay in bf16 is loaded twice: in bf16, to see what its layers are given for a calibration text,
// and then in int8, with those layers left in bf16 whose outputs int8 would spoil; `options` then
// names them. `notes` says what was done.
absl::StatusOr<std::unique_ptr<const Model>> LoadCalibrated(const std::filesystem::path& folder,
                                                            const Tokenizer& tokenizer,
                                                            ModelOptions& options,
                                                            LoadNotes& notes);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_RUN_CALIBRATION_H_
