#include "encoder/models/t5_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/object_pool.h"
#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/attention.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/layers/activation.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/relative_bias.h"
#include "encoder/layers/row_tiles.h"
#include "encoder/layers/self_attention.h"

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
  GANNET_ASSIGN_OR_RETURN(const std::string projection, file.StringOr("feed_forward_proj", "relu"));
  std::string_view name = projection;
  gated = name.starts_with(kGated);
  if (gated) name.remove_prefix(kGated.size());
  activation = FindActivation(gated && name == "gelu" ? "gelu_new" : name);
  if (activation != nullptr) return absl::OkStatus();
  return file.Error("feed_forward_proj", fmt::format("\"{}\" is not supported", projection));
}

class T5Encoder final : public Model {
 public:
  static absl::StatusOr<std::unique_ptr<const Model>> Load(const std::filesystem::path& folder,
                                                           const T5Config& config,
                                                           const ModelOptions& options);

  void Forward(const PackedBatch& batch, base::ThreadPool* pool, std::vector<float>& hidden,
               const LayerObserver& on_layer) const override;

 private:
  struct Layer {
    RmsNorm attention_norm;
    kernels::PackedLinear query_key_value;   // [3 h d_kv, d]
    kernels::PackedLinear attention_output;  // [d, h d_kv]
    RmsNorm feed_forward_norm;
    kernels::PackedLinear up;    // [d_ff, d], or [2 d_ff, d] when gated
    kernels::PackedLinear down;  // [d, d_ff]

    static absl::StatusOr<Layer> Load(const Checkpoint& checkpoint, const T5Config& config,
                                      const ModelOptions& options, size_t index);
  };

  // Matrices of a whole batch, and of one worker's tile of rows.
  struct BatchBuffers {
    std::vector<float> query_key_value;  // [rows, 3 h d_kv]
    std::vector<float> context;          // [rows, h d_kv]
  };
  struct TileBuffers {
    std::vector<float> normal;        // [tile, d]
    std::vector<float> up;            // [tile, d_ff or 2 d_ff]
    std::vector<float> intermediate;  // [tile, d_ff]
  };

  T5Encoder(const T5Config& config, const ModelOptions& options, RelativeBias bias)
      : Model({config.vocabulary, 0, 0, config.hidden}),
        config_(config),
        score_scale_(1 / options.temperature),
        bias_(std::move(bias)),
        attention_(config.heads, config.head_dim, options.precision) {}

  void RunLayer(const Layer& layer, const PackedBatch& batch, base::ThreadPool* pool,
                BatchBuffers& buffers, std::vector<float>& hidden) const;
  void FeedForward(const Layer& layer, size_t rows, TileBuffers& tile, float* hidden) const;

  const T5Config config_;
  const float score_scale_;  // 1/τ: T5 does not divide by √d_kv.
  const RelativeBias bias_;
  const SelfAttention attention_;
  std::vector<float> words_;  // [V, d]
  std::vector<Layer> layers_;
  RmsNorm final_norm_;
  mutable base::ObjectPool<BatchBuffers> batch_buffers_;
  mutable base::ObjectPool<TileBuffers> tile_buffers_;
};

absl::StatusOr<T5Encoder::Layer> T5Encoder::Layer::Load(const Checkpoint& checkpoint,
                                                        const T5Config& config,
                                                        const ModelOptions& options, size_t index) {
  const auto name = [&](std::string_view part) {
    return fmt::format("encoder.block.{}.layer.{}", index, part);
  };
  const size_t d = config.hidden, width = config.width(), d_ff = config.intermediate;
  GANNET_ASSIGN_OR_RETURN(auto attention_norm,
                          RmsNorm::Load(checkpoint, name("0.layer_norm"), d, config.norm_epsilon,
                                        RmsNorm::Form::kScale));
  GANNET_ASSIGN_OR_RETURN(
      auto query_key_value,
      LoadLinears(checkpoint,
                  {name("0.SelfAttention.q"), name("0.SelfAttention.k"), name("0.SelfAttention.v")},
                  d, {width, width, width}, Bias::kAbsent, options));
  GANNET_ASSIGN_OR_RETURN(auto attention_output, LoadLinear(checkpoint, name("0.SelfAttention.o"),
                                                            width, d, Bias::kAbsent, options));
  GANNET_ASSIGN_OR_RETURN(auto feed_forward_norm,
                          RmsNorm::Load(checkpoint, name("1.layer_norm"), d, config.norm_epsilon,
                                        RmsNorm::Form::kScale));
  GANNET_ASSIGN_OR_RETURN(
      auto up,
      config.gated
          ? LoadLinears(checkpoint, {name("1.DenseReluDense.wi_0"), name("1.DenseReluDense.wi_1")},
                        d, {d_ff, d_ff}, Bias::kAbsent, options)
          : LoadLinear(checkpoint, name("1.DenseReluDense.wi"), d, d_ff, Bias::kAbsent, options));
  GANNET_ASSIGN_OR_RETURN(auto down, LoadLinear(checkpoint, name("1.DenseReluDense.wo"), d_ff, d,
                                                Bias::kAbsent, options));
  return Layer{std::move(attention_norm),
               std::move(query_key_value),
               std::move(attention_output),
               std::move(feed_forward_norm),
               std::move(up),
               std::move(down)};
}

