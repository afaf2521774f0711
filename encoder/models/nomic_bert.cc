#include "encoder/models/nomic_bert.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/object_pool.h"
#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/attention.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/rotary.h"
#include "encoder/layers/row_tiles.h"
#include "encoder/layers/self_attention.h"
#include "encoder/layers/token_embedding.h"

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

class NomicBert final : public Model {
 public:
  static absl::StatusOr<std::unique_ptr<const Model>> Load(const std::filesystem::path& folder,
                                                           NomicBertConfig config,
                                                           const ModelOptions& options);

  void Forward(const PackedBatch& batch, base::ThreadPool* pool, std::vector<float>& hidden,
               const LayerObserver& on_layer) const override;

 private:
  struct Layer {
    kernels::PackedLinear query_key_value;   // [3d, d]
    kernels::PackedLinear attention_output;  // [d, d]
    LayerNorm attention_norm;
    kernels::PackedLinear gate_up;  // [2 d_ff, d]
    kernels::PackedLinear down;     // [d, d_ff]
    LayerNorm output_norm;

    static absl::StatusOr<Layer> Load(const Checkpoint& checkpoint, const EncoderShape& shape,
                                      const ModelOptions& options, size_t index);
  };

  // Matrices of a whole batch, and of one worker's tile of rows.
  struct BatchBuffers {
    std::vector<size_t> positions;  // [rows], each in its sequence.
    RotaryEmbedding::Table rotations;
    std::vector<float> query_key_value;  // [rows, 3d]
    std::vector<float> context;          // [rows, d]
  };
  struct TileBuffers {
    std::vector<float> attended;  // [tile, d]
    std::vector<float> gate_up;   // [tile, 2 d_ff]
    std::vector<float> gated;     // [tile, d_ff]
    std::vector<float> output;    // [tile, d]
  };

  NomicBert(NomicBertConfig config, TokenEmbedding embedding, const ModelOptions& options)
      : Model({config.embedding.vocabulary, config.embedding.token_types, config.positions,
               config.shape.hidden}),
        config_(std::move(config)),
        score_scale_(
            1 / (std::sqrt(static_cast<float>(config_.shape.head_dim())) * options.temperature)),
        attention_(config_.shape.heads, config_.shape.head_dim(), options.precision),
        embedding_(std::move(embedding)) {}

  void RunLayer(const Layer& layer, const PackedBatch& batch, base::ThreadPool* pool,
                BatchBuffers& buffers, std::vector<float>& hidden) const;
  void Project(const Layer& layer, const float* hidden, size_t first, size_t rows,
               BatchBuffers& buffers) const;
  void Finish(const Layer& layer, const float* context, size_t rows, float* hidden) const;

  const NomicBertConfig config_;
  const float score_scale_;  // 1 / (√(d/h) τ)
  const SelfAttention attention_;
  const TokenEmbedding embedding_;
  std::vector<Layer> layers_;
  mutable base::ObjectPool<BatchBuffers> batch_buffers_;
  mutable base::ObjectPool<TileBuffers> tile_buffers_;
};

absl::StatusOr<NomicBert::Layer> NomicBert::Layer::Load(const Checkpoint& checkpoint,
                                                        const EncoderShape& shape,
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
  return Layer{std::move(query_key_value),
               std::move(attention_output),
               std::move(attention_norm),
               std::move(gate_up),
               std::move(down),
               std::move(output_norm)};
}

absl::StatusOr<std::unique_ptr<const Model>> NomicBert::Load(const std::filesystem::path& folder,
                                                             NomicBertConfig config,
                                                             const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embeddings.word_embeddings.weight", {"", "bert.", "nomic_bert."});
  GANNET_ASSIGN_OR_RETURN(TokenEmbedding embedding,
                          TokenEmbedding::Load(checkpoint, config.embedding));
  std::unique_ptr<NomicBert> model(new NomicBert(std::move(config), std::move(embedding), options));
  const EncoderShape& shape = model->config_.shape;
  for (size_t i = 0; i < shape.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(Layer layer, Layer::Load(checkpoint, shape, options, i));
    model->layers_.push_back(std::move(layer));
  }
  return model;
}

