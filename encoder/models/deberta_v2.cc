#include "encoder/models/deberta_v2.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/layers/disentangled_attention.h"
#include "encoder/models/post_norm_encoder.h"

namespace gannet::encoder {
namespace {

constexpr size_t kMaxDistance = 1 << 20;  // Keeps the tables of distances small.

// The fields of config.json about relative positions.
struct DisentangledConfig {
  RelativePositions positions;
  bool content_to_position = false;    // "c2p"
  bool position_to_content = false;    // "p2c"
  bool shared_key = false;             // Positions go through the layer's own W_q and W_k.
  bool normalized_embeddings = false;  // LayerNorm on the relative position embeddings.

  static absl::StatusOr<DisentangledConfig> Read(const ConfigFile& file);

  // 1 / √(γ d/h), γ the number of parts that make a score.
  float ScoreScale(const EncoderShape& shape, const ModelOptions& options) const {
    const int parts = 1 + (content_to_position ? 1 : 0) + (position_to_content ? 1 : 0);
    return 1 / (std::sqrt(static_cast<float>(shape.head_dim()) * static_cast<float>(parts)) *
                options.temperature);
  }

 private:
  absl::Status ReadParts(const ConfigFile& file);
  absl::Status ReadPositions(const ConfigFile& file);
};

absl::StatusOr<DisentangledConfig> DisentangledConfig::Read(const ConfigFile& file) {
  DisentangledConfig config;
  GANNET_ASSIGN_OR_RETURN(config.shared_key, file.BoolOr("share_att_key", false));
  GANNET_RETURN_IF_ERROR(config.ReadParts(file));
  GANNET_RETURN_IF_ERROR(config.ReadPositions(file));
  GANNET_ASSIGN_OR_RETURN(const std::string norm, file.StringOr("norm_rel_ebd", "none"));
  config.normalized_embeddings = norm == "layer_norm";
  if (config.normalized_embeddings || norm == "none") return config;
  return file.Error("norm_rel_ebd", fmt::format("\"{}\" is not supported", norm));
}

// pos_att_type is a list, or one string with bars: "p2c|c2p".
absl::Status DisentangledConfig::ReadParts(const ConfigFile& file) {
  std::vector<std::string> parts;
  if (const auto joined = file.String("pos_att_type"); joined.ok()) {
    std::string_view rest = *joined;
    while (!rest.empty()) {
      const size_t bar = std::min(rest.find('|'), rest.size());
      parts.emplace_back(rest.substr(0, bar));
      rest.remove_prefix(std::min(bar + 1, rest.size()));
    }
  } else {
    GANNET_ASSIGN_OR_RETURN(parts, file.StringList("pos_att_type"));
  }
  for (const std::string& part : parts) {
    if (part == "c2p") {
      content_to_position = true;
    } else if (part == "p2c") {
      position_to_content = true;
    } else {
      return file.Error("pos_att_type", fmt::format("\"{}\" is not supported", part));
    }
  }
  return absl::OkStatus();
}

absl::Status DisentangledConfig::ReadPositions(const ConfigFile& file) {
  const auto count = [&](std::string_view field) -> absl::StatusOr<size_t> {
    GANNET_ASSIGN_OR_RETURN(const double value, file.NumberOr(field, -1));
    if (value < 1) return 0;  // −1 stands for none.
    return file.Size(field);
  };
  GANNET_ASSIGN_OR_RETURN(positions.buckets, count("position_buckets"));
  GANNET_ASSIGN_OR_RETURN(positions.max_distance, count("max_relative_positions"));
  if (positions.max_distance == 0) {
    GANNET_ASSIGN_OR_RETURN(positions.max_distance, file.Size("max_position_embeddings"));
  }
  if (positions.max_distance > kMaxDistance) {
    return file.Error("max_relative_positions",
                      fmt::format("{} is above {}", positions.max_distance, kMaxDistance));
  }
  if (positions.buckets % 2 != 0 ||
      (positions.buckets != 0 && positions.max_distance <= positions.buckets / 2 + 1)) {
    return file.Error("position_buckets",
                      fmt::format("expected an even number below {}, found {}",
                                  2 * positions.max_distance - 2, positions.buckets));
  }
  return absl::OkStatus();
}

// Fields that change the model in ways no published checkpoint of its kind is known to use here.
absl::Status CheckSupported(const ConfigFile& file, const EncoderShape& shape) {
  GANNET_RETURN_IF_ERROR(ExpectFlag(file, "relative_attention", true));
  GANNET_ASSIGN_OR_RETURN(const double convolution, file.NumberOr("conv_kernel_size", 0));
  if (convolution != 0) {
    return file.Error("conv_kernel_size",
                      fmt::format("{} is not supported, expected 0", convolution));
  }
  GANNET_ASSIGN_OR_RETURN(const size_t size, file.SizeOr("embedding_size", shape.hidden));
  if (size != shape.hidden) {
    return file.Error("embedding_size", fmt::format("{} is not supported, expected hidden_size {}",
                                                    size, shape.hidden));
  }
  GANNET_ASSIGN_OR_RETURN(const size_t head, file.SizeOr("attention_head_size", shape.head_dim()));
  if (head != shape.head_dim()) {
    return file.Error("attention_head_size",
                      fmt::format("{} is not supported, expected {}", head, shape.head_dim()));
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenEmbeddingShape> ReadEmbedding(const ConfigFile& file,
                                                  const EncoderShape& shape) {
  GANNET_ASSIGN_OR_RETURN(const double types, file.NumberOr("type_vocab_size", 0));
  GANNET_ASSIGN_OR_RETURN(
      TokenEmbeddingShape embedding,
      TokenEmbeddingShape::Read(file, shape.hidden,
                                types == 0 ? TokenTypes::kNone : TokenTypes::kGiven,
                                shape.norm_epsilon));
  GANNET_ASSIGN_OR_RETURN(const bool absolute, file.BoolOr("position_biased_input", true));
  if (!absolute) embedding.positions = 0;
  return embedding;
}

PostNormNames LayerNames(size_t index) {
  PostNormNames names = PostNormNames::OfBert(index);
  names.query += "_proj";
  names.key += "_proj";
  names.value += "_proj";
  return names;
}

// y = x Wᵀ + b of a named linear layer, for any number of rows.
absl::StatusOr<std::vector<float>> Project(const Checkpoint& checkpoint, const std::string& name,
                                           Bias bias, size_t d, std::span<const float> x) {
  GANNET_ASSIGN_OR_RETURN(const auto linear, LoadLinear(checkpoint, name, d, d, bias, {}));
  const size_t rows = x.size() / d;
  std::vector<float> y(x.size());
  for (size_t first = 0; first < rows; first += kernels::PackedLinear::kMaxRows) {
    const size_t count = std::min(kernels::PackedLinear::kMaxRows, rows - first);
    linear.Apply(&x[first * d], count, &y[first * d]);
  }
  return y;
}

// The relative position embeddings that all layers share, [2 span, d].
absl::StatusOr<std::vector<float>> LoadRelativeEmbeddings(const Checkpoint& checkpoint,
                                                          const DisentangledConfig& config,
                                                          const EncoderShape& shape) {
  const size_t rows = 2 * config.positions.span();
  GANNET_ASSIGN_OR_RETURN(std::vector<float> embeddings,
                          checkpoint.Floats("encoder.rel_embeddings.weight", {rows, shape.hidden}));
  if (config.normalized_embeddings) {
    GANNET_ASSIGN_OR_RETURN(
        const LayerNorm norm,
        LayerNorm::Load(checkpoint, "encoder.LayerNorm", shape.hidden, shape.norm_epsilon));
    norm.Apply(embeddings.data(), nullptr, rows, embeddings.data());
  }
  return embeddings;
}

absl::StatusOr<DisentangledBias> LoadBias(const Checkpoint& checkpoint,
                                          const DisentangledConfig& config,
                                          const EncoderShape& shape, size_t layer, float scale,
                                          std::span<const float> embeddings) {
  const PostNormNames names = LayerNames(layer);
  const std::string own = fmt::format("encoder.layer.{}.attention.self.pos_", layer);
  DisentangledBias::Positions projected;
  if (config.content_to_position) {
    GANNET_ASSIGN_OR_RETURN(projected.keys,
                            Project(checkpoint, config.shared_key ? names.key : own + "key_proj",
                                    Bias::kPresent, shape.hidden, embeddings));
  }
  if (config.position_to_content) {
    GANNET_ASSIGN_OR_RETURN(
        projected.queries, Project(checkpoint, config.shared_key ? names.query : own + "query_proj",
                                   Bias::kPresent, shape.hidden, embeddings));
  }
  return DisentangledBias::Make(config.positions, projected, shape.heads, shape.head_dim(), scale);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadDebertaV2(const std::filesystem::path& folder,
                                                           const ConfigFile& file,
                                                           const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const EncoderShape shape,
                          EncoderShape::Read(file, {.absent_norm_epsilon = 1e-7}));
  GANNET_RETURN_IF_ERROR(CheckSupported(file, shape));
  GANNET_ASSIGN_OR_RETURN(const DisentangledConfig config, DisentangledConfig::Read(file));
  GANNET_ASSIGN_OR_RETURN(const TokenEmbeddingShape embedding, ReadEmbedding(file, shape));

  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embeddings.word_embeddings.weight", {"", "deberta."});
  GANNET_ASSIGN_OR_RETURN(PostNormParts parts,
                          LoadPostNormParts(checkpoint, shape, embedding, LayerNames, options));
  parts.score_scale = config.ScoreScale(shape, options);
  GANNET_ASSIGN_OR_RETURN(const std::vector<float> embeddings,
                          LoadRelativeEmbeddings(checkpoint, config, shape));
  auto biases = std::make_shared<std::vector<DisentangledBias>>();
  for (size_t i = 0; i < shape.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(DisentangledBias bias,
                            LoadBias(checkpoint, config, shape, i, parts.score_scale, embeddings));
    biases->push_back(std::move(bias));
  }
  parts.score_bias = [biases](size_t layer, const HeadInput& input) {
    return (*biases)[layer].OfHead(input);
  };
  return MakePostNormEncoder(std::move(parts));
}

}  // namespace gannet::encoder
