#include "encoder/models/decoder_config.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "encoder/kernels/attention.h"
#include "encoder/layers/activation.h"
#include "encoder/layers/encoder_shape.h"

namespace gannet::encoder {
namespace {

absl::Status Unsupported(const ConfigFile& file, std::string_view field, std::string_view value) {
  return file.Error(field, fmt::format("{} is not supported", value));
}

// What families take where config.json does not say it.
struct ShapeDefaults {
  size_t head_dim = 0;  // 0: d/h.
  std::string_view activation = "silu";
};

// What every family spells alike.
absl::Status ReadShape(const ConfigFile& file, const ShapeDefaults& defaults,
                       DecoderConfig& config) {
  GANNET_ASSIGN_OR_RETURN(config.vocabulary, file.Size("vocab_size"));
  GANNET_ASSIGN_OR_RETURN(config.positions, file.Size("max_position_embeddings"));
  GANNET_ASSIGN_OR_RETURN(config.hidden, file.Size("hidden_size"));
  GANNET_ASSIGN_OR_RETURN(config.layers, file.Size("num_hidden_layers"));
  GANNET_ASSIGN_OR_RETURN(config.heads, file.Size("num_attention_heads"));
  GANNET_ASSIGN_OR_RETURN(config.kv_heads, file.SizeOr("num_key_value_heads", config.heads));
  if (config.heads % config.kv_heads != 0) {
    return file.Error("num_key_value_heads", fmt::format("{} do not divide {} query heads",
                                                         config.kv_heads, config.heads));
  }
  if (defaults.head_dim == 0 && !file.Has("head_dim") && config.hidden % config.heads != 0) {
    return file.Error("num_attention_heads",
                      fmt::format("{} do not divide hidden_size {}", config.heads, config.hidden));
  }
  GANNET_ASSIGN_OR_RETURN(
      config.head_dim, file.SizeOr("head_dim", defaults.head_dim == 0 ? config.hidden / config.heads
                                                                      : defaults.head_dim));
  if (config.head_dim == 0 || config.head_dim > kernels::kMaxHeadDim) {
    return file.Error(
        "head_dim", fmt::format("{} is not among 1 to {}", config.head_dim, kernels::kMaxHeadDim));
  }
  GANNET_ASSIGN_OR_RETURN(config.intermediate, file.Size("intermediate_size"));
  GANNET_ASSIGN_OR_RETURN(config.norm_epsilon, file.NumberOr("rms_norm_eps", 1e-6));
  config.score_scale = 1 / std::sqrt(static_cast<double>(config.head_dim));
  config.layer_kinds.resize(config.layers);
  const std::string_view field = file.Has("hidden_activation") ? "hidden_activation" : "hidden_act";
  GANNET_ASSIGN_OR_RETURN(config.activation, ReadActivation(file, field, defaults.activation));
  return absl::OkStatus();
}

absl::StatusOr<Bias> ReadBias(const ConfigFile& file, std::string_view field) {
  GANNET_ASSIGN_OR_RETURN(const bool present, file.BoolOr(field, false));
  return present ? Bias::kPresent : Bias::kAbsent;
}

// One rotary embedding for every layer.
absl::Status ReadRotary(const ConfigFile& file, const RotaryDefaults& defaults,
                        DecoderConfig& config) {
  GANNET_ASSIGN_OR_RETURN(RotaryEmbedding rotary,
                          RotaryEmbedding::Read(file, config.head_dim, defaults));
  config.rotaries.push_back(std::move(rotary));
  for (DecoderConfig::Layer& layer : config.layer_kinds) layer.rotary = 0;
  return absl::OkStatus();
}

// Sets the windows: layer_types says which layers have one, else `absent` does, by their index.
template <typename Absent>
absl::Status ReadWindows(const ConfigFile& file, Absent absent, DecoderConfig& config) {
  GANNET_ASSIGN_OR_RETURN(const std::vector<std::string> types, file.StringList("layer_types"));
  if (!types.empty() && types.size() != config.layers) {
    return file.Error("layer_types", fmt::format("{} entries for num_hidden_layers {}",
                                                 types.size(), config.layers));
  }
  for (size_t i = 0; i < config.layers; ++i) {
    if (!types.empty() && types[i] != "sliding_attention" && types[i] != "full_attention") {
      return Unsupported(file, "layer_types", fmt::format("\"{}\"", types[i]));
    }
    if (types.empty() ? absent(i) : types[i] == "sliding_attention") {
      GANNET_ASSIGN_OR_RETURN(config.layer_kinds[i].window, file.Size("sliding_window"));
    }
  }
  return absl::OkStatus();
}

// Whether use_sliding_window and sliding_window together switch windows on (Qwen, SmolLM3).
absl::StatusOr<bool> UsesWindows(const ConfigFile& file) {
  GANNET_ASSIGN_OR_RETURN(const bool wanted, file.BoolOr("use_sliding_window", false));
  return wanted && file.Has("sliding_window");
}

// Touvron et al. 2023 (arXiv:2302.13971).
absl::Status ReadLlama(const ConfigFile& file, DecoderConfig& config) {
  GANNET_RETURN_IF_ERROR(ReadShape(file, {}, config));
  GANNET_ASSIGN_OR_RETURN(config.qkv_bias, ReadBias(file, "attention_bias"));
  config.attention_output_bias = config.qkv_bias;
  GANNET_ASSIGN_OR_RETURN(config.feed_forward_bias, ReadBias(file, "mlp_bias"));
  return ReadRotary(file, {}, config);
}

// Jiang et al. 2023 (arXiv:2310.06825): Llama with a window on every layer.
absl::Status ReadMistral(const ConfigFile& file, DecoderConfig& config) {
  GANNET_RETURN_IF_ERROR(ReadShape(file, {}, config));
  GANNET_RETURN_IF_ERROR(ReadWindows(
      file, [&](size_t) { return file.Has("sliding_window"); }, config));
  return ReadRotary(file, {}, config);
}

absl::Status ReadQwenWindows(const ConfigFile& file, DecoderConfig& config) {
  GANNET_ASSIGN_OR_RETURN(const bool windows, UsesWindows(file));
  GANNET_ASSIGN_OR_RETURN(const double first_with_window, file.NumberOr("max_window_layers", 28));
  return ReadWindows(
      file, [&](size_t i) { return windows && static_cast<double>(i) >= first_with_window; },
      config);
}

// Yang et al. 2024 (arXiv:2407.10671): biases on query, key and value.
absl::Status ReadQwen2(const ConfigFile& file, DecoderConfig& config) {
  GANNET_RETURN_IF_ERROR(ReadShape(file, {}, config));
  config.qkv_bias = Bias::kPresent;
  GANNET_RETURN_IF_ERROR(ReadQwenWindows(file, config));
  return ReadRotary(file, {}, config);
}

// Yang et al. 2025 (arXiv:2505.09388): norms on query and key heads.
absl::Status ReadQwen3(const ConfigFile& file, DecoderConfig& config) {
  GANNET_RETURN_IF_ERROR(ReadShape(file, {.head_dim = 128}, config));
  GANNET_ASSIGN_OR_RETURN(config.qkv_bias, ReadBias(file, "attention_bias"));
  config.attention_output_bias = config.qkv_bias;
  config.query_key_norms = true;
  GANNET_RETURN_IF_ERROR(ReadQwenWindows(file, config));
  return ReadRotary(file, {}, config);
}

// Abdin et al. 2024 (arXiv:2404.14219): projections stored in one.
absl::Status ReadPhi3(const ConfigFile& file, DecoderConfig& config) {
  GANNET_RETURN_IF_ERROR(ReadShape(file, {}, config));
  config.projections = DecoderConfig::Projections::kFused;
  GANNET_RETURN_IF_ERROR(ReadWindows(
      file, [&](size_t) { return file.Has("sliding_window"); }, config));
  return ReadRotary(file, {}, config);
}

// SmolLM3 (Hugging Face 2025): some layers without positions (Kazemnejad et al. 2023).
absl::Status ReadSmolLm3(const ConfigFile& file, DecoderConfig& config) {
  GANNET_RETURN_IF_ERROR(ReadShape(file, {}, config));
  GANNET_ASSIGN_OR_RETURN(config.qkv_bias, ReadBias(file, "attention_bias"));
  config.attention_output_bias = config.qkv_bias;
  GANNET_ASSIGN_OR_RETURN(config.feed_forward_bias, ReadBias(file, "mlp_bias"));
  GANNET_RETURN_IF_ERROR(ReadRotary(file, {.theta = 2000000}, config));

  // In spite of its name, 1 in no_rope_layers stands for a layer that is rotated.
  GANNET_ASSIGN_OR_RETURN(std::vector<double> rotated, file.NumberList("no_rope_layers"));
  GANNET_ASSIGN_OR_RETURN(const size_t interval, file.SizeOr("no_rope_layer_interval", 4));
  for (size_t i = rotated.size(); rotated.size() < config.layers && !file.Has("no_rope_layers");
       ++i) {
    rotated.push_back((i + 1) % interval != 0 ? 1 : 0);
  }
  if (rotated.size() != config.layers) {
    return file.Error("no_rope_layers", fmt::format("{} entries for num_hidden_layers {}",
                                                    rotated.size(), config.layers));
  }
  for (size_t i = 0; i < config.layers; ++i) {
    if (rotated[i] == 0) config.layer_kinds[i].rotary.reset();
  }
  GANNET_ASSIGN_OR_RETURN(const bool windows, UsesWindows(file));
  return ReadWindows(
      file, [&](size_t i) { return windows && rotated[i] == 0; }, config);
}

// What both Gemmas share.
absl::Status ReadGemma(const ConfigFile& file, DecoderConfig& config) {
  GANNET_RETURN_IF_ERROR(
      ReadShape(file, {.head_dim = 256, .activation = "gelu_pytorch_tanh"}, config));
  GANNET_ASSIGN_OR_RETURN(config.qkv_bias, ReadBias(file, "attention_bias"));
  config.attention_output_bias = config.qkv_bias;
  GANNET_ASSIGN_OR_RETURN(const double scalar, file.NumberOr("query_pre_attn_scalar", 256));
  if (!(scalar > 0)) {
    return file.Error("query_pre_attn_scalar", fmt::format("{} is not above 0", scalar));
  }
  config.score_scale = 1 / std::sqrt(scalar);
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden));
  config.norm_form = RmsNorm::Form::kOnePlusScale;
  config.post_norms = true;
  return absl::OkStatus();
}

