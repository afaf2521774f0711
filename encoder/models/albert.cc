#include "encoder/models/albert.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/models/post_norm_encoder.h"

namespace gannet::encoder {
namespace {

PostNormNames LayerNames(size_t group, size_t index) {
  const std::string layer =
      fmt::format("encoder.albert_layer_groups.{}.albert_layers.{}.", group, index);
  return {.query = layer + "attention.query",
          .key = layer + "attention.key",
          .value = layer + "attention.value",
          .attention_output = layer + "attention.dense",
          .attention_norm = layer + "attention.LayerNorm",
          .up = layer + "ffn",
          .down = layer + "ffn_output",
          .output_norm = layer + "full_layer_layer_norm"};
}

// The N layers of the model fall into groups of consecutive ones; each of a group runs the same
// `per_group` stored layers.
struct SharedLayers {
  size_t groups = 1;
  size_t per_group = 1;

  static absl::StatusOr<SharedLayers> Read(const ConfigFile& file, size_t layers) {
    SharedLayers shared;
    GANNET_ASSIGN_OR_RETURN(shared.groups, file.SizeOr("num_hidden_groups", 1));
    GANNET_ASSIGN_OR_RETURN(shared.per_group, file.SizeOr("inner_group_num", 1));
    if (shared.groups <= layers) return shared;
    return file.Error("num_hidden_groups",
                      fmt::format("{} groups for num_hidden_layers {}", shared.groups, layers));
  }

  // The stored layers that the model's layers run, one after another.
  std::vector<size_t> Steps(size_t layers) const {
    std::vector<size_t> steps;
    for (size_t i = 0; i < layers; ++i) {
      for (size_t j = 0; j < per_group; ++j) steps.push_back(i * groups / layers * per_group + j);
    }
    return steps;
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadAlbert(const std::filesystem::path& folder,
                                                        const ConfigFile& file,
                                                        const ModelOptions& options) {
  GANNET_RETURN_IF_ERROR(ExpectName(file, "position_embedding_type", "absolute"));
  GANNET_ASSIGN_OR_RETURN(const EncoderShape shape,
                          EncoderShape::Read(file, {.absent_activation = "gelu_new"}));
  GANNET_ASSIGN_OR_RETURN(const size_t size, file.SizeOr("embedding_size", 128));
  GANNET_ASSIGN_OR_RETURN(const SharedLayers shared, SharedLayers::Read(file, shape.layers));
  GANNET_ASSIGN_OR_RETURN(
      const TokenEmbeddingShape embedding,
      TokenEmbeddingShape::Read(file, size, TokenTypes::kGiven, shape.norm_epsilon));

  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embeddings.word_embeddings.weight", {"", "albert."});
  EncoderShape stored = shape;
  stored.layers = shared.groups * shared.per_group;
  GANNET_ASSIGN_OR_RETURN(
      PostNormParts parts,
      LoadPostNormParts(
          checkpoint, stored, embedding,
          [&](size_t i) { return LayerNames(i / shared.per_group, i % shared.per_group); },
          options));
  parts.stack.layers = shape.layers;
  parts.stack.steps_per_layer = shared.per_group;
  parts.layer_of_step = shared.Steps(shape.layers);
  GANNET_ASSIGN_OR_RETURN(parts.projection,
                          LoadLinear(checkpoint, "encoder.embedding_hidden_mapping_in", size,
                                     shape.hidden, Bias::kPresent, options));
  return MakePostNormEncoder(std::move(parts));
}

}  // namespace gannet::encoder
