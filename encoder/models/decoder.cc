#include "encoder/models/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/object_pool.h"
#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/attention.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/row_tiles.h"
#include "encoder/models/decoder_config.h"

namespace gannet::encoder {
namespace {

class Decoder final : public Model {
 public:
  static absl::StatusOr<std::unique_ptr<const Model>> Load(const std::filesystem::path& folder,
                                                           DecoderConfig config,
                                                           const ModelOptions& options);

  void Forward(const PackedBatch& batch, base::ThreadPool* pool, std::vector<float>& hidden,
               const LayerObserver& on_layer) const override;

 private:
  struct Layer {
    DecoderConfig::Layer kind;
    RmsNorm attention_norm;
    kernels::PackedLinear query_key_value;  // [(h + 2 h_kv) d_h, d]
    RmsNorm query_norm, key_norm;           // [d_h], where the family has them.
    kernels::PackedLinear attention_output;
    RmsNorm attention_post_norm;  // Where the family has it.
    RmsNorm feed_forward_norm;
    kernels::PackedLinear gate_up;  // [2 d_ff, d]
    kernels::PackedLinear down;     // [d, d_ff]
    RmsNorm feed_forward_post_norm;

    static absl::StatusOr<Layer> Load(const Checkpoint& checkpoint, const DecoderConfig& config,
                                      const ModelOptions& options, size_t index);
    absl::Status LoadNorms(const Checkpoint& checkpoint, const DecoderConfig& config,
                           std::string_view prefix);
  };

  // Matrices of a whole batch, and of one worker's tile of rows.
  struct BatchBuffers {
    std::vector<RotaryEmbedding::Table> rotations;  // One for each of the configuration's rotaries.
    std::vector<size_t> positions;                  // [rows], each in its sequence.
    std::vector<float> query_key_value;             // [rows, (h + 2 h_kv) d_h]
    std::vector<float> context;                     // [rows, h d_h]
  };
  struct TileBuffers {
    std::vector<float> normal;   // [tile, d]
    std::vector<float> added;    // [tile, d]
    std::vector<float> gate_up;  // [tile, 2 d_ff]
    std::vector<float> gated;    // [tile, d_ff]
    kernels::PackedHead head;
  };

  Decoder(DecoderConfig config, const ModelOptions& options)
      : Model({config.vocabulary, 0, config.positions, config.hidden}),
        config_(std::move(config)),
        score_scale_(static_cast<float>(config_.score_scale / options.temperature)),
        precision_(options.precision) {}

  void Embed(const PackedBatch& batch, BatchBuffers& buffers, std::vector<float>& hidden) const;
  void RunLayer(const Layer& layer, const PackedBatch& batch, base::ThreadPool* pool,
                BatchBuffers& buffers, std::vector<float>& hidden) const;
  void ProjectTile(const Layer& layer, const float* hidden, size_t first, size_t rows,
                   BatchBuffers& buffers) const;
  void AttendHead(const Layer& layer, const PackedBatch& batch, size_t sequence, size_t head,
                  BatchBuffers& buffers) const;
  void FinishTile(const Layer& layer, const float* context, size_t rows, float* hidden) const;

