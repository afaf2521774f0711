#include "encoder/models/m2bert.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/object_pool.h"
#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/long_conv.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/layers/block_diagonal.h"
#include "encoder/layers/causal_conv.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/layers/implicit_filter.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/long_convolution.h"
#include "encoder/layers/row_tiles.h"
#include "encoder/layers/sequence_chunk.h"
#include "encoder/layers/token_embedding.h"

namespace gannet::encoder {
namespace {

// The spectra of a model of 8k positions fit, 600 MB in bfloat16. Of one of 32k a part does; the
// others are computed anew for each text, which takes a seventh of its time.
constexpr size_t kMostSpectrumBytes = size_t{640} << 20;

constexpr size_t kShortTaps = 3;
constexpr TokenId kPadding = 0;

// The fields of config.json that shape the model.
struct M2BertConfig {
  TokenEmbeddingShape embedding;
  size_t hidden = 0;        // d
  size_t layers = 0;        // N
  size_t intermediate = 0;  // I
  size_t blocks = 0;        // Of the block-diagonal matrices.
  double norm_epsilon = 0;
  ImplicitFilterShape filter;

  static absl::StatusOr<M2BertConfig> Read(const ConfigFile& file);
};

// The parts of the family that the retrieval models do not use.
absl::Status ExpectRetrievalModel(const ConfigFile& file) {
  for (const std::string_view field : {"bidirectional", "residual_long_conv", "use_glu_mlp",
                                       "use_monarch_mlp", "use_positional_encodings"}) {
    GANNET_RETURN_IF_ERROR(ExpectFlag(file, field, true));
  }
  for (const std::string_view field : {"hyena_training_additions", "pool_all"}) {
    GANNET_RETURN_IF_ERROR(ExpectFlag(file, field, false));
  }
  return ExpectName(file, "hidden_act", "gelu");
}

absl::StatusOr<M2BertConfig> M2BertConfig::Read(const ConfigFile& file) {
  GANNET_RETURN_IF_ERROR(ExpectRetrievalModel(file));
  M2BertConfig config;
  GANNET_ASSIGN_OR_RETURN(config.hidden, file.Size("hidden_size"));
  GANNET_ASSIGN_OR_RETURN(config.layers, file.Size("num_hidden_layers"));
  GANNET_ASSIGN_OR_RETURN(config.intermediate, file.Size("intermediate_size"));
  GANNET_ASSIGN_OR_RETURN(config.blocks, file.SizeOr("monarch_mlp_nblocks", 4));
  if (config.hidden % config.blocks != 0 || config.intermediate % config.blocks != 0) {
    return file.Error("monarch_mlp_nblocks",
                      fmt::format("{} does not divide hidden_size {} and intermediate_size {}",
                                  config.blocks, config.hidden, config.intermediate));
  }
  GANNET_ASSIGN_OR_RETURN(config.norm_epsilon, file.NumberOr("layer_norm_eps", 1e-12));
  GANNET_ASSIGN_OR_RETURN(
      config.embedding,
      TokenEmbeddingShape::Read(file, config.hidden, TokenTypes::kFirst, config.norm_epsilon));
  // The table of tokens is padded, whether the file counts that or not.
  config.embedding.vocabulary = (config.embedding.vocabulary + 7) / 8 * 8;
  config.filter.channels = config.hidden;
  GANNET_ASSIGN_OR_RETURN(config.filter.longest, file.Size("long_conv_l_max"));
  if (config.filter.longest != config.embedding.positions) {
    return file.Error("long_conv_l_max",
                      fmt::format("{}, expected max_position_embeddings, {}", config.filter.longest,
                                  config.embedding.positions));
  }
  GANNET_ASSIGN_OR_RETURN(config.filter.features, file.SizeOr("hyena_emb_dim", 5));
  GANNET_ASSIGN_OR_RETURN(config.filter.order, file.SizeOr("hyena_filter_order", 128));
  return config;
}

struct M2BertLayer {
  kernels::PackedLinear in;   // [3d, d]: x₁, x₂ and v
  CausalConv short_conv;      // [3d]
  LongConvolution conv;       // Of the gated values.
  LongConvolution residual;   // Of what enters the layer.
  kernels::PackedLinear out;  // [d, d]
  BlockDiagonal gated;        // [2I, d]
  BlockDiagonal wo;           // [d, I]
  LayerNorm norm;