// Gemma Team 2024 (arXiv:2408.00118): capped scores, windows on every other layer.
absl::Status ReadGemma2(const ConfigFile& file, DecoderConfig& config) {
  GANNET_RETURN_IF_ERROR(ReadGemma(file, config));
  GANNET_ASSIGN_OR_RETURN(config.soft_cap, file.NumberOr("attn_logit_softcapping", 0));
  GANNET_RETURN_IF_ERROR(ReadWindows(
      file, [](size_t i) { return i % 2 == 0; }, config));
  return ReadRotary(file, {}, config);
}

// Gemma Team 2025 (arXiv:2503.19786), and EmbeddingGemma (arXiv:2509.20354), which sees both ways:
// norms on query and key heads, five windowed layers for each full one, each kind with its own
// rotation.
absl::Status ReadGemma3(const ConfigFile& file, DecoderConfig& config) {
  GANNET_RETURN_IF_ERROR(ReadGemma(file, config));
  if (file.Has("attn_logit_softcapping")) {
    return Unsupported(file, "attn_logit_softcapping", "a cap");
  }
  config.query_key_norms = true;
  GANNET_ASSIGN_OR_RETURN(const size_t pattern, file.SizeOr("sliding_window_pattern", 6));
  GANNET_RETURN_IF_ERROR(ReadWindows(
      file, [&](size_t i) { return (i + 1) % pattern != 0; }, config));
  GANNET_RETURN_IF_ERROR(ReadRotary(file, {.theta = 1e6, .layer_type = "full_attention"}, config));
  // The older spelling scales the full layers only: no field of it bears on the others.
  GANNET_RETURN_IF_ERROR(ReadRotary(file,
                                    {.theta = 1e4,
                                     .layer_type = "sliding_attention",
                                     .theta_field = "rope_local_base_freq",
                                     .scaling_field = "rope_local_scaling"},
                                    config));
  for (DecoderConfig::Layer& layer : config.layer_kinds) layer.rotary = layer.window == 0 ? 0 : 1;
  GANNET_ASSIGN_OR_RETURN(const bool both_ways, file.BoolOr("use_bidirectional_attention", false));
  if (!both_ways) return absl::OkStatus();
  config.direction = DecoderConfig::Direction::kBidirectional;
  // The window is stated for both sides together.
  for (DecoderConfig::Layer& layer : config.layer_kinds) {
    if (layer.window != 0) layer.window = layer.window / 2 + 1;
  }
  return absl::OkStatus();
}