  const DecoderConfig config_;
  const float score_scale_;
  const Precision precision_;      // Of the attention.
  std::vector<float> embeddings_;  // [V, d]
  std::vector<Layer> layers_;
  RmsNorm final_norm_;
  mutable base::ObjectPool<BatchBuffers> batch_buffers_;
  mutable base::ObjectPool<TileBuffers> tile_buffers_;
};

absl::Status Decoder::Layer::LoadNorms(const Checkpoint& checkpoint, const DecoderConfig& config,
                                       std::string_view prefix) {
  const auto load = [&](RmsNorm& norm, std::string_view name, size_t size) -> absl::Status {
    GANNET_ASSIGN_OR_RETURN(norm, RmsNorm::Load(checkpoint, fmt::format("{}.{}", prefix, name),
                                                size, config.norm_epsilon, config.norm_form));
    return absl::OkStatus();
  };
  GANNET_RETURN_IF_ERROR(load(attention_norm, "input_layernorm", config.hidden));
  if (config.query_key_norms) {
    GANNET_RETURN_IF_ERROR(load(query_norm, "self_attn.q_norm", config.head_dim));
    GANNET_RETURN_IF_ERROR(load(key_norm, "self_attn.k_norm", config.head_dim));
  }
  // With post-norms, post_attention_layernorm is one of them; without, it is the pre-norm of the
  // feed-forward layer.
  if (!config.post_norms) return load(feed_forward_norm, "post_attention_layernorm", config.hidden);
  GANNET_RETURN_IF_ERROR(load(attention_post_norm, "post_attention_layernorm", config.hidden));
  GANNET_RETURN_IF_ERROR(load(feed_forward_norm, "pre_feedforward_layernorm", config.hidden));
  return load(feed_forward_post_norm, "post_feedforward_layernorm", config.hidden);
}

absl::StatusOr<Decoder::Layer> Decoder::Layer::Load(const Checkpoint& checkpoint,
                                                    const DecoderConfig& config,
                                                    const ModelOptions& options, size_t index) {
  const std::string prefix = fmt::format("layers.{}", index);
  const auto name = [&](std::string_view part) { return fmt::format("{}.{}", prefix, part); };
  const size_t d = config.hidden, d_ff = config.intermediate;
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
  GANNET_ASSIGN_OR_RETURN(
      auto gate_up, fused ? LoadLinear(checkpoint, name("mlp.gate_up_proj"), d, 2 * d_ff,
                                       config.feed_forward_bias, options)
                          : LoadLinears(checkpoint, {name("mlp.gate_proj"), name("mlp.up_proj")}, d,
                                        {d_ff, d_ff}, config.feed_forward_bias, options));
  GANNET_ASSIGN_OR_RETURN(auto down, LoadLinear(checkpoint, name("mlp.down_proj"), d_ff, d,
                                                config.feed_forward_bias, options));
  Layer layer{.kind = config.layer_kinds[index],
              .attention_norm = {},
              .query_key_value = std::move(query_key_value),
              .query_norm = {},
              .key_norm = {},
              .attention_output = std::move(attention_output),
              .attention_post_norm = {},
              .feed_forward_norm = {},
              .gate_up = std::move(gate_up),
              .down = std::move(down),
              .feed_forward_post_norm = {}};
  GANNET_RETURN_IF_ERROR(layer.LoadNorms(checkpoint, config, prefix));
  return layer;
}

absl::StatusOr<std::unique_ptr<const Model>> Decoder::Load(const std::filesystem::path& folder,
                                                           DecoderConfig config,
                                                           const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embed_tokens.weight", {"", "model."});

  std::unique_ptr<Decoder> model(new Decoder(std::move(config), options));
  const DecoderConfig& c = model->config_;
  GANNET_ASSIGN_OR_RETURN(model->embeddings_,
                          checkpoint.Floats("embed_tokens.weight", {c.vocabulary, c.hidden}));
  for (size_t i = 0; i < c.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(Layer layer, Layer::Load(checkpoint, c, options, i));
    model->layers_.push_back(std::move(layer));
  }
  GANNET_ASSIGN_OR_RETURN(model->final_norm_,
                          RmsNorm::Load(checkpoint, "norm", c.hidden, c.norm_epsilon, c.norm_form));
  return model;
}

void Decoder::Forward(const PackedBatch& batch, base::ThreadPool* pool, std::vector<float>& hidden,
                      const LayerObserver& on_layer) const {
  const auto buffers = batch_buffers_.Take();
  Embed(batch, *buffers, hidden);
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (on_layer) on_layer(i, hidden);
    RunLayer(layers_[i], batch, pool, *buffers, hidden);
  }
  final_norm_.Apply(hidden.data(), batch.rows(), hidden.data());
  if (on_layer) on_layer(layers_.size(), hidden);
}

// x = embedding[id] · scale; also prepares the rotations of every position in the batch.
void Decoder::Embed(const PackedBatch& batch, BatchBuffers& buffers,
                    std::vector<float>& hidden) const {
  const size_t d = config_.hidden;
  const auto scale = static_cast<float>(config_.embedding_scale);
  hidden.resize(batch.rows() * d);
  buffers.positions.resize(batch.rows());
  size_t longest = 0;
  for (size_t s = 0; s < batch.sequences(); ++s) {
    longest = std::max(longest, batch.length(s));
    for (size_t i = 0; i < batch.length(s); ++i) {
      const size_t row = batch.offsets[s] + i;
      buffers.positions[row] = i;
      const float* embedding = &embeddings_[static_cast<size_t>(batch.ids[row]) * d];
      for (size_t c = 0; c < d; ++c) hidden[row * d + c] = embedding[c] * scale;
    }
  }
  buffers.rotations.resize(config_.rotaries.size());
  for (size_t r = 0; r < config_.rotaries.size(); ++r) {
    config_.rotaries[r].Extend(longest, buffers.rotations[r]);
  }
}

void Decoder::RunLayer(const Layer& layer, const PackedBatch& batch, base::ThreadPool* pool,
                       BatchBuffers& buffers, std::vector<float>& hidden) const {
  const size_t d = config_.hidden;
  buffers.query_key_value.resize(batch.rows() * config_.qkv_size());
  buffers.context.resize(batch.rows() * config_.query_size());

  // [Q K V] = RMSNorm(x) W + b; Q, K = rotate(Q), rotate(K)
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    ProjectTile(layer, &hidden[first * d], first, rows, buffers);
  });
  // context = softmax(scale Q Kᵀ) V, for each query head of each sequence
  ForEach(batch.sequences() * config_.heads, pool, [&](size_t i) {
    AttendHead(layer, batch, i / config_.heads, i % config_.heads, buffers);
  });
  // x += context W; x += (f(RMSNorm(x) W_gate) ⊙ RMSNorm(x) W_up) W_down
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    FinishTile(layer, &buffers.context[first * config_.query_size()], rows, &hidden[first * d]);
  });
}