  static absl::StatusOr<M2BertLayer> Load(
      const Checkpoint& checkpoint, const M2BertConfig& config, const ModelOptions& options,
      const std::shared_ptr<LongConvolution::Workspace>& workspace, size_t index);
};

absl::StatusOr<M2BertLayer> M2BertLayer::Load(
    const Checkpoint& checkpoint, const M2BertConfig& config, const ModelOptions& options,
    const std::shared_ptr<LongConvolution::Workspace>& workspace, size_t index) {
  const auto name = [&](std::string_view part) {
    return fmt::format("encoder.layer.{}.{}", index, part);
  };
  const auto convolution = [&](std::string_view part) -> absl::StatusOr<LongConvolution> {
    GANNET_ASSIGN_OR_RETURN(ImplicitFilter filter,
                            ImplicitFilter::Load(checkpoint, name(part), config.filter, options));
    return LongConvolution(std::move(filter), options.precision, workspace);
  };
  const size_t d = config.hidden, intermediate = config.intermediate;
  GANNET_ASSIGN_OR_RETURN(auto in, LoadLinear(checkpoint, name("attention.in_linear"), d, 3 * d,
                                              Bias::kPresent, options));
  GANNET_ASSIGN_OR_RETURN(auto short_conv,
                          CausalConv::Load(checkpoint, name("attention.short_filter"), 3 * d,
                                           kShortTaps, Bias::kPresent));
  GANNET_ASSIGN_OR_RETURN(auto conv, convolution("attention.filter_fn"));
  GANNET_ASSIGN_OR_RETURN(auto residual, convolution("attention.filter_fn2"));
  GANNET_ASSIGN_OR_RETURN(auto out, LoadLinear(checkpoint, name("attention.out_linear"), d, d,
                                               Bias::kPresent, options));
  GANNET_ASSIGN_OR_RETURN(
      auto gated, BlockDiagonal::Load(checkpoint, name("mlp.gated_layers"), config.blocks, d,
                                      2 * intermediate, Bias::kAbsent, options));
  GANNET_ASSIGN_OR_RETURN(auto wo, BlockDiagonal::Load(checkpoint, name("mlp.wo"), config.blocks,
                                                       intermediate, d, Bias::kPresent, options));
  GANNET_ASSIGN_OR_RETURN(
      auto norm, LayerNorm::Load(checkpoint, name("mlp.layernorm"), d, config.norm_epsilon));
  return M2BertLayer{std::move(in),  std::move(short_conv), std::move(conv), std::move(residual),
                     std::move(out), std::move(gated),      std::move(wo),   std::move(norm)};
}

class M2Bert final : public Model {
 public:
  M2Bert(const M2BertConfig& config, size_t length, TokenEmbedding embedding,
         std::vector<M2BertLayer> layers)
      : Model({.vocabulary = config.embedding.vocabulary,
               .positions = length,
               .hidden = config.hidden,
               .layers = config.layers}),
        plan_(length),
        embedding_(std::move(embedding)),
        layers_(std::move(layers)) {}

  void Run(const PackedBatch& batch, base::ThreadPool* pool, const RunOptions& options,
           std::vector<float>& hidden) const override;

 private:
  // Matrices of one padded sequence of L rows.
  struct Buffers {
    PackedBatch batch;
    std::vector<float> h;  // [L, d]
    std::vector<float> v;  // [L, d]
    std::vector<float> y;  // [L, d]
  };
  // Of a tile of rows.
  struct TileBuffers {
    std::vector<float> u;        // [history + rows, 3d]
    std::vector<float> conv;     // [rows, 3d]
    std::vector<float> a;        // [rows, d]
    std::vector<float> gate_up;  // [rows, 2I]
    std::vector<float> gated;    // [rows, I]
    std::vector<float> mlp;      // [rows, d]
    BlockDiagonal::Buffers blocks;
  };

  size_t length() const { return plan_.length(); }
  void Mix(const M2BertLayer& layer, base::ThreadPool* pool, Buffers& buffers) const;
  void Gate(const M2BertLayer& layer, size_t first, size_t rows, Buffers& buffers) const;
  void FeedForward(const M2BertLayer& layer, size_t first, size_t rows, Buffers& buffers) const;

