#include "encoder/models/modernbert.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>
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

constexpr EncoderFields kFields = {
    .activation = "hidden_activation", .norm_epsilon = "norm_eps", .absent_norm_epsilon = 1e-5};

// Global layers see the whole sequence, local ones a window.
enum LayerKind { kGlobal, kLocal };

// The fields of config.json that shape the model.
struct ModernBertConfig {
  EncoderShape shape;
  size_t vocabulary = 0;         // V
  size_t positions = 0;          // Longest sequence.
  size_t reach = 0;              // A local layer's query at i sees |i − j| <= reach.
  std::vector<LayerKind> kinds;  // Of each layer.
  Bias attention_bias = Bias::kAbsent;
  Bias mlp_bias = Bias::kAbsent;
  Bias norm_bias = Bias::kAbsent;
  std::vector<RotaryEmbedding> rotaries;  // By LayerKind.

  static absl::StatusOr<ModernBertConfig> Read(const ConfigFile& file);

 private:
  absl::Status ReadKinds(const ConfigFile& file);
  absl::Status ReadRotaries(const ConfigFile& file);
};

absl::StatusOr<Bias> ReadBias(const ConfigFile& file, std::string_view field) {
  GANNET_ASSIGN_OR_RETURN(const bool present, file.BoolOr(field, false));
  return present ? Bias::kPresent : Bias::kAbsent;
}

absl::StatusOr<ModernBertConfig> ModernBertConfig::Read(const ConfigFile& file) {
  ModernBertConfig config;
  GANNET_ASSIGN_OR_RETURN(config.shape, EncoderShape::Read(file, kFields));
  GANNET_ASSIGN_OR_RETURN(config.vocabulary, file.Size("vocab_size"));
  GANNET_ASSIGN_OR_RETURN(config.positions, file.Size("max_position_embeddings"));
  GANNET_ASSIGN_OR_RETURN(config.attention_bias, ReadBias(file, "attention_bias"));
  GANNET_ASSIGN_OR_RETURN(config.mlp_bias, ReadBias(file, "mlp_bias"));
  GANNET_ASSIGN_OR_RETURN(config.norm_bias, ReadBias(file, "norm_bias"));
  GANNET_ASSIGN_OR_RETURN(const size_t window, file.SizeOr("local_attention", 128));
  config.reach = window / 2;
  GANNET_RETURN_IF_ERROR(config.ReadKinds(file));
  GANNET_RETURN_IF_ERROR(config.ReadRotaries(file));
  return config;
}

