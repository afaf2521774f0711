#include "encoder/models/gpt_neox.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/object_pool.h"
#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/attention.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/rotary.h"
#include "encoder/layers/row_tiles.h"

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

class GptNeox final : public Model {
 public:
  static absl::StatusOr<std::unique_ptr<const Model>> Load(const std::filesystem::path& folder,
                                                           const GptNeoxConfig& config,
                                                           RotaryEmbedding rotary,
                                                           const ModelOptions& options);

  void Forward(const PackedBatch& batch, base::ThreadPool* pool, std::vector<float>& hidden,
               const LayerObserver& on_layer) const override;

 private:
  struct Layer {
    LayerNorm attention_norm;
    kernels::PackedLinear query_key_value;  // [3d, d]; query, key and value of one head together.
    kernels::PackedLinear attention_output;
    LayerNorm feed_forward_norm;
    kernels::PackedLinear up;    // [d_ff, d]
    kernels::PackedLinear down;  // [d, d_ff]

    static absl::StatusOr<Layer> Load(const Checkpoint& checkpoint, const GptNeoxConfig& config,
                                      const ModelOptions& options, size_t index);
  };

  // Matrices of a whole batch, and of one worker's tile of rows.
  struct BatchBuffers {
    RotaryEmbedding::Table rotation;
    std::vector<size_t> positions;       // [rows], each in its sequence.
    std::vector<float> query_key_value;  // [rows, h, 3, d/h]
    std::vector<float> context;          // [rows, d]
  };
  struct TileBuffers {
    std::vector<float> normal;        // [tile, d]
    std::vector<float> attended;      // [tile, d]
    std::vector<float> intermediate;  // [tile, d_ff]
    std::vector<float> output;        // [tile, d]
    kernels::PackedHead head;
  };

  GptNeox(const GptNeoxConfig& config, RotaryEmbedding rotary, const ModelOptions& options)
      : Model({config.vocabulary, 0, config.positions, config.shape.hidden}),
        config_(config),
        rotary_(std::move(rotary)),
        scale_(1 / (std::sqrt(static_cast<float>(config.shape.head_dim())) * options.temperature)),
        precision_(options.precision) {}

  void Embed(const PackedBatch& batch, BatchBuffers& buffers, std::vector<float>& hidden) const;
  void RunLayer(const Layer& layer, const PackedBatch& batch, base::ThreadPool* pool,
                BatchBuffers& buffers, std::vector<float>& hidden) const;
  void ProjectTile(const Layer& layer, const float* hidden, size_t first, size_t rows,
                   BatchBuffers& buffers) const;
  void AttendHead(const PackedBatch& batch, size_t sequence, size_t head,
                  BatchBuffers& buffers) const;
  void FinishTile(const Layer& layer, const float* context, size_t rows, float* hidden) const;

  const GptNeoxConfig config_;
  const RotaryEmbedding rotary_;
  const float scale_;              // 1 / (√(d/h) τ)
  const Precision precision_;      // Of the attention.
  std::vector<float> embeddings_;  // [V, d]
  std::vector<Layer> layers_;
  LayerNorm final_norm_;
  mutable base::ObjectPool<BatchBuffers> batch_buffers_;
  mutable base::ObjectPool<TileBuffers> tile_buffers_;
};

absl::StatusOr<GptNeox::Layer> GptNeox::Layer::Load(const Checkpoint& checkpoint,
                                                    const GptNeoxConfig& config,
                                                    const ModelOptions& options, size_t index) {
  const auto name = [&](std::string_view part) { return fmt::format("layers.{}.{}", index, part); };
  const size_t d = config.shape.hidden;
  GANNET_ASSIGN_OR_RETURN(auto attention_norm, LayerNorm::Load(checkpoint, name("input_layernorm"),
                                                               d, config.shape.norm_epsilon));
  GANNET_ASSIGN_OR_RETURN(auto query_key_value,
                          LoadLinear(checkpoint, name("attention.query_key_value"), d, 3 * d,
                                     config.attention_bias, options));
  GANNET_ASSIGN_OR_RETURN(auto attention_output, LoadLinear(checkpoint, name("attention.dense"), d,
                                                            d, config.attention_bias, options));
  GANNET_ASSIGN_OR_RETURN(
      auto feed_forward_norm,
      LayerNorm::Load(checkpoint, name("post_attention_layernorm"), d, config.shape.norm_epsilon));
  GANNET_ASSIGN_OR_RETURN(auto up, LoadLinear(checkpoint, name("mlp.dense_h_to_4h"), d,
                                              config.shape.intermediate, Bias::kPresent, options));
  GANNET_ASSIGN_OR_RETURN(
      auto down, LoadLinear(checkpoint, name("mlp.dense_4h_to_h"), config.shape.intermediate, d,
                            Bias::kPresent, options));
  return Layer{std::move(attention_norm),
               std::move(query_key_value),
               std::move(attention_output),
               std::move(feed_forward_norm),
               std::move(up),
               std::move(down)};
}

absl::StatusOr<std::unique_ptr<const Model>> GptNeox::Load(const std::filesystem::path& folder,
                                                           const GptNeoxConfig& config,
                                                           RotaryEmbedding rotary,
                                                           const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embed_in.weight", {"", "gpt_neox."});

  std::unique_ptr<GptNeox> model(new GptNeox(config, std::move(rotary), options));
  GANNET_ASSIGN_OR_RETURN(
      model->embeddings_,
      checkpoint.Floats("embed_in.weight", {config.vocabulary, config.shape.hidden}));
  for (size_t i = 0; i < config.shape.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(Layer layer, Layer::Load(checkpoint, config, options, i));
    model->layers_.push_back(std::move(layer));
  }
  GANNET_ASSIGN_OR_RETURN(model->final_norm_,
                          LayerNorm::Load(checkpoint, "final_layer_norm", config.shape.hidden,
                                          config.shape.norm_epsilon));
  return model;
}

