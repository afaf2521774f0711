#include "encoder/models/modernbert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
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

class ModernBert final : public Model {
 public:
  static absl::StatusOr<std::unique_ptr<const Model>> Load(const std::filesystem::path& folder,
                                                           ModernBertConfig config,
                                                           const ModelOptions& options);

  void Forward(const PackedBatch& batch, base::ThreadPool* pool, std::vector<float>& hidden,
               const LayerObserver& on_layer) const override;

 private:
  struct Layer {
    LayerKind kind;
    std::optional<LayerNorm> attention_norm;  // The first layer has none: the embedding has one.
    kernels::PackedLinear query_key_value;    // [3d, d]
    kernels::PackedLinear attention_output;   // [d, d]
    LayerNorm mlp_norm;
    kernels::PackedLinear up;    // [2 d_ff, d]
    kernels::PackedLinear down;  // [d, d_ff]

    static absl::StatusOr<Layer> Load(const Checkpoint& checkpoint, const ModernBertConfig& config,
                                      const ModelOptions& options, size_t index);
  };

  // Matrices of a whole batch, and of one worker's tile of rows.
  struct BatchBuffers {
    std::vector<size_t> positions;        // [rows], each in its sequence.
    RotaryEmbedding::Table rotations[2];  // By LayerKind.
    std::vector<float> query_key_value;   // [rows, 3d]
    std::vector<float> context;           // [rows, d]
  };
  struct TileBuffers {
    std::vector<float> normal;  // [tile, d]
    std::vector<float> up;      // [tile, 2 d_ff]
    std::vector<float> gated;   // [tile, d_ff]
  };

  ModernBert(ModernBertConfig config, const ModelOptions& options)
      : Model({config.vocabulary, 0, config.positions, config.shape.hidden}),
        config_(std::move(config)),
        score_scale_(
            1 / (std::sqrt(static_cast<float>(config_.shape.head_dim())) * options.temperature)),
        attention_(config_.shape.heads, config_.shape.head_dim(), options.precision) {}

  void Embed(const PackedBatch& batch, base::ThreadPool* pool, std::vector<float>& hidden) const;
  void RunLayer(const Layer& layer, const PackedBatch& batch, base::ThreadPool* pool,
                BatchBuffers& buffers, std::vector<float>& hidden) const;
  void Project(const Layer& layer, const float* hidden, size_t first, size_t rows,
               BatchBuffers& buffers) const;
  void Finish(const Layer& layer, const float* context, size_t rows, float* hidden) const;

  const ModernBertConfig config_;
  const float score_scale_;  // 1 / (√(d/h) τ)
  const SelfAttention attention_;
  std::vector<float> words_;  // [V, d]
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
  LayerNorm final_norm_;
  mutable base::ObjectPool<BatchBuffers> batch_buffers_;
  mutable base::ObjectPool<TileBuffers> tile_buffers_;
};

absl::StatusOr<ModernBert::Layer> ModernBert::Layer::Load(const Checkpoint& checkpoint,
                                                          const ModernBertConfig& config,
                                                          const ModelOptions& options,
                                                          size_t index) {
  const auto name = [&](std::string_view part) { return fmt::format("layers.{}.{}", index, part); };
  const size_t d = config.shape.hidden, d_ff = config.shape.intermediate;
  const auto norm = [&](std::string_view part) {
    return LayerNorm::Load(checkpoint, name(part), d, config.shape.norm_epsilon, config.norm_bias);
  };
  std::optional<LayerNorm> attention_norm;
  if (index > 0) {
    GANNET_ASSIGN_OR_RETURN(attention_norm, norm("attn_norm"));
  }
  GANNET_ASSIGN_OR_RETURN(auto query_key_value, LoadLinear(checkpoint, name("attn.Wqkv"), d, 3 * d,
                                                           config.attention_bias, options));
  GANNET_ASSIGN_OR_RETURN(auto attention_output, LoadLinear(checkpoint, name("attn.Wo"), d, d,
                                                            config.attention_bias, options));
  GANNET_ASSIGN_OR_RETURN(auto mlp_norm, norm("mlp_norm"));
  GANNET_ASSIGN_OR_RETURN(
      auto up, LoadLinear(checkpoint, name("mlp.Wi"), d, 2 * d_ff, config.mlp_bias, options));
  GANNET_ASSIGN_OR_RETURN(
      auto down, LoadLinear(checkpoint, name("mlp.Wo"), d_ff, d, config.mlp_bias, options));
  return Layer{config.kinds[index],
               std::move(attention_norm),
               std::move(query_key_value),
               std::move(attention_output),
               std::move(mlp_norm),
               std::move(up),
               std::move(down)};
}