void NomicBert::Forward(const PackedBatch& batch, base::ThreadPool* pool,
                        std::vector<float>& hidden, const LayerObserver& on_layer) const {
  const auto buffers = batch_buffers_.Take();
  buffers->positions = batch.Positions();
  config_.rotary.Extend(batch.Longest(), buffers->rotations);
  // x = LayerNorm(word[id] + type[t])
  hidden.resize(batch.rows() * config_.shape.hidden);
  embedding_.Apply(batch, pool, hidden.data());
  if (on_layer) on_layer(0, hidden);
  for (size_t i = 0; i < layers_.size(); ++i) {
    RunLayer(layers_[i], batch, pool, *buffers, hidden);
    if (on_layer) on_layer(i + 1, hidden);
  }
}

void NomicBert::RunLayer(const Layer& layer, const PackedBatch& batch, base::ThreadPool* pool,
                         BatchBuffers& buffers, std::vector<float>& hidden) const {
  const size_t d = config_.shape.hidden;
  buffers.query_key_value.resize(batch.rows() * 3 * d);
  buffers.context.resize(batch.rows() * d);

  // [Q K V] = x W; Q, K = rotate(Q), rotate(K)
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    Project(layer, &hidden[first * d], first, rows, buffers);
  });
  // context = softmax(Q Kᵀ / √(d/h)) V, for each head of each sequence
  const auto options = [&](const HeadInput&) {
    return kernels::AttentionOptions{.scale = score_scale_};
  };
  attention_.Run(batch, buffers.query_key_value.data(), options, pool, buffers.context.data());
  // x = LayerNorm(x + context W); x = LayerNorm(x + (f(x W_gate) ⊙ x W_up) W_down)
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    Finish(layer, &buffers.context[first * d], rows, &hidden[first * d]);
  });
}

void NomicBert::Project(const Layer& layer, const float* hidden, size_t first, size_t rows,
                        BatchBuffers& buffers) const {
  const size_t d = config_.shape.hidden;
  float* query_key_value = &buffers.query_key_value[first * 3 * d];
  layer.query_key_value.Apply(hidden, rows, query_key_value);
  for (size_t r = 0; r < rows; ++r) {  // Key heads follow the query heads.
    config_.rotary.Rotate(buffers.rotations, buffers.positions[first + r], 2 * config_.shape.heads,
                          config_.shape.head_dim(), query_key_value + r * 3 * d);
  }
}

void NomicBert::Finish(const Layer& layer, const float* context, size_t rows, float* hidden) const {
  const auto tile = tile_buffers_.Take();
  const size_t d = config_.shape.hidden, d_ff = config_.shape.intermediate;
  tile->attended.resize(rows * d);
  tile->gate_up.resize(rows * 2 * d_ff);
  tile->gated.resize(rows * d_ff);
  tile->output.resize(rows * d);

  layer.attention_output.Apply(context, rows, tile->attended.data());
  layer.attention_norm.Apply(tile->attended.data(), hidden, rows, tile->attended.data());
  layer.gate_up.Apply(tile->attended.data(), rows, tile->gate_up.data());
  kernels::GatedRows(config_.shape.activation, tile->gate_up.data(), rows, d_ff,
                     tile->gated.data());
  layer.down.Apply(tile->gated.data(), rows, tile->output.data());
  layer.output_norm.Apply(tile->output.data(), tile->attended.data(), rows, hidden);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadNomicBert(const std::filesystem::path& folder,
                                                           const ConfigFile& file,
                                                           const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(NomicBertConfig config, NomicBertConfig::Read(file));
  return NomicBert::Load(folder, std::move(config), options);
}

}  // namespace gannet::encoder
