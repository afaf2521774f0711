#include "encoder/models/nomic_bert.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/post_norm_layer.h"
#include "encoder/layers/rotary.h"
#include "encoder/layers/token_embedding.h"
#include "encoder/models/post_norm_encoder.h"

namespace gannet::encoder {
namespace {

// config.json comes in the spelling of transformers 5 and in nomic-ai's own, after GPT-2.
constexpr EncoderFields kOlderFields = {.hidden = "n_embd",
                                        .layers = "n_layer",
                                        .heads = "n_head",
                                        .intermediate = "n_inner",
                                        .norm_epsilon = "layer_norm_epsilon"};
constexpr EncoderFields kFields = {.absent_activation = "silu"};

struct NomicBertConfig {
  EncoderShape shape;
  TokenEmbeddingShape embedding;
  size_t positions = 0;  // Longest sequence.
  RotaryEmbedding rotary;

  static absl::StatusOr<NomicBertConfig> Read(const ConfigFile& file);
};

// nomic-ai's own fields that change the model; its published text models have these values.
absl::Status CheckOlderFields(const ConfigFile& file) {
  for (const std::string_view field :
       {"prenorm", "parallel_block", "causal", "use_rms_norm", "rotary_emb_interleaved",
        "qkv_proj_bias", "mlp_fc1_bias", "mlp_fc2_bias", "use_xpos"}) {
    GANNET_RETURN_IF_ERROR(ExpectFlag(file, field, false));
  }
  for (const std::string_view field :
       {"rotary_scaling_factor", "rotary_emb_scale_base", "moe_every_n_layers"}) {
    GANNET_ASSIGN_OR_RETURN(const double value, file.NumberOr(field, 0));
    if (value != 0) return file.Error(field, fmt::format("{} is not supported", value));
  }
  return absl::OkStatus();
}

// "swiglu" or "geglu".
absl::StatusOr<kernels::Activation> ReadGate(const ConfigFile& file) {
  GANNET_ASSIGN_OR_RETURN(const std::string name, file.String("activation_function"));
  if (name == "swiglu") return kernels::Silu;
  if (name == "geglu") return kernels::Gelu;
  return file.Error("activation_function",
                    fmt::format("\"{}\" is not supported, expected swiglu or geglu", name));
}

absl::StatusOr<NomicBertConfig> NomicBertConfig::Read(const ConfigFile& file) {
  const bool older = file.Has("n_embd");
  GANNET_ASSIGN_OR_RETURN(EncoderShape shape,
                          EncoderShape::Read(file, older ? kOlderFields : kFields));
  GANNET_ASSIGN_OR_RETURN(const size_t positions,
                          file.Size(older ? "n_positions" : "max_position_embeddings"));
  if (older) {
    GANNET_RETURN_IF_ERROR(CheckOlderFields(file));
    GANNET_ASSIGN_OR_RETURN(shape.activation, ReadGate(file));
  }
  TokenEmbeddingShape embedding{.size = shape.hidden,
                                .types = TokenTypes::kGiven,
                                .norm = "emb_ln",
                                .norm_epsilon = shape.norm_epsilon};
  GANNET_ASSIGN_OR_RETURN(embedding.vocabulary, file.Size("vocab_size"));
  GANNET_ASSIGN_OR_RETURN(embedding.token_types, file.SizeOr("type_vocab_size", 2));
  GANNET_ASSIGN_OR_RETURN(RotaryEmbedding rotary,
                          RotaryEmbedding::Read(file, shape.head_dim(),
                                                {.theta_field = "rotary_emb_base",
                                                 .share_field = "rotary_emb_fraction"}));
  return NomicBertConfig{shape, embedding, positions, std::move(rotary)};
}

absl::StatusOr<PostNormLayer> LoadLayer(const Checkpoint& checkpoint, const EncoderShape& shape,
                                        const ModelOptions& options, size_t index) {
  const auto name = [&](std::string_view part) {
    return fmt::format("encoder.layers.{}.{}", index, part);
  };
  const size_t d = shape.hidden, d_ff = shape.intermediate;
  GANNET_ASSIGN_OR_RETURN(auto query_key_value, LoadLinear(checkpoint, name("attn.Wqkv"), d, 3 * d,
                                                           Bias::kAbsent, options));
  GANNET_ASSIGN_OR_RETURN(auto attention_output, LoadLinear(checkpoint, name("attn.out_proj"), d, d,
                                                            Bias::kAbsent, options));
  GANNET_ASSIGN_OR_RETURN(auto attention_norm,
                          LayerNorm::Load(checkpoint, name("norm1"), d, shape.norm_epsilon));
  // The gate is the second of the two maps.
  GANNET_ASSIGN_OR_RETURN(
      auto gate_up, LoadLinears(checkpoint, {name("mlp.fc12"), name("mlp.fc11")}, d, {d_ff, d_ff},
                                Bias::kAbsent, options));
  GANNET_ASSIGN_OR_RETURN(auto down,
                          LoadLinear(checkpoint, name("mlp.fc2"), d_ff, d, Bias::kAbsent, options));
  GANNET_ASSIGN_OR_RETURN(auto output_norm,
                          LayerNorm::Load(checkpoint, name("norm2"), d, shape.norm_epsilon));
  return PostNormLayer{std::move(query_key_value),
                       std::move(attention_output),
                       std::move(attention_norm),
                       {std::move(gate_up), std::move(down),
                        kernels::ActivationFor(options.precision, shape.activation)},
                       std::move(output_norm)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadNomicBert(const std::filesystem::path& folder,
                                                           const ConfigFile& file,
                                                           const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(NomicBertConfig config, NomicBertConfig::Read(file));
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embeddings.word_embeddings.weight", {"", "bert.", "nomic_bert."});
  GANNET_ASSIGN_OR_RETURN(TokenEmbedding embedding,
                          TokenEmbedding::Load(checkpoint, config.embedding));
  const EncoderShape& shape = config.shape;
  PostNormParts parts{
      .dimensions = {config.embedding.vocabulary, config.embedding.token_types, config.positions,
                     shape.hidden},
      .stack = {.layers = shape.layers,
                .heads = {shape.heads, shape.heads, shape.head_dim()},
                .precision = options.precision,
                .rotaries = {std::move(config.rotary)},
                .rotary_of_step = std::vector<std::optional<size_t>>(shape.layers, 0)},
      .embedding = std::move(embedding),
      .score_scale = 1 / (std::sqrt(static_cast<float>(shape.head_dim())) * options.temperature)};
  for (size_t i = 0; i < shape.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(PostNormLayer layer, LoadLayer(checkpoint, shape, options, i));
    parts.layers.push_back(std::move(layer));
    parts.layer_of_step.push_back(i);
  }
  return MakePostNormEncoder(std::move(parts));
}

}  // namespace gannet::encoder
