#include "encoder/models/gpt_neox.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/attention.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/norm.h"
#include "encoder/layers/pre_norm_layer.h"
#include "encoder/layers/rotary.h"
#include "encoder/models/pre_norm_model.h"

namespace gannet::encoder {
namespace {

// The fields of config.json that shape the model.
struct GptNeoxConfig {
  size_t vocabulary = 0;  // V
  size_t positions = 0;   // Longest sequence.
  EncoderShape shape;
  Bias attention_bias = Bias::kPresent;

  static absl::StatusOr<GptNeoxConfig> Read(const ConfigFile& file);
};

absl::StatusOr<GptNeoxConfig> GptNeoxConfig::Read(const ConfigFile& file) {
  GANNET_RETURN_IF_ERROR(ExpectFlag(file, "use_parallel_residual", true));
  GANNET_RETURN_IF_ERROR(ExpectFlag(file, "is_causal", true));
  GptNeoxConfig config;
  GANNET_ASSIGN_OR_RETURN(config.vocabulary, file.Size("vocab_size"));
  GANNET_ASSIGN_OR_RETURN(config.positions, file.Size("max_position_embeddings"));
  GANNET_ASSIGN_OR_RETURN(config.shape, EncoderShape::Read(file, {.absent_norm_epsilon = 1e-5}));
  GANNET_ASSIGN_OR_RETURN(const bool biased, file.BoolOr("attention_bias", true));
  config.attention_bias = biased ? Bias::kPresent : Bias::kAbsent;
  return config;
}

absl::StatusOr<PreNormLayer> LoadLayer(const Checkpoint& checkpoint, const GptNeoxConfig& config,
                                       const ModelOptions& options, size_t index) {
  const auto name = [&](std::string_view part) { return fmt::format("layers.{}.{}", index, part); };
  const size_t d = config.shape.hidden, d_ff = config.shape.intermediate;
  const auto norm = [&](std::string_view part) -> absl::StatusOr<Norm> {
    return LayerNorm::Load(checkpoint, name(part), d, config.shape.norm_epsilon);
  };
  GANNET_ASSIGN_OR_RETURN(Norm attention_norm, norm("input_layernorm"));
  GANNET_ASSIGN_OR_RETURN(auto query_key_value,
                          LoadLinear(checkpoint, name("attention.query_key_value"), d, 3 * d,
                                     config.attention_bias, options));
  GANNET_ASSIGN_OR_RETURN(auto attention_output, LoadLinear(checkpoint, name("attention.dense"), d,
                                                            d, config.attention_bias, options));
  GANNET_ASSIGN_OR_RETURN(Norm feed_forward_norm, norm("post_attention_layernorm"));
  GANNET_ASSIGN_OR_RETURN(
      auto up, LoadLinear(checkpoint, name("mlp.dense_h_to_4h"), d, d_ff, Bias::kPresent, options));
  GANNET_ASSIGN_OR_RETURN(auto down, LoadLinear(checkpoint, name("mlp.dense_4h_to_h"), d_ff, d,
                                                Bias::kPresent, options));
  return PreNormLayer{.attention_norm = std::move(attention_norm),
                      .query_key_value = std::move(query_key_value),
                      .attention_output = std::move(attention_output),
                      .feed_forward_norm = std::move(feed_forward_norm),
                      .feed_forward = {std::move(up), std::move(down), config.shape.activation},
                      .order = PreNormLayer::Order::kBesideEachOther};
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadGptNeox(const std::filesystem::path& folder,
                                                         const ConfigFile& file,
                                                         const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const GptNeoxConfig config, GptNeoxConfig::Read(file));
  GANNET_ASSIGN_OR_RETURN(
      RotaryEmbedding rotary,
      RotaryEmbedding::Read(
          file, config.shape.head_dim(),
          {.rotated_share = 0.25, .theta_field = "rotary_emb_base", .share_field = "rotary_pct"}));
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embed_in.weight", {"", "gpt_neox."});

  const EncoderShape& shape = config.shape;
  PreNormParts parts{
      .dimensions = {config.vocabulary, 0, config.positions, shape.hidden},
      .stack = {.layers = shape.layers,
                .heads = {shape.heads, shape.heads, shape.head_dim(), HeadLayout::Order::kByHead},
                .precision = options.precision,
                .rotaries = {std::move(rotary)},
                .rotary_of_step = std::vector<std::optional<size_t>>(shape.layers, 0),
                .causal = true}};
  const float scale = 1 / (std::sqrt(static_cast<float>(shape.head_dim())) * options.temperature);
  parts.score_options = [scale](size_t, const HeadInput&) {
    return kernels::AttentionOptions{.scale = scale, .right = 0};
  };
  GANNET_ASSIGN_OR_RETURN(parts.words,
                          checkpoint.Floats("embed_in.weight", {config.vocabulary, shape.hidden}));
  for (size_t i = 0; i < shape.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(PreNormLayer layer, LoadLayer(checkpoint, config, options, i));
    parts.layers.push_back(std::move(layer));
  }
  GANNET_ASSIGN_OR_RETURN(parts.final_norm, LayerNorm::Load(checkpoint, "final_layer_norm",
                                                            shape.hidden, shape.norm_epsilon));
  return MakePreNormModel(std::move(parts));
}

}  // namespace gannet::encoder