absl::StatusOr<std::unique_ptr<const Model>> T5Encoder::Load(const std::filesystem::path& folder,
                                                             const T5Config& config,
                                                             const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(folder));
  // The first layer's table serves all of them.
  GANNET_ASSIGN_OR_RETURN(
      RelativeBias bias,
      RelativeBias::Load(checkpoint,
                         "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
                         config.bias, options));
  std::unique_ptr<T5Encoder> model(new T5Encoder(config, options, std::move(bias)));
  const std::string_view words =
      checkpoint.Has("shared.weight") ? "shared.weight" : "encoder.embed_tokens.weight";
  GANNET_ASSIGN_OR_RETURN(model->words_,
                          checkpoint.Floats(words, {config.vocabulary, config.hidden}));
  for (size_t i = 0; i < config.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(Layer layer, Layer::Load(checkpoint, config, options, i));
    model->layers_.push_back(std::move(layer));
  }
  GANNET_ASSIGN_OR_RETURN(model->final_norm_,
                          RmsNorm::Load(checkpoint, "encoder.final_layer_norm", config.hidden,
                                        config.norm_epsilon, RmsNorm::Form::kScale));
  return model;
}

void T5Encoder::Forward(const PackedBatch& batch, base::ThreadPool* pool,
                        std::vector<float>& hidden, const LayerObserver& on_layer) const {
  const size_t d = config_.hidden;
  const auto buffers = batch_buffers_.Take();
  // x = word[id]
  hidden.resize(batch.rows() * d);
  for (size_t row = 0; row < batch.rows(); ++row) {
    std::copy_n(&words_[static_cast<size_t>(batch.ids[row]) * d], d, &hidden[row * d]);
  }
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (on_layer) on_layer(i, hidden);
    RunLayer(layers_[i], batch, pool, *buffers, hidden);
  }
  // The last hidden state is seen after the norm that follows the last layer.
  final_norm_.Apply(hidden.data(), batch.rows(), hidden.data());
  if (on_layer) on_layer(layers_.size(), hidden);
}

void T5Encoder::RunLayer(const Layer& layer, const PackedBatch& batch, base::ThreadPool* pool,
                         BatchBuffers& buffers, std::vector<float>& hidden) const {
  const size_t d = config_.hidden, width = config_.width();
  buffers.query_key_value.resize(batch.rows() * 3 * width);
  buffers.context.resize(batch.rows() * width);

  // [Q K V] = RmsNorm(x) W
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    const auto tile = tile_buffers_.Take();
    tile->normal.resize(rows * d);
    layer.attention_norm.Apply(&hidden[first * d], rows, tile->normal.data());
    layer.query_key_value.Apply(tile->normal.data(), rows,
                                &buffers.query_key_value[first * 3 * width]);
  });
  // context = softmax(Q Kᵀ + bias) V, for each head of each sequence
  const auto options = [&](const HeadInput& input) {
    return kernels::AttentionOptions{.scale = score_scale_, .bias = bias_.OfHead(input.head)};
  };
  attention_.Run(batch, buffers.query_key_value.data(), options, pool, buffers.context.data());
  // x = x + context W_o; x = x + (f(y W_0) ⊙ y W_1) W_down, y = RmsNorm(x)
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    const auto tile = tile_buffers_.Take();
    tile->normal.resize(rows * d);
    layer.attention_output.Apply(&buffers.context[first * width], rows, tile->normal.data());
    kernels::Add(tile->normal, &hidden[first * d]);
    FeedForward(layer, rows, *tile, &hidden[first * d]);
  });
}

void T5Encoder::FeedForward(const Layer& layer, size_t rows, TileBuffers& tile,
                            float* hidden) const {
  tile.up.resize(rows * layer.up.outputs());
  layer.feed_forward_norm.Apply(hidden, rows, tile.normal.data());
  layer.up.Apply(tile.normal.data(), rows, tile.up.data());
  if (config_.gated) {
    tile.intermediate.resize(rows * config_.intermediate);
    kernels::GatedRows(config_.activation, tile.up.data(), rows, config_.intermediate,
                       tile.intermediate.data());
  } else {
    config_.activation(tile.up);
    tile.intermediate.swap(tile.up);
  }
  layer.down.Apply(tile.intermediate.data(), rows, tile.normal.data());
  kernels::Add(tile.normal, hidden);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadT5Encoder(const std::filesystem::path& folder,
                                                           const ConfigFile& file,
                                                           const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const T5Config config, T5Config::Read(file));
  return T5Encoder::Load(folder, config, options);
}

}  // namespace gannet::encoder
