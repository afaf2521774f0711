#include "encoder/models/mpnet.h"

#include <fmt/format.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/layers/relative_bias.h"
#include "encoder/models/post_norm_encoder.h"

namespace gannet::encoder {
namespace {

PostNormNames LayerNames(size_t index) {
  PostNormNames names = PostNormNames::OfBert(index);
  const std::string attention = fmt::format("encoder.layer.{}.attention.", index);
  names.query = attention + "attn.q";
  names.key = attention + "attn.k";
  names.value = attention + "attn.v";
  names.attention_output = attention + "attn.o";
  names.attention_norm = attention + "LayerNorm";
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadMpnet(const std::filesystem::path& folder,
                                                       const ConfigFile& file,
                                                       const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const EncoderShape shape, EncoderShape::Read(file, {}));
  GANNET_ASSIGN_OR_RETURN(
      TokenEmbeddingShape embedding,
      TokenEmbeddingShape::Read(file, shape.hidden, TokenTypes::kNone, shape.norm_epsilon));
  GANNET_RETURN_IF_ERROR(embedding.CountAfterPadding(file));
  RelativeBiasShape bias_shape{.heads = shape.heads};
  GANNET_RETURN_IF_ERROR(bias_shape.ReadBuckets(file));

  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embeddings.word_embeddings.weight", {"", "mpnet."});
  GANNET_ASSIGN_OR_RETURN(PostNormParts parts,
                          LoadPostNormParts(checkpoint, shape, embedding, LayerNames, options));
  // One table for all layers.
  GANNET_ASSIGN_OR_RETURN(
      RelativeBias bias,
      RelativeBias::Load(checkpoint, "encoder.relative_attention_bias", bias_shape, options));
  const auto shared = std::make_shared<const RelativeBias>(std::move(bias));
  parts.score_bias = [shared](size_t, const HeadInput& input) {
    return shared->OfHead(input.head);
  };
  return MakePostNormEncoder(std::move(parts));
}

}  // namespace gannet::encoder