void GptNeox::Forward(const PackedBatch& batch, base::ThreadPool* pool, std::vector<float>& hidden,
                      const LayerObserver& on_layer) const {
  const auto buffers = batch_buffers_.Take();
  Embed(batch, *buffers, hidden);
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (on_layer) on_layer(i, hidden);
    RunLayer(layers_[i], batch, pool, *buffers, hidden);
  }
  final_norm_.Apply(hidden.data(), nullptr, batch.rows(), hidden.data());
  if (on_layer) on_layer(layers_.size(), hidden);
}

// x = embedding[id]; also prepares the rotations of every position in the batch.
void GptNeox::Embed(const PackedBatch& batch, BatchBuffers& buffers,
                    std::vector<float>& hidden) const {
  const size_t d = config_.shape.hidden;
  hidden.resize(batch.rows() * d);
  buffers.positions.resize(batch.rows());
  size_t longest = 0;
  for (size_t s = 0; s < batch.sequences(); ++s) {
    longest = std::max(longest, batch.length(s));
    for (size_t i = 0; i < batch.length(s); ++i) {
      const size_t row = batch.offsets[s] + i;
      buffers.positions[row] = i;
      std::copy_n(&embeddings_[static_cast<size_t>(batch.ids[row]) * d], d, &hidden[row * d]);
    }
  }
  rotary_.Extend(longest, buffers.rotation);
}

void GptNeox::RunLayer(const Layer& layer, const PackedBatch& batch, base::ThreadPool* pool,
                       BatchBuffers& buffers, std::vector<float>& hidden) const {
  const size_t d = config_.shape.hidden;
  buffers.query_key_value.resize(batch.rows() * 3 * d);
  buffers.context.resize(batch.rows() * d);

  // [Q K V] = LayerNorm(x) W + b; Q, K = rotate(Q), rotate(K)
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    ProjectTile(layer, &hidden[first * d], first, rows, buffers);
  });
  // context = softmax(Q Kᵀ / √(d/h)) V over the tokens up to one's own, for each head
  ForEach(batch.sequences() * config_.shape.heads, pool, [&](size_t i) {
    AttendHead(batch, i / config_.shape.heads, i % config_.shape.heads, buffers);
  });
  // x += (context W + b) + (gelu(LayerNorm(x) W_up + b) W_down + b)
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    FinishTile(layer, &buffers.context[first * d], rows, &hidden[first * d]);
  });
}

void GptNeox::ProjectTile(const Layer& layer, const float* hidden, size_t first, size_t rows,
                          BatchBuffers& buffers) const {
  const auto tile = tile_buffers_.Take();
  const size_t d = config_.shape.hidden, head_dim = config_.shape.head_dim();
  tile->normal.resize(rows * d);
  float* query_key_value = &buffers.query_key_value[first * 3 * d];
  layer.attention_norm.Apply(hidden, nullptr, rows, tile->normal.data());
  layer.query_key_value.Apply(tile->normal.data(), rows, query_key_value);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t h = 0; h < config_.shape.heads; ++h) {
      float* query_and_key = query_key_value + r * 3 * d + h * 3 * head_dim;
      rotary_.Rotate(buffers.rotation, buffers.positions[first + r], 2, head_dim, query_and_key);
    }
  }
}

void GptNeox::AttendHead(const PackedBatch& batch, size_t sequence, size_t head,
                         BatchBuffers& buffers) const {
  const size_t d = config_.shape.hidden, head_dim = config_.shape.head_dim();
  const size_t first = batch.offsets[sequence], length = batch.length(sequence);
  const float* query = &buffers.query_key_value[first * 3 * d + head * 3 * head_dim];
  const auto tile = tile_buffers_.Take();
  tile->head.Pack({query + head_dim, 3 * d}, {query + 2 * head_dim, 3 * d}, length, head_dim,
                  precision_);
  kernels::AttentionOptions options;
  options.scale = scale_;
  options.right = 0;
  kernels::Attend(tile->head, {query, 3 * d}, length, options,
                  &buffers.context[first * d + head * head_dim], d);
}

void GptNeox::FinishTile(const Layer& layer, const float* context, size_t rows,
                         float* hidden) const {
  const auto tile = tile_buffers_.Take();
  tile->normal.resize(rows * config_.shape.hidden);
  tile->attended.resize(rows * config_.shape.hidden);
  tile->intermediate.resize(rows * config_.shape.intermediate);
  tile->output.resize(rows * config_.shape.hidden);

  layer.attention_output.Apply(context, rows, tile->attended.data());
  layer.feed_forward_norm.Apply(hidden, nullptr, rows, tile->normal.data());
  layer.up.Apply(tile->normal.data(), rows, tile->intermediate.data());
  config_.shape.activation(tile->intermediate);
  layer.down.Apply(tile->intermediate.data(), rows, tile->output.data());
  kernels::Add(tile->attended, hidden);
  kernels::Add(tile->output, hidden);
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
  return GptNeox::Load(folder, config, std::move(rotary), options);
}

}  // namespace gannet::encoder
