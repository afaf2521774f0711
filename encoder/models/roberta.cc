#include "encoder/models/roberta.h"

#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/models/post_norm_encoder.h"

namespace gannet::encoder {

absl::StatusOr<std::unique_ptr<const Model>> LoadRoberta(const std::filesystem::path& folder,
                                                         const ConfigFile& file,
                                                         const ModelOptions& options) {
  GANNET_RETURN_IF_ERROR(ExpectName(file, "position_embedding_type", "absolute"));
  GANNET_RETURN_IF_ERROR(ExpectFlag(file, "is_decoder", false));
  GANNET_ASSIGN_OR_RETURN(const EncoderShape shape, EncoderShape::Read(file, {}));
  GANNET_ASSIGN_OR_RETURN(
      TokenEmbeddingShape embedding,
      TokenEmbeddingShape::Read(file, shape.hidden, TokenTypes::kFirst, shape.norm_epsilon));
  GANNET_RETURN_IF_ERROR(embedding.CountAfterPadding(file));

  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embeddings.word_embeddings.weight",
                       {"", "roberta.", "lower_model.roberta.", "encoder."});
  GANNET_ASSIGN_OR_RETURN(PostNormParts parts, LoadPostNormParts(checkpoint, shape, embedding,
                                                                 PostNormNames::OfBert, options));
  return MakePostNormEncoder(std::move(parts));
}

}  // namespace gannet::encoder