  const kernels::LongConvPlan plan_;
  const TokenEmbedding embedding_;
  const std::vector<M2BertLayer> layers_;
  mutable base::ObjectPool<Buffers> buffers_;
  mutable base::ObjectPool<TileBuffers> tiles_;
};

// [x₁ | x₂ | v] = short_conv(h W_in + b);  v := v ⊙ x₁, and y = x₂ until the convolution comes
void M2Bert::Gate(const M2BertLayer& layer, size_t first, size_t rows, Buffers& buffers) const {
  const size_t d = dimensions().hidden;
  const size_t before = std::min(first, layer.short_conv.history());  // Computed once more.
  const auto tile = tiles_.Take();
  tile->u.resize((before + rows) * 3 * d);
  tile->conv.resize(rows * 3 * d);
  layer.in.Apply(&buffers.h[(first - before) * d], before + rows, tile->u.data());
  const SequenceChunk chunk{rows, {{.first = 0, .rows = rows, .position = first}}};
  layer.short_conv.Apply(chunk, &tile->u[before * 3 * d], 3 * d, 0, rows, tile->conv.data());
  for (size_t r = 0; r < rows; ++r) {
    const float* const x1 = &tile->conv[r * 3 * d];
    float* const v = &buffers.v[(first + r) * d];
    std::copy_n(x1 + 2 * d, d, v);
    kernels::Multiply({x1, d}, v);
    std::copy_n(x1 + d, d, &buffers.y[(first + r) * d]);
  }
}

// a = y W_out + b;  h = LN(W_o (gelu(g) ⊙ u) + b + a) with [g | u] = W_gated a, both block-diagonal
void M2Bert::FeedForward(const M2BertLayer& layer, size_t first, size_t rows,
                         Buffers& buffers) const {
  const size_t d = dimensions().hidden, intermediate = layer.wo.inputs();
  const auto tile = tiles_.Take();
  tile->a.resize(rows * d);
  tile->gate_up.resize(rows * 2 * intermediate);
  tile->gated.resize(rows * intermediate);
  tile->mlp.resize(rows * d);
  layer.out.Apply(&buffers.y[first * d], rows, tile->a.data());
  layer.gated.Apply(tile->a.data(), rows, tile->blocks, tile->gate_up.data());
  kernels::GatedRows(kernels::Gelu, tile->gate_up.data(), rows, intermediate, tile->gated.data());
  layer.wo.Apply(tile->gated.data(), rows, tile->blocks, tile->mlp.data());
  layer.norm.Apply(tile->mlp.data(), tile->a.data(), rows, &buffers.h[first * d]);
}

// One layer: y = x₂ ⊙ conv(v ⊙ x₁) + conv₂(h), and what follows it.
void M2Bert::Mix(const M2BertLayer& layer, base::ThreadPool* pool, Buffers& buffers) const {
  const size_t tile = kernels::PackedLinear::kMaxRows - layer.short_conv.history();
  ForEach((length() + tile - 1) / tile, pool,
          [&](size_t i) { Gate(layer, i * tile, std::min(tile, length() - i * tile), buffers); });
  layer.conv.Apply(plan_, buffers.v.data(), kernels::ConvOutput::kMultiply, pool, buffers.y.data());
  layer.residual.Apply(plan_, buffers.h.data(), kernels::ConvOutput::kAdd, pool, buffers.y.data());
  ForEachTile(length(), pool,
              [&](size_t first, size_t rows) { FeedForward(layer, first, rows, buffers); });
}

void M2Bert::Run(const PackedBatch& batch, base::ThreadPool* pool, const RunOptions& options,
                 std::vector<float>& hidden) const {
  const size_t d = dimensions().hidden, end = std::min(options.layers, layers_.size());
  const bool all = options.output == SequenceRows::kAll;
  hidden.resize((all ? batch.rows() : batch.sequences()) * d);
  std::vector<std::vector<float>> seen;
  if (options.on_layer) seen.assign(end + 1, std::vector<float>(batch.rows() * d));
  const auto buffers = buffers_.Take();
  for (std::vector<float>* matrix : {&buffers->h, &buffers->v, &buffers->y}) {
    matrix->resize(length() * d);
  }
  for (size_t s = 0; s < batch.sequences(); ++s) {
    const size_t first = batch.offsets[s], rows = batch.length(s);
    std::vector<TokenId> ids(length(), kPadding);
    std::copy_n(&batch.ids[first], rows, ids.begin());
    buffers->batch.Clear();
    buffers->batch.Append(ids, std::vector<uint8_t>(length()));
    embedding_.Apply(buffers->batch, pool, buffers->h.data());
    for (size_t l = 0; l <= end; ++l) {
      if (l > 0) Mix(layers_[l - 1], pool, *buffers);
      if (options.on_layer) std::copy_n(buffers->h.begin(), rows * d, &seen[l][first * d]);
    }
    const size_t row = all ? 0 : batch.RowOf(s, options.output) - first;
    std::copy_n(&buffers->h[row * d], (all ? rows : 1) * d, &hidden[(all ? first : s) * d]);
  }
  for (size_t l = 0; l < seen.size(); ++l) options.on_layer(l, seen[l]);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadM2BertPaddedTo(size_t length,
                                                                const std::filesystem::path& folder,
                                                                const ConfigFile& file,
                                                                const ModelOptions& options) {
  if (options.temperature != 1) {
    return absl::InvalidArgumentError(fmt::format("{}: temperature {}: the model has no attention",
                                                  file.path().string(), options.temperature));
  }
  GANNET_ASSIGN_OR_RETURN(const M2BertConfig config, M2BertConfig::Read(file));
  if (length == 0 || length > config.filter.longest) {
    return file.Error("long_conv_l_max", fmt::format("{} is below the {} to be padded to",
                                                     config.filter.longest, length));
  }
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  checkpoint.UsePrefix("embeddings.word_embeddings.weight", {"", "bert."});
  GANNET_ASSIGN_OR_RETURN(TokenEmbedding embedding,
                          TokenEmbedding::Load(checkpoint, config.embedding));
  const auto workspace = std::make_shared<LongConvolution::Workspace>(kMostSpectrumBytes);
  std::vector<M2BertLayer> layers;
  for (size_t i = 0; i < config.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(M2BertLayer layer,
                            M2BertLayer::Load(checkpoint, config, options, workspace, i));
    layers.push_back(std::move(layer));
  }
  return std::make_unique<const M2Bert>(config, length, std::move(embedding), std::move(layers));
}

absl::StatusOr<std::unique_ptr<const Model>> LoadM2Bert(const std::filesystem::path& folder,
                                                        const ConfigFile& file,
                                                        const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const size_t longest, file.Size("long_conv_l_max"));
  return LoadM2BertPaddedTo(longest, folder, file, options);
}

}  // namespace gannet::encoder
