#ifndef GANNET_ENCODER_RUN_TEXT_MODEL_H_
#define GANNET_ENCODER_RUN_TEXT_MODEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/layers/load_notes.h"
#include "encoder/layers/model_options.h"
#include "encoder/models/model.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// The fingerprint of a folder for the options that it was loaded with: its own, where they are the
// ones that the folder is meant for.
std::string FingerprintWith(std::string folder, const ModelOptions& options);

// How linear layers are computed, for people: "24 linear layers: bf16 by brg:avx512_core_bf16".
std::string DescribePaths(const LoadNotes& notes);

// The transformer of a model folder with its tokenizer: what bi-encoders and cross-encoders have in
// common.
struct TextModel {
  ModelFolder folder;  // Its max_tokens is what the model can read, too.
  // What the model was loaded with, and the layers that calibration left in bf16.
  ModelOptions options;
  // 32 hexadecimal digits over every file and option that bears on what is computed.
  std::string fingerprint = {};
  std::unique_ptr<const Tokenizer> tokenizer = {};
  std::unique_ptr<const Model> model = {};
  std::string compute_path = {};  // See DescribePaths.

  // Errors name the file of the folder, and the field or tensor, and what was expected.
  static absl::StatusOr<TextModel> Load(ModelFolder folder, const ModelOptions& asked);
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_RUN_TEXT_MODEL_H_