absl::StatusOr<std::unique_ptr<const Model>> ModernBert::Load(const std::filesystem::path& folder,
                                                              ModernBertConfig config,
                                                              const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embeddings.tok_embeddings.weight", {"", "model."});

  std::unique_ptr<ModernBert> model(new ModernBert(std::move(config), options));
  const ModernBertConfig& c = model->config_;
  const size_t d = c.shape.hidden;
  GANNET_ASSIGN_OR_RETURN(model->words_,
                          checkpoint.Floats("embeddings.tok_embeddings.weight", {c.vocabulary, d}));
  GANNET_ASSIGN_OR_RETURN(
      model->embedding_norm_,
      LayerNorm::Load(checkpoint, "embeddings.norm", d, c.shape.norm_epsilon, c.norm_bias));
  for (size_t i = 0; i < c.shape.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(Layer layer, Layer::Load(checkpoint, c, options, i));
    model->layers_.push_back(std::move(layer));
  }
  GANNET_ASSIGN_OR_RETURN(model->final_norm_, LayerNorm::Load(checkpoint, "final_norm", d,
                                                              c.shape.norm_epsilon, c.norm_bias));
  return model;
}

void ModernBert::Forward(const PackedBatch& batch, base::ThreadPool* pool,
                         std::vector<float>& hidden, const LayerObserver& on_layer) const {
  const auto buffers = batch_buffers_.Take();
  buffers->positions = batch.Positions();
  for (const LayerKind kind : {kGlobal, kLocal}) {
    config_.rotaries[kind].Extend(batch.Longest(), buffers->rotations[kind]);
  }
  Embed(batch, pool, hidden);
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (on_layer) on_layer(i, hidden);
    RunLayer(layers_[i], batch, pool, *buffers, hidden);
  }
  // The last hidden state is seen after the norm that follows the last layer.
  final_norm_.Apply(hidden.data(), nullptr, batch.rows(), hidden.data());
  if (on_layer) on_layer(layers_.size(), hidden);
}

// x = LayerNorm(word[id])
void ModernBert::Embed(const PackedBatch& batch, base::ThreadPool* pool,
                       std::vector<float>& hidden) const {
  const size_t d = config_.shape.hidden;
  hidden.resize(batch.rows() * d);
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    float* x = &hidden[first * d];
    for (size_t r = 0; r < rows; ++r) {
      std::copy_n(&words_[static_cast<size_t>(batch.ids[first + r]) * d], d, x + r * d);
    }
    embedding_norm_.Apply(x, nullptr, rows, x);
  });
}

void ModernBert::RunLayer(const Layer& layer, const PackedBatch& batch, base::ThreadPool* pool,
                          BatchBuffers& buffers, std::vector<float>& hidden) const {
  const size_t d = config_.shape.hidden;
  buffers.query_key_value.resize(batch.rows() * 3 * d);
  buffers.context.resize(batch.rows() * d);

  // [Q K V] = LayerNorm(x) W; Q, K = rotate(Q), rotate(K)
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    Project(layer, &hidden[first * d], first, rows, buffers);
  });
  // context = softmax(Q Kᵀ / √(d/h)) V, for each head of each sequence
  const auto options = [&](const HeadInput&) {
    kernels::AttentionOptions head{.scale = score_scale_};
    if (layer.kind == kLocal) head.left = head.right = config_.reach;
    return head;
  };
  attention_.Run(batch, buffers.query_key_value.data(), options, pool, buffers.context.data());
  // x = x + context W; x = x + (f(y W_1) ⊙ y W_2) W_down, y = LayerNorm(x)
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    Finish(layer, &buffers.context[first * d], rows, &hidden[first * d]);
  });
}

void ModernBert::Project(const Layer& layer, const float* hidden, size_t first, size_t rows,
                         BatchBuffers& buffers) const {
  const auto tile = tile_buffers_.Take();
  const size_t d = config_.shape.hidden;
  if (layer.attention_norm) {
    tile->normal.resize(rows * d);
    layer.attention_norm->Apply(hidden, nullptr, rows, tile->normal.data());
    hidden = tile->normal.data();
  }
  float* query_key_value = &buffers.query_key_value[first * 3 * d];
  layer.query_key_value.Apply(hidden, rows, query_key_value);
  for (size_t r = 0; r < rows; ++r) {  // Key heads follow the query heads.
    config_.rotaries[layer.kind].Rotate(buffers.rotations[layer.kind], buffers.positions[first + r],
                                        2 * config_.shape.heads, config_.shape.head_dim(),
                                        query_key_value + r * 3 * d);
  }
}

void ModernBert::Finish(const Layer& layer, const float* context, size_t rows,
                        float* hidden) const {
  const auto tile = tile_buffers_.Take();
  const size_t d_ff = config_.shape.intermediate;
  tile->normal.resize(rows * config_.shape.hidden);
  tile->up.resize(rows * 2 * d_ff);
  tile->gated.resize(rows * d_ff);

  layer.attention_output.Apply(context, rows, tile->normal.data());
  kernels::Add(tile->normal, hidden);
  layer.mlp_norm.Apply(hidden, nullptr, rows, tile->normal.data());
  layer.up.Apply(tile->normal.data(), rows, tile->up.data());
  kernels::GatedRows(config_.shape.activation, tile->up.data(), rows, d_ff, tile->gated.data());
  layer.down.Apply(tile->gated.data(), rows, tile->normal.data());
  kernels::Add(tile->normal, hidden);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadModernBert(const std::filesystem::path& folder,
                                                            const ConfigFile& file,
                                                            const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(ModernBertConfig config, ModernBertConfig::Read(file));
  return ModernBert::Load(folder, std::move(config), options);
}

}  // namespace gannet::encoder
