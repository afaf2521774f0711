#include "encoder/models/hmde.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/models/post_norm_encoder.h"

namespace gannet::encoder {
namespace {

constexpr std::array<std::string_view, 8> kFields = {
    "model",         "sentence_tokens",  "document_positions", "lower_pooling",
    "upper_pooling", "upper_positional", "dcls_token_id",      "upper_config"};
constexpr std::array<std::string_view, 6> kUpperFields = {
    "hidden_size",       "num_hidden_layers", "num_attention_heads",
    "intermediate_size", "hidden_act",        "layer_norm_eps"};

// What gannet.json says.
struct HmdeConfig {
  BlockShape shape = {.filling = BlockShape::Filling::kSentence};
  SequenceRows lower_rows = SequenceRows::kFirst;
  SequenceRows upper_rows = SequenceRows::kAll;
  bool positional = false;
  size_t document_token = 0;
  EncoderShape upper;
};

// The rows that `field` names: `first` for the first, "mean" for all.
absl::StatusOr<SequenceRows> ReadPooling(const ConfigFile& file, std::string_view field,
                                         std::string_view first, std::string_view absent) {
  GANNET_ASSIGN_OR_RETURN(const std::string pooling, file.StringOr(field, std::string(absent)));
  if (pooling == first) return SequenceRows::kFirst;
  if (pooling == "mean") return SequenceRows::kAll;
  return file.Error(field, fmt::format("\"{}\", expected {} or mean", pooling, first));
}

std::vector<Assumption> AssumptionsOf(const ConfigFile& file, const BlockShape& shape) {
  std::vector<Assumption> assumptions;
  AssumeAbsent(file, "sentence_tokens", fmt::format("{}", shape.tokens), assumptions);
  AssumeAbsent(file, "document_positions", fmt::format("{}", shape.blocks + 1), assumptions);
  AssumeAbsent(file, "lower_pooling", "cls", assumptions);
  AssumeAbsent(file, "upper_pooling", "mean", assumptions);
  return assumptions;
}

std::string PoolingOf(const HmdeConfig& config) {
  return fmt::format("{} of the tokens of a sentence, {} of the sentences",
                     config.lower_rows == SequenceRows::kFirst ? "cls" : "mean",
                     config.upper_rows == SequenceRows::kFirst ? "dcls" : "mean");
}

absl::StatusOr<HmdeConfig> ReadConfig(const ConfigFile& file) {
  GANNET_RETURN_IF_ERROR(file.ExpectFields(kFields));
  HmdeConfig config;
  GANNET_ASSIGN_OR_RETURN(config.shape.tokens, file.SizeOr("sentence_tokens", 128));
  if (config.shape.tokens < 3) {
    return file.Error("sentence_tokens",
                      fmt::format("{}, expected 3 or more", config.shape.tokens));
  }
  GANNET_ASSIGN_OR_RETURN(const size_t positions, file.SizeOr("document_positions", 32));
  if (positions < 2) {
    return file.Error("document_positions", fmt::format("{}, expected 2 or more", positions));
  }
  config.shape.blocks = positions - 1;
  GANNET_ASSIGN_OR_RETURN(config.lower_rows, ReadPooling(file, "lower_pooling", "cls", "cls"));
  GANNET_ASSIGN_OR_RETURN(config.upper_rows, ReadPooling(file, "upper_pooling", "dcls", "mean"));
  if (!file.Has("upper_positional")) {
    return file.Error(
        "upper_positional",
        "missing, expected true for a model trained with positions of sentences, else "
        "false");
  }
  GANNET_ASSIGN_OR_RETURN(config.positional, file.BoolOr("upper_positional", false));
  if (!file.Has("dcls_token_id")) {
    return file.Error("dcls_token_id",
                      "missing, expected the row of [DCLS] in upper_embeddings.word_embeddings");
  }
  GANNET_ASSIGN_OR_RETURN(config.document_token, file.Size("dcls_token_id"));
  GANNET_ASSIGN_OR_RETURN(const ConfigFile upper, file.Object("upper_config"));
  GANNET_RETURN_IF_ERROR(upper.ExpectFields(kUpperFields));
  GANNET_ASSIGN_OR_RETURN(config.upper, EncoderShape::Read(upper, {}));
  return config;
}

// [DCLS] before the sentences and, where the release adds them, positions with the token type.
absl::StatusOr<DocumentEmbedding> LoadDocumentEmbedding(const Checkpoint& checkpoint,
                                                        const HmdeConfig& config) {
  const std::string name = "upper_embeddings.";
  const size_t d = config.upper.hidden, positions = config.shape.blocks + 1;
  DocumentEmbedding embedding;
  GANNET_ASSIGN_OR_RETURN(
      embedding.first, checkpoint.Row(name + "word_embeddings.weight", config.document_token, d));
  if (!config.positional) return embedding;
  GANNET_ASSIGN_OR_RETURN(const std::vector<float> type,
                          checkpoint.Row(name + "token_type_embeddings.weight", 0, d));
  for (size_t i = 0; i < positions; ++i) {
    GANNET_ASSIGN_OR_RETURN(std::vector<float> position,
                            checkpoint.Row(name + "position_embeddings.weight", i, d));
    kernels::Add(type, position.data());
    embedding.positions.insert(embedding.positions.end(), position.begin(), position.end());
  }
  GANNET_ASSIGN_OR_RETURN(embedding.norm, LayerNorm::Load(checkpoint, name + "LayerNorm", d,
                                                          config.upper.norm_epsilon));
  return embedding;
}

}  // namespace

absl::StatusOr<HierarchicalParts> LoadHmde(const std::filesystem::path& folder,
                                           const ConfigFile& fields, const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const HmdeConfig config, ReadConfig(fields));
  HierarchicalParts parts{.shape = config.shape};
  parts.pooling = PoolingOf(config);
  parts.assumptions = AssumptionsOf(fields, config.shape);
  GANNET_ASSIGN_OR_RETURN(parts.block_encoder, Model::Load(folder, options));
  const ModelDimensions& lower = parts.block_encoder->dimensions();
  if (config.upper.hidden != lower.hidden) {
    return fields.Error("upper_config.hidden_size", fmt::format("{}, but the lower model's is {}",
                                                                config.upper.hidden, lower.hidden));
  }
  if (lower.positions != 0 && config.shape.tokens > lower.positions) {
    return fields.Error("sentence_tokens", fmt::format("{}, but the lower model reads {}",
                                                       config.shape.tokens, lower.positions));
  }
  parts.block_head = {.rows = config.lower_rows};
  GANNET_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(folder));
  GANNET_ASSIGN_OR_RETURN(parts.document_embedding, LoadDocumentEmbedding(checkpoint, config));
  const auto layer_names = [](size_t i) { return PostNormNames::LikeBert("upper_encoder", i); };
  GANNET_ASSIGN_OR_RETURN(PostNormParts layers,
                          LoadPostNormLayers(checkpoint, config.upper, layer_names, options));
  parts.document_encoder = MakePostNormEncoder(std::move(layers));
  parts.document_head = {.rows = config.upper_rows};
  return parts;
}

}  // namespace gannet::encoder