// layer_types names the kind of each layer; before it, every n-th was global.
absl::Status ModernBertConfig::ReadKinds(const ConfigFile& file) {
  GANNET_ASSIGN_OR_RETURN(const std::vector<std::string> types, file.StringList("layer_types"));
  GANNET_ASSIGN_OR_RETURN(const size_t every, file.SizeOr("global_attn_every_n_layers", 3));
  if (!types.empty() && types.size() != shape.layers) {
    return file.Error("layer_types", fmt::format("{} entries for num_hidden_layers {}",
                                                 types.size(), shape.layers));
  }
  for (size_t i = 0; i < shape.layers; ++i) {
    if (types.empty()) {
      kinds.push_back(i % every == 0 ? kGlobal : kLocal);
    } else if (types[i] == "full_attention") {
      kinds.push_back(kGlobal);
    } else if (types[i] == "sliding_attention") {
      kinds.push_back(kLocal);
    } else {
      return file.Error("layer_types", fmt::format("\"{}\" is not supported", types[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status ModernBertConfig::ReadRotaries(const ConfigFile& file) {
  const RotaryDefaults global{
      .theta = 160000, .layer_type = "full_attention", .theta_field = "global_rope_theta"};
  const RotaryDefaults local{.layer_type = "sliding_attention", .theta_field = "local_rope_theta"};
  for (const RotaryDefaults& defaults : {global, local}) {
    GANNET_ASSIGN_OR_RETURN(RotaryEmbedding rotary,
                            RotaryEmbedding::Read(file, shape.head_dim(), defaults));
    rotaries.push_back(std::move(rotary));
  }
  return absl::OkStatus();
}

absl::StatusOr<PreNormLayer> LoadLayer(const Checkpoint& checkpoint, const ModernBertConfig& config,
                                       const ModelOptions& options, size_t index) {
  const auto name = [&](std::string_view part) { return fmt::format("layers.{}.{}", index, part); };
  const size_t d = config.shape.hidden, d_ff = config.shape.intermediate;
  const auto norm = [&](std::string_view part) -> absl::StatusOr<Norm> {
    return LayerNorm::Load(checkpoint, name(part), d, config.shape.norm_epsilon, config.norm_bias);
  };
  std::optional<Norm> attention_norm;  // The first layer has none: the embedding has one.
  if (index > 0) {
    GANNET_ASSIGN_OR_RETURN(attention_norm, norm("attn_norm"));
  }
  GANNET_ASSIGN_OR_RETURN(auto query_key_value, LoadLinear(checkpoint, name("attn.Wqkv"), d, 3 * d,
                                                           config.attention_bias, options));
  GANNET_ASSIGN_OR_RETURN(auto attention_output, LoadLinear(checkpoint, name("attn.Wo"), d, d,
                                                            config.attention_bias, options));
  GANNET_ASSIGN_OR_RETURN(Norm mlp_norm, norm("mlp_norm"));
  GANNET_ASSIGN_OR_RETURN(
      auto up, LoadLinear(checkpoint, name("mlp.Wi"), d, 2 * d_ff, config.mlp_bias, options));
  GANNET_ASSIGN_OR_RETURN(
      auto down, LoadLinear(checkpoint, name("mlp.Wo"), d_ff, d, config.mlp_bias, options));
  return PreNormLayer{
      .attention_norm = std::move(attention_norm),
      .query_key_value = std::move(query_key_value),
      .attention_output = std::move(attention_output),
      .feed_forward_norm = std::move(mlp_norm),
      .feed_forward = {std::move(up), std::move(down),
                       kernels::ActivationFor(options.precision, config.shape.activation)}};
}

// softmax(Q Kᵀ / √(d/h)), over what a local layer's window leaves.
PreNormParts::ScoreOptions ScoreOptionsOf(const ModernBertConfig& config,
                                          const ModelOptions& options) {
  const float scale =
      1 / (std::sqrt(static_cast<float>(config.shape.head_dim())) * options.temperature);
  return [scale, kinds = config.kinds, reach = config.reach](size_t layer, const HeadInput&) {
    kernels::AttentionOptions head{.scale = scale};
    if (kinds[layer] == kLocal) head.left = head.right = reach;
    return head;
  };
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadModernBert(const std::filesystem::path& folder,
                                                            const ConfigFile& file,
                                                            const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(ModernBertConfig config, ModernBertConfig::Read(file));
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embeddings.tok_embeddings.weight", {"", "model."});

  const EncoderShape& shape = config.shape;
  const auto norm = [&](std::string_view name) -> absl::StatusOr<Norm> {
    return LayerNorm::Load(checkpoint, name, shape.hidden, shape.norm_epsilon, config.norm_bias);
  };
  PreNormParts parts{.dimensions = {config.vocabulary, 0, config.positions, shape.hidden},
                     .stack = {.layers = shape.layers,
                               .heads = {shape.heads, shape.heads, shape.head_dim()},
                               .precision = options.precision,
                               .rotaries = std::move(config.rotaries)},
                     .score_options = ScoreOptionsOf(config, options)};
  GANNET_ASSIGN_OR_RETURN(parts.words, checkpoint.Floats("embeddings.tok_embeddings.weight",
                                                         {config.vocabulary, shape.hidden}));
  GANNET_ASSIGN_OR_RETURN(parts.embedding_norm, norm("embeddings.norm"));
  for (size_t i = 0; i < shape.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(PreNormLayer layer, LoadLayer(checkpoint, config, options, i));
    parts.layers.push_back(std::move(layer));
    parts.stack.rotary_of_step.emplace_back(config.kinds[i]);
  }
  GANNET_ASSIGN_OR_RETURN(parts.final_norm, norm("final_norm"));
  return MakePreNormModel(std::move(parts));
}

}  // namespace gannet::encoder
