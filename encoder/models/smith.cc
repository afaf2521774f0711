#include "encoder/models/smith.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/models/post_norm_encoder.h"

namespace gannet::encoder {
namespace {

constexpr std::array<std::string_view, 10> kFields = {"model",
                                                      "max_sent_length_by_word",
                                                      "max_doc_length_by_sentence",
                                                      "loop_sent_number_per_doc",
                                                      "doc_rep_combine_mode",
                                                      "doc_rep_combine_attention_size",
                                                      "sent_bert_config",
                                                      "doc_bert_config",
                                                      "pad_token_id",
                                                      "tower"};
// Of BERT's own configuration; the last three are for training alone.
constexpr std::array<std::string_view, 11> kBertFields = {"vocab_size",
                                                          "hidden_size",
                                                          "num_hidden_layers",
                                                          "num_attention_heads",
                                                          "intermediate_size",
                                                          "hidden_act",
                                                          "max_position_embeddings",
                                                          "type_vocab_size",
                                                          "hidden_dropout_prob",
                                                          "attention_probs_dropout_prob",
                                                          "initializer_range"};

// max_doc_length_by_sentence of the release.
constexpr size_t kMostBlocks = 64;

// The modes of combination beside "normal".
constexpr std::array<std::pair<std::string_view, BlockCombination::Weights>, 3> kCombinations = {
    {{"sum_concat", BlockCombination::Weights::kSum},
     {"mean_concat", BlockCombination::Weights::kMean},
     {"attention", BlockCombination::Weights::kAttention}}};

// What gannet.json says.
struct SmithConfig {
  BlockShape shape = {.filling = BlockShape::Filling::kGreedy, .separators = 2};
  EncoderShape block;
  TokenEmbeddingShape token_embedding;
  EncoderShape document;
  size_t document_positions = 0;
  std::optional<BlockCombination::Weights> combination;
  size_t attention_size = 0;
  TokenId pad = 0;
  size_t tower = 1;
};

// "gelu" is BERT's own, by the tanh approximation.
absl::StatusOr<EncoderShape> ReadShape(const ConfigFile& file) {
  GANNET_RETURN_IF_ERROR(file.ExpectFields(kBertFields));
  GANNET_RETURN_IF_ERROR(ExpectName(file, "hidden_act", "gelu"));
  GANNET_ASSIGN_OR_RETURN(EncoderShape shape, EncoderShape::Read(file, {}));
  shape.activation = kernels::GeluTanh;
  return shape;
}

absl::StatusOr<std::optional<BlockCombination::Weights>> ReadCombination(const ConfigFile& file) {
  GANNET_ASSIGN_OR_RETURN(const std::string mode, file.StringOr("doc_rep_combine_mode", "normal"));
  if (mode == "normal") return std::nullopt;
  for (const auto& [name, weights] : kCombinations) {
    if (mode == name) return weights;
  }
  return file.Error(
      "doc_rep_combine_mode",
      fmt::format("\"{}\", expected normal, sum_concat, mean_concat or attention", mode));
}

absl::StatusOr<BlockShape> ReadBlocks(const ConfigFile& file, const SmithConfig& config) {
  BlockShape shape = config.shape;
  GANNET_ASSIGN_OR_RETURN(shape.tokens, file.SizeOr("max_sent_length_by_word", 32));
  GANNET_ASSIGN_OR_RETURN(const size_t stored,
                          file.SizeOr("max_doc_length_by_sentence", kMostBlocks));
  GANNET_ASSIGN_OR_RETURN(shape.blocks,
                          file.SizeOr("loop_sent_number_per_doc", std::min<size_t>(48, stored)));
  if (shape.tokens < 4 || shape.tokens > config.token_embedding.positions) {
    return file.Error("max_sent_length_by_word",
                      fmt::format("{}, expected 4 to the {} positions of sent_bert_config",
                                  shape.tokens, config.token_embedding.positions));
  }
  if (shape.blocks > stored || shape.blocks > config.document_positions) {
    return file.Error("loop_sent_number_per_doc",
                      fmt::format("{}, expected at most max_doc_length_by_sentence {} and the {} "
                                  "positions of doc_bert_config",
                                  shape.blocks, stored, config.document_positions));
  }
  return shape;
}

absl::StatusOr<SmithConfig> ReadConfig(const ConfigFile& file) {
  GANNET_RETURN_IF_ERROR(file.ExpectFields(kFields));
  SmithConfig config;
  GANNET_ASSIGN_OR_RETURN(const ConfigFile block, file.Object("sent_bert_config"));
  GANNET_ASSIGN_OR_RETURN(const ConfigFile document, file.Object("doc_bert_config"));
  GANNET_ASSIGN_OR_RETURN(config.block, ReadShape(block));
  GANNET_ASSIGN_OR_RETURN(config.document, ReadShape(document));
  GANNET_ASSIGN_OR_RETURN(config.token_embedding,
                          TokenEmbeddingShape::Read(block, config.block.hidden, TokenTypes::kFirst,
                                                    config.block.norm_epsilon));
  GANNET_ASSIGN_OR_RETURN(config.document_positions, document.Size("max_position_embeddings"));
  if (config.document.hidden != config.block.hidden) {
    return document.Error("hidden_size", fmt::format("{}, but that of sent_bert_config is {}",
                                                     config.document.hidden, config.block.hidden));
  }
  GANNET_ASSIGN_OR_RETURN(config.shape, ReadBlocks(file, config));
  GANNET_ASSIGN_OR_RETURN(config.combination, ReadCombination(file));
  GANNET_ASSIGN_OR_RETURN(config.attention_size,
                          file.SizeOr("doc_rep_combine_attention_size", 256));
  GANNET_ASSIGN_OR_RETURN(const double pad, file.NumberOr("pad_token_id", 0));
  if (!(pad >= 0) || pad >= static_cast<double>(config.token_embedding.vocabulary)) {
    return file.Error("pad_token_id", fmt::format("{} is no token", pad));
  }
  config.pad = static_cast<TokenId>(pad);
  GANNET_ASSIGN_OR_RETURN(config.tower, file.SizeOr("tower", 1));
  if (config.tower > 2) {
    return file.Error("tower", fmt::format("{}, expected 1 or 2", config.tower));
  }
  return config;
}

std::vector<Assumption> AssumptionsOf(const ConfigFile& file, const SmithConfig& config) {
  std::vector<Assumption> assumptions;
  const auto assume = [&](std::string_view field, auto taken) {
    AssumeAbsent(file, field, fmt::format("{}", taken), assumptions);
  };
  assume("max_sent_length_by_word", config.shape.tokens);
  assume("max_doc_length_by_sentence", kMostBlocks);
  assume("loop_sent_number_per_doc", config.shape.blocks);
  assume("doc_rep_combine_mode", "normal");
  if (config.combination == BlockCombination::Weights::kAttention) {
    assume("doc_rep_combine_attention_size", config.attention_size);
  }
  assume("tower", config.tower);
  assume("pad_token_id", config.pad);
  return assumptions;
}

std::string PoolingOf(const SmithConfig& config) {
  std::string pooling =
      fmt::format("pooler, dense layer, ReLU and norm 1, of blocks and of the document (tower {})",
                  config.tower);
  if (config.combination) {
    pooling += fmt::format(", behind {} of the blocks' vectors",
                           kCombinations[static_cast<size_t>(*config.combination)].first);
  }
  return pooling;
}

absl::StatusOr<SequenceHead> LoadHead(const Checkpoint& checkpoint, const std::string& pool,
                                      const std::string& dense, size_t d,
                                      const ModelOptions& options) {
  const auto linear = [&](const std::string& name) {
    return LoadLinear(checkpoint, name, d, d, Bias::kPresent, options);
  };
  GANNET_ASSIGN_OR_RETURN(auto pool_layer, linear(pool));
  GANNET_ASSIGN_OR_RETURN(auto dense_layer, linear(dense));
  return SequenceHead{.dense = SequenceHead::Dense{std::move(pool_layer), std::move(dense_layer)}};
}

absl::StatusOr<DocumentEmbedding> LoadDocumentEmbedding(const Checkpoint& checkpoint,
                                                        const SmithConfig& config) {
  const std::string name = "doc_bert.doc_embeddings.";
  const size_t d = config.document.hidden;
  DocumentEmbedding embedding;
  GANNET_ASSIGN_OR_RETURN(
      embedding.positions,
      checkpoint.Floats(name + "position_embeddings.weight", {config.document_positions, d}));
  GANNET_ASSIGN_OR_RETURN(embedding.norm, LayerNorm::Load(checkpoint, name + "LayerNorm", d,
                                                          config.document.norm_epsilon));
  return embedding;
}

absl::StatusOr<BlockCombination> LoadCombination(const Checkpoint& checkpoint,
                                                 const SmithConfig& config,
                                                 const ModelOptions& options) {
  BlockCombination combination{.weights = *config.combination};
  if (combination.weights != BlockCombination::Weights::kAttention) return combination;
  const std::string name = "combine_reps_attention.";
  const size_t width = config.attention_size;
  GANNET_ASSIGN_OR_RETURN(auto dense, LoadLinear(checkpoint, name + "dense", config.block.hidden,
                                                 width, Bias::kPresent, options));
  GANNET_ASSIGN_OR_RETURN(auto context, checkpoint.Floats(name + "context_vector", {width}));
  combination.attention = BlockCombination::Attention{std::move(dense), std::move(context)};
  return combination;
}

// The parts, with what is added to the scores of each layer's heads: nothing, or what sequences of
// padding get.
absl::StatusOr<HierarchicalParts> LoadParts(const std::filesystem::path& folder,
                                            const SmithConfig& config,
                                            const PostNormParts::ScoreBias& bias,
                                            const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  HierarchicalParts parts{.shape = config.shape};
  const size_t d = config.block.hidden;
  GANNET_ASSIGN_OR_RETURN(
      parts.block_head,
      LoadHead(checkpoint, "bert.pooler.dense", "seq_rep_from_bert_sent_dense.dense", d, options));
  GANNET_ASSIGN_OR_RETURN(parts.document_embedding, LoadDocumentEmbedding(checkpoint, config));
  GANNET_ASSIGN_OR_RETURN(parts.document_head,
                          LoadHead(checkpoint, "doc_bert.doc_pooler.dense",
                                   config.tower == 1 ? "seq_rep_from_bert_doc_dense.dense"
                                                     : "seq_rep_from_bert_doc_dense.dense_1",
                                   d, options));
  const auto layer_names = [](size_t i) {
    return PostNormNames::LikeBert("doc_bert.doc_encoder", i);
  };
  GANNET_ASSIGN_OR_RETURN(PostNormParts document_layers,
                          LoadPostNormLayers(checkpoint, config.document, layer_names, options));
  document_layers.score_bias = bias;
  parts.document_encoder = MakePostNormEncoder(std::move(document_layers));
  if (config.combination) {
    GANNET_ASSIGN_OR_RETURN(parts.combination, LoadCombination(checkpoint, config, options));
  }
  checkpoint.UsePrefix("embeddings.word_embeddings.weight", {"bert."});
  GANNET_ASSIGN_OR_RETURN(PostNormParts block_layers,
                          LoadPostNormParts(checkpoint, config.block, config.token_embedding,
                                            PostNormNames::OfBert, options));
  block_layers.score_bias = bias;
  parts.block_encoder = MakePostNormEncoder(std::move(block_layers));
  return parts;
}

// BERT hides padding by adding this to its scores. Where all is padding that is no hiding: the
// scores, rounded to what fp32 has near −10000, decide among the pads.
kernels::AttentionOptions::AddBias HideAll(size_t /*layer*/, const HeadInput& /*input*/) {
  return [](size_t /*query*/, size_t /*first_key*/, std::span<float> scores) {
    for (float& score : scores) score += -10000.0F;
  };
}

// What the released graph makes of blocks of padding and of documents of such blocks, which it
// encodes like any other. The first enters the sums over all blocks; both are the same for every
// text, so they are computed once, in fp32, whatever the model's own precision.
struct Padding {
  std::vector<float> block;           // [d]
  std::vector<float> empty_document;  // [d]
};

absl::StatusOr<Padding> EncodePadding(const std::filesystem::path& folder,
                                      const SmithConfig& config) {
  SmithConfig without_combination = config;
  without_combination.combination.reset();
  GANNET_ASSIGN_OR_RETURN(HierarchicalParts parts,
                          LoadParts(folder, without_combination, HideAll, {}));
  const HierarchicalModel model(std::move(parts));
  PackedBatch block;
  block.Append(std::vector<TokenId>(config.shape.tokens, config.pad),
               std::vector<uint8_t>(config.shape.tokens));
  Padding padding{.block = model.EncodeBlocks(block, nullptr), .empty_document = {}};
  std::vector<float> blocks;
  for (size_t s = 0; s < config.shape.blocks; ++s) {
    blocks.insert(blocks.end(), padding.block.begin(), padding.block.end());
  }
  const std::span<const float> document = blocks;
  padding.empty_document = model.EncodeDocuments({&document, 1}, nullptr);
  return padding;
}

}  // namespace

absl::StatusOr<HierarchicalParts> LoadSmith(const std::filesystem::path& folder,
                                            const ConfigFile& fields, const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const SmithConfig config, ReadConfig(fields));
  GANNET_ASSIGN_OR_RETURN(HierarchicalParts parts, LoadParts(folder, config, nullptr, options));
  parts.pooling = PoolingOf(config);
  parts.assumptions = AssumptionsOf(fields, config);
  GANNET_ASSIGN_OR_RETURN(Padding padding, EncodePadding(folder, config));
  parts.empty_document = std::move(padding.empty_document);
  if (parts.combination) parts.combination->padded_block = std::move(padding.block);
  return parts;
}

}  // namespace gannet::encoder
