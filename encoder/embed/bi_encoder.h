#ifndef GANNET_ENCODER_EMBED_BI_ENCODER_H_
#define GANNET_ENCODER_EMBED_BI_ENCODER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/embed/embedder.h"

namespace gannet::encoder {

// A transformer (or M2-BERT, or Mamba) whose token vectors are pooled. Errors name the file of the
// folder, and the field or tensor, and what was expected.
absl::StatusOr<std::unique_ptr<const Embedder>> OpenBiEncoder(ModelFolder folder,
                                                              Similarity similarity,
                                                              const ModelOptions& options);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_BI_ENCODER_H_
