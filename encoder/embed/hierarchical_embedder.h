#ifndef GANNET_ENCODER_EMBED_HIERARCHICAL_EMBEDDER_H_
#define GANNET_ENCODER_EMBED_HIERARCHICAL_EMBEDDER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/gannet_file.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/embed/embedder.h"
#include "encoder/layers/model_options.h"

namespace gannet::encoder {

// A bi-encoder that reads documents as blocks of sentences: a folder whose gannet.json says "smith"
// or "hmde" (see encoder/models/smith.h and hmde.h). SMITH reads queries as it reads documents; in
// HMDE a query is one block for the lower model, and its vector that block's. A document without a
// sentence has a vector, too.
absl::StatusOr<std::unique_ptr<const Embedder>> OpenHierarchicalEmbedder(
    ModelFolder folder, const GannetFile& file, const ModelOptions& options);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_HIERARCHICAL_EMBEDDER_H_
