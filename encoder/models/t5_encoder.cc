#include "encoder/models/t5_encoder.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/attention.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/layers/activation.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/norm.h"
#include "encoder/layers/pre_norm_layer.h"
#include "encoder/layers/relative_bias.h"
#include "encoder/models/pre_norm_model.h"

namespace gannet::encoder {
namespace {

// The fields of config.json that shape the model.
struct T5Config {
  size_t vocabulary = 0;    // V
  size_t hidden = 0;        // d
  size_t layers = 0;        // N
  size_t heads = 0;         // h
  size_t head_dim = 0;      // Of queries, keys and values; not always d/h.
  size_t intermediate = 0;  // d_ff
  double norm_epsilon = 0;
  kernels::Activation activation = nullptr;  // f
  bool gated = false;                        // (f(x W_0) ⊙ x W_1) instead of f(x W)
  RelativeBiasShape bias;

  static absl::StatusOr<T5Config> Read(const ConfigFile& file);

  size_t width() const { return heads * head_dim; }

 private:
  absl::Status ReadFeedForward(const ConfigFile& file);
};

absl::StatusOr<T5Config> T5Config::Read(const ConfigFile& file) {
  T5Config config;
  GANNET_ASSIGN_OR_RETURN(config.vocabulary, file.Size("vocab_size"));
  GANNET_ASSIGN_OR_RETURN(config.hidden, file.Size("d_model"));
  GANNET_ASSIGN_OR_RETURN(config.layers, file.Size("num_layers"));
  GANNET_ASSIGN_OR_RETURN(config.heads, file.Size("num_heads"));
  GANNET_ASSIGN_OR_RETURN(config.head_dim, file.Size("d_kv"));
  GANNET_ASSIGN_OR_RETURN(config.intermediate, file.Size("d_ff"));
  GANNET_ASSIGN_OR_RETURN(config.norm_epsilon, file.NumberOr("layer_norm_epsilon", 1e-6));
  GANNET_RETURN_IF_ERROR(config.ReadFeedForward(file));
  config.bias.heads = config.heads;
  GANNET_RETURN_IF_ERROR(config.bias.ReadBuckets(file));
  if (config.head_dim > kernels::kMaxHeadDim) {
    return file.Error("d_kv", fmt::format("{} is above {}", config.head_dim, kernels::kMaxHeadDim));
  }
  return config;
}

// "relu", "gated-gelu" (which means the tanh form), "gated-silu", ...
absl::Status T5Config::ReadFeedForward(const ConfigFile& file) {
  constexpr std::string_view kGated = "gated-";
  GANNET_ASSIGN_OR_RETURN(const std::string type, file.String("model_type"));
  GANNET_ASSIGN_OR_RETURN(
      const std::string projection,
      file.StringOr("feed_forward_proj", type == "mt5" ? "gated-gelu" : "relu"));
  std::string_view name = projection;
  gated = name.starts_with(kGated);
  if (gated) name.remove_prefix(kGated.size());
  activation = FindActivation(gated && name == "gelu" ? "gelu_new" : name);
  if (activation != nullptr) return absl::OkStatus();
  return file.Error("feed_forward_proj", fmt::format("\"{}\" is not supported", projection));
}

absl::StatusOr<Norm> LoadNorm(const Checkpoint& checkpoint, const T5Config& config,
                              const std::string& name) {
  return RmsNorm::Load(checkpoint, name, config.hidden, config.norm_epsilon, RmsNorm::Form::kScale);
}

absl::StatusOr<PreNormLayer> LoadLayer(const Checkpoint& checkpoint, const T5Config& config,
                                       const ModelOptions& options, size_t index) {
  const auto name = [&](std::string_view part) {
    return fmt::format("encoder.block.{}.layer.{}", index, part);
  };
  const size_t d = config.hidden, width = config.width(), d_ff = config.intermediate;
  GANNET_ASSIGN_OR_RETURN(Norm attention_norm, LoadNorm(checkpoint, config, name("0.layer_norm")));
  GANNET_ASSIGN_OR_RETURN(
      auto query_key_value,
      LoadLinears(checkpoint,
                  {name("0.SelfAttention.q"), name("0.SelfAttention.k"), name("0.SelfAttention.v")},
                  d, {width, width, width}, Bias::kAbsent, options));
  GANNET_ASSIGN_OR_RETURN(auto attention_output, LoadLinear(checkpoint, name("0.SelfAttention.o"),
                                                            width, d, Bias::kAbsent, options));
  GANNET_ASSIGN_OR_RETURN(Norm feed_forward_norm,
                          LoadNorm(checkpoint, config, name("1.layer_norm")));
  GANNET_ASSIGN_OR_RETURN(
      auto up,
      config.gated
          ? LoadLinears(checkpoint, {name("1.DenseReluDense.wi_0"), name("1.DenseReluDense.wi_1")},
                        d, {d_ff, d_ff}, Bias::kAbsent, options)
          : LoadLinear(checkpoint, name("1.DenseReluDense.wi"), d, d_ff, Bias::kAbsent, options));
  GANNET_ASSIGN_OR_RETURN(auto down, LoadLinear(checkpoint, name("1.DenseReluDense.wo"), d_ff, d,
                                                Bias::kAbsent, options));
  return PreNormLayer{.attention_norm = std::move(attention_norm),
                      .query_key_value = std::move(query_key_value),
                      .attention_output = std::move(attention_output),
                      .feed_forward_norm = std::move(feed_forward_norm),
                      .feed_forward = {std::move(up), std::move(down), config.activation}};
}

// softmax(Q Kᵀ + bias): T5 does not divide by √d_kv, and the first layer's table serves all.
absl::StatusOr<PreNormParts::ScoreOptions> LoadScoreOptions(const Checkpoint& checkpoint,
                                                            const T5Config& config,
                                                            const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(
      RelativeBias bias,
      RelativeBias::Load(checkpoint,
                         "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
                         config.bias, options));
  return [scale = 1 / options.temperature, shared = std::make_shared<const RelativeBias>(
                                               std::move(bias))](size_t, const HeadInput& input) {
    return kernels::AttentionOptions{.scale = scale, .bias = shared->OfHead(input.head)};
  };
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadT5Encoder(const std::filesystem::path& folder,
                                                           const ConfigFile& file,
                                                           const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const T5Config config, T5Config::Read(file));
  GANNET_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(folder));
  PreNormParts parts{.dimensions = {config.vocabulary, 0, 0, config.hidden},
                     .stack = {.layers = config.layers,
                               .heads = {config.heads, config.heads, config.head_dim},
                               .precision = options.precision}};
  GANNET_ASSIGN_OR_RETURN(parts.score_options, LoadScoreOptions(checkpoint, config, options));
  const std::string_view words =
      checkpoint.Has("shared.weight") ? "shared.weight" : "encoder.embed_tokens.weight";
  GANNET_ASSIGN_OR_RETURN(parts.words,
                          checkpoint.Floats(words, {config.vocabulary, config.hidden}));
  for (size_t i = 0; i < config.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(PreNormLayer layer, LoadLayer(checkpoint, config, options, i));
    parts.layers.push_back(std::move(layer));
  }
  GANNET_ASSIGN_OR_RETURN(parts.final_norm,
                          LoadNorm(checkpoint, config, "encoder.final_layer_norm"));
  return MakePreNormModel(std::move(parts));
}

}  // namespace gannet::encoder
