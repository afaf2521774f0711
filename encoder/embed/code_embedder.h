#ifndef GANNET_ENCODER_EMBED_CODE_EMBEDDER_H_
#define GANNET_ENCODER_EMBED_CODE_EMBEDDER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/embed/embedder.h"

namespace gannet::encoder {

// SEA (Hu et al. 2022, arXiv:2208.11271): code is split by its syntax, every block encoded, and one
// vector made of all; a query goes through the encoder alone. `file` is the folder's gannet.json;
// the encoder is any transformer of the folder, its tensors named as they are or below "encoder.".
// Every code is split the same way: the released evaluation splits the answers alone, which favours
// them.
absl::StatusOr<std::unique_ptr<const Embedder>> OpenCodeEmbedder(ModelFolder folder,
                                                                 const ConfigFile& file,
                                                                 const ModelOptions& options);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_CODE_EMBEDDER_H_
