#include "encoder/models/distilbert.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/models/post_norm_encoder.h"

namespace gannet::encoder {
namespace {

constexpr EncoderFields kFields = {.hidden = "dim",
                                   .layers = "n_layers",
                                   .heads = "n_heads",
                                   .intermediate = "hidden_dim",
                                   .activation = "activation"};

PostNormNames LayerNames(size_t index) {
  const std::string layer = fmt::format("transformer.layer.{}.", index);
  return {.query = layer + "attention.q_lin",
          .key = layer + "attention.k_lin",
          .value = layer + "attention.v_lin",
          .attention_output = layer + "attention.out_lin",
          .attention_norm = layer + "sa_layer_norm",
          .up = layer + "ffn.lin1",
          .down = layer + "ffn.lin2",
          .output_norm = layer + "output_layer_norm"};
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadDistilBert(const std::filesystem::path& folder,
                                                            const ConfigFile& file,
                                                            const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const EncoderShape shape, EncoderShape::Read(file, kFields));
  GANNET_ASSIGN_OR_RETURN(
      const TokenEmbeddingShape embedding,
      TokenEmbeddingShape::Read(file, shape.hidden, TokenTypes::kNone, shape.norm_epsilon));

  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embeddings.word_embeddings.weight", {"", "distilbert."});
  GANNET_ASSIGN_OR_RETURN(PostNormParts parts,
                          LoadPostNormParts(checkpoint, shape, embedding, LayerNames, options));
  return MakePostNormEncoder(std::move(parts));
}

}  // namespace gannet::encoder
