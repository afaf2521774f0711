#include "encoder/models/decoder.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/attention.h"
#include "encoder/layers/feed_forward.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/norm.h"
#include "encoder/layers/pre_norm_layer.h"
#include "encoder/models/decoder_config.h"
#include "encoder/models/pre_norm_model.h"

namespace gannet::encoder {
namespace {

absl::StatusOr<Norm> LoadNorm(const Checkpoint& checkpoint, const DecoderConfig& config,
                              const std::string& name, size_t size) {
  return RmsNorm::Load(checkpoint, name, size, config.norm_epsilon, config.norm_form);
}

absl::Status LoadHeadNorms(const Checkpoint& checkpoint, const DecoderConfig& config,
                           const std::string& prefix, PreNormLayer& layer) {
  const auto load = [&](std::string_view name) {
    return RmsNorm::Load(checkpoint, fmt::format("{}.self_attn.{}", prefix, name), config.head_dim,
                         config.norm_epsilon, config.norm_form);
  };
  GANNET_ASSIGN_OR_RETURN(layer.query_norm, load("q_norm"));
  GANNET_ASSIGN_OR_RETURN(layer.key_norm, load("k_norm"));
  return absl::OkStatus();
}

absl::StatusOr<FeedForward> LoadFeedForward(const Checkpoint& checkpoint,
                                            const DecoderConfig& config,
                                            const ModelOptions& options,
                                            const std::string& prefix) {
  const auto name = [&](std::string_view part) { return fmt::format("{}.mlp.{}", prefix, part); };
  const size_t d = config.hidden, d_ff = config.intermediate;
  const bool fused = config.projections == DecoderConfig::Projections::kFused;
  GANNET_ASSIGN_OR_RETURN(auto up,
                          fused ? LoadLinear(checkpoint, name("gate_up_proj"), d, 2 * d_ff,
                                             config.feed_forward_bias, options)
                                : LoadLinears(checkpoint, {name("gate_proj"), name("up_proj")}, d,
                                              {d_ff, d_ff}, config.feed_forward_bias, options));
  GANNET_ASSIGN_OR_RETURN(auto down, LoadLinear(checkpoint, name("down_proj"), d_ff, d,
                                                config.feed_forward_bias, options));
  return FeedForward{std::move(up), std::move(down), config.activation};
}

absl::StatusOr<PreNormLayer> LoadLayer(const Checkpoint& checkpoint, const DecoderConfig& config,
                                       const ModelOptions& options, size_t index) {
  const std::string prefix = fmt::format("layers.{}", index);
  const auto name = [&](std::string_view part) { return fmt::format("{}.{}", prefix, part); };
  const auto norm = [&](std::string_view part) {
    return LoadNorm(checkpoint, config, name(part), config.hidden);
  };
  const size_t d = config.hidden;
  const size_t queries = config.query_size(), keys = config.kv_heads * config.head_dim;
  const bool fused = config.projections == DecoderConfig::Projections::kFused;
  GANNET_ASSIGN_OR_RETURN(auto query_key_value,
                          fused ? LoadLinear(checkpoint, name("self_attn.qkv_proj"), d,
                                             config.qkv_size(), config.qkv_bias, options)
                                : LoadLinears(checkpoint,
                                              {name("self_attn.q_proj"), name("self_attn.k_proj"),
                                               name("self_attn.v_proj")},
                                              d, {queries, keys, keys}, config.qkv_bias, options));
  GANNET_ASSIGN_OR_RETURN(auto attention_output,
                          LoadLinear(checkpoint, name("self_attn.o_proj"), queries, d,
                                     config.attention_output_bias, options));
  GANNET_ASSIGN_OR_RETURN(auto feed_forward, LoadFeedForward(checkpoint, config, options, prefix));
  GANNET_ASSIGN_OR_RETURN(Norm attention_norm, norm("input_layernorm"));
  // With post-norms, post_attention_layernorm is one of them; without, it is the pre-norm of the
  // feed-forward part.
  GANNET_ASSIGN_OR_RETURN(
      Norm feed_forward_norm,
      norm(config.post_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm"));
  PreNormLayer layer{.attention_norm = std::move(attention_norm),
                     .query_key_value = std::move(query_key_value),
                     .attention_output = std::move(attention_output),
                     .feed_forward_norm = std::move(feed_forward_norm),
                     .feed_forward = std::move(feed_forward)};
  if (config.query_key_norms) {
    GANNET_RETURN_IF_ERROR(LoadHeadNorms(checkpoint, config, prefix, layer));
  }
  if (config.post_norms) {
    GANNET_ASSIGN_OR_RETURN(layer.attention_post_norm, norm("post_attention_layernorm"));
    GANNET_ASSIGN_OR_RETURN(layer.feed_forward_post_norm, norm("post_feedforward_layernorm"));
  }
  return layer;
}

// softmax(cap(scale Q Kᵀ)) over the keys that the layer's window and the direction leave.
PreNormParts::ScoreOptions ScoreOptionsOf(const DecoderConfig& config,
                                          const ModelOptions& options) {
  std::vector<kernels::AttentionOptions> of_layer;
  for (const DecoderConfig::Layer& layer : config.layer_kinds) {
    kernels::AttentionOptions head{
        .scale = static_cast<float>(config.score_scale / options.temperature),
        .soft_cap = static_cast<float>(config.soft_cap)};
    if (layer.window != 0) head.left = head.right = layer.window - 1;
    if (config.direction == DecoderConfig::Direction::kCausal) head.right = 0;
    of_layer.push_back(head);
  }
  return [of_layer](size_t layer, const HeadInput&) { return of_layer[layer]; };
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadDecoder(const std::filesystem::path& folder,
                                                         const ConfigFile& file,
                                                         const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(DecoderConfig config, DecoderConfig::Read(file));
  if (config.soft_cap != 0 && options.temperature != 1) {
    return file.Error("attn_logit_softcapping",
                      fmt::format("{} cannot be combined with temperature {}", config.soft_cap,
                                  options.temperature));
  }
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embed_tokens.weight", {"", "model."});

  PreNormParts parts{.dimensions = {config.vocabulary, 0, config.positions, config.hidden},
                     .stack = {.layers = config.layers,
                               .heads = {config.heads, config.kv_heads, config.head_dim},
                               .precision = options.precision,
                               .causal = config.direction == DecoderConfig::Direction::kCausal},
                     .word_scale = static_cast<float>(config.embedding_scale),
                     .score_options = ScoreOptionsOf(config, options)};
  GANNET_ASSIGN_OR_RETURN(
      parts.words, checkpoint.Floats("embed_tokens.weight", {config.vocabulary, config.hidden}));
  for (size_t i = 0; i < config.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(PreNormLayer layer, LoadLayer(checkpoint, config, options, i));
    parts.layers.push_back(std::move(layer));
    parts.stack.rotary_of_step.push_back(config.layer_kinds[i].rotary);
  }
  GANNET_ASSIGN_OR_RETURN(parts.final_norm, LoadNorm(checkpoint, config, "norm", config.hidden));
  parts.stack.rotaries = std::move(config.rotaries);
  return MakePreNormModel(std::move(parts));
}

}  // namespace gannet::encoder
