#ifndef GANNET_ENCODER_INSPECT_OPEN_MODEL_H_
#define GANNET_ENCODER_INSPECT_OPEN_MODEL_H_

#include <filesystem>
#include <memory>
#include <variant>

#include "absl/status/statusor.h"
#include "encoder/embed/embedder.h"
#include "encoder/layers/model_options.h"
#include "encoder/score/cross_encoder.h"

namespace gannet::encoder {

using AnyModel = std::variant<std::unique_ptr<const Embedder>, std::unique_ptr<const CrossEncoder>>;

// Opens what a folder (or GGUF file) holds: an embedder where it has gannet.json or modules.json, a
// cross-encoder where pair_prompt.json or the architecture that config.json names says so, else an
// embedder. Errors are those of opening it; of a folder with none of these files, what was looked
// for.
absl::StatusOr<AnyModel> OpenModel(const std::filesystem::path& path, const ModelOptions& options);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_INSPECT_OPEN_MODEL_H_