using Reader = absl::Status (*)(const ConfigFile&, DecoderConfig&);
constexpr std::array<std::pair<std::string_view, Reader>, 8> kReaders = {
    {{"llama", ReadLlama},
     {"mistral", ReadMistral},
     {"qwen2", ReadQwen2},
     {"qwen3", ReadQwen3},
     {"phi3", ReadPhi3},
     {"smollm3", ReadSmolLm3},
     {"gemma2", ReadGemma2},
     {"gemma3_text", ReadGemma3}}};

// Fields that ask for something else wherever they stand.
absl::Status RefuseOthers(const ConfigFile& file, std::string_view type) {
  if (file.Has("quantization_config")) {
    return Unsupported(file, "quantization_config", "a quantised checkpoint");
  }
  if (type == "gemma3_text") return absl::OkStatus();
  return ExpectFlag(file, "use_bidirectional_attention", false);
}

}  // namespace

absl::StatusOr<DecoderConfig> DecoderConfig::Read(const ConfigFile& file) {
  GANNET_ASSIGN_OR_RETURN(const std::string type, file.String("model_type"));
  GANNET_RETURN_IF_ERROR(RefuseOthers(file, type));
  DecoderConfig config;
  for (const auto& [name, read] : kReaders) {
    if (name != type) continue;
    GANNET_RETURN_IF_ERROR(read(file, config));
    GANNET_ASSIGN_OR_RETURN(const bool causal, file.BoolOr("is_causal", true));
    if (!causal) config.direction = Direction::kBidirectional;
    return config;
  }
  return file.Error("model_type", fmt::format("\"{}\" is not a decoder", type));
}

}  // namespace gannet::encoder