void Decoder::ProjectTile(const Layer& layer, const float* hidden, size_t first, size_t rows,
                          BatchBuffers& buffers) const {
  const auto tile = tile_buffers_.Take();
  tile->normal.resize(rows * config_.hidden);
  float* query_key_value = &buffers.query_key_value[first * config_.qkv_size()];
  layer.attention_norm.Apply(hidden, rows, tile->normal.data());
  layer.query_key_value.Apply(tile->normal.data(), rows, query_key_value);
  for (size_t r = 0; r < rows; ++r) {
    float* query = query_key_value + r * config_.qkv_size();
    if (config_.query_key_norms) {
      layer.query_norm.Apply(query, config_.heads, query);
      float* key = query + config_.query_size();
      layer.key_norm.Apply(key, config_.kv_heads, key);
    }
    if (layer.kind.rotary) {  // Key heads follow the query heads.
      config_.rotaries[*layer.kind.rotary].Rotate(
          buffers.rotations[*layer.kind.rotary], buffers.positions[first + r],
          config_.heads + config_.kv_heads, config_.head_dim, query);
    }
  }
}

void Decoder::AttendHead(const Layer& layer, const PackedBatch& batch, size_t sequence, size_t head,
                         BatchBuffers& buffers) const {
  const size_t stride = config_.qkv_size();
  const size_t first = batch.offsets[sequence], length = batch.length(sequence);
  const size_t kv_head = head / (config_.heads / config_.kv_heads);
  const float* rows = &buffers.query_key_value[first * stride];
  const float* key = rows + config_.query_size() + kv_head * config_.head_dim;
  const float* value = key + config_.kv_heads * config_.head_dim;

  kernels::AttentionOptions options;
  options.scale = score_scale_;
  options.soft_cap = static_cast<float>(config_.soft_cap);
  if (layer.kind.window != 0) options.left = options.right = layer.kind.window - 1;
  if (config_.direction == DecoderConfig::Direction::kCausal) options.right = 0;

  // Query heads that share a key head pack it once each: little beside the products, and heads
  // spread over threads even where there is one key head for all.
  const auto tile = tile_buffers_.Take();
  tile->head.Pack({key, stride}, {value, stride}, length, config_.head_dim, precision_);
  kernels::Attend(tile->head, {rows + head * config_.head_dim, stride}, length, options,
                  &buffers.context[first * config_.query_size() + head * config_.head_dim],
                  config_.query_size());
}

void Decoder::FinishTile(const Layer& layer, const float* context, size_t rows,
                         float* hidden) const {
  const auto tile = tile_buffers_.Take();
  const size_t d = config_.hidden, d_ff = config_.intermediate;
  tile->normal.resize(rows * d);
  tile->added.resize(rows * d);
  tile->gate_up.resize(rows * 2 * d_ff);
  tile->gated.resize(rows * d_ff);
  float* added = tile->added.data();

  layer.attention_output.Apply(context, rows, added);
  if (config_.post_norms) layer.attention_post_norm.Apply(added, rows, added);
  kernels::Add(tile->added, hidden);

  layer.feed_forward_norm.Apply(hidden, rows, tile->normal.data());
  layer.gate_up.Apply(tile->normal.data(), rows, tile->gate_up.data());
  kernels::GatedRows(config_.activation, tile->gate_up.data(), rows, d_ff, tile->gated.data());
  layer.down.Apply(tile->gated.data(), rows, added);
  if (config_.post_norms) layer.feed_forward_post_norm.Apply(added, rows, added);
  kernels::Add(tile->added, hidden);
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
  return Decoder::Load(folder, std::move(config), options);
}

}  // namespace gannet::encoder
