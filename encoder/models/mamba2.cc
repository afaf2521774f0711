#include "encoder/models/mamba2.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/layers/causal_conv.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/row_tiles.h"
#include "encoder/layers/selective_scan.h"
#include "encoder/layers/shared_linear.h"
#include "encoder/models/state_space_model.h"

namespace gannet::encoder {
namespace {

struct Mamba2Config {
  StateSpaceConfig shape;
  size_t heads = 0;      // H
  size_t head_dim = 0;   // P
  size_t groups = 0;     // G: heads of one group share B and C.
  float least_step = 0;  // Bounds of Δ.
  float most_step = std::numeric_limits<float>::infinity();

  static absl::StatusOr<Mamba2Config> Read(const ConfigFile& file, const ModelOptions& options);

  size_t conv_channels() const { return shape.inner + 2 * groups * shape.states; }
};

absl::Status ReadStepLimits(const ConfigFile& mixer, Mamba2Config& config) {
  const std::string_view field = config.shape.state_spaces ? "dt_limit" : "time_step_limit";
  GANNET_ASSIGN_OR_RETURN(const std::vector<double> limits, mixer.NumberList(field));
  if (limits.empty()) return absl::OkStatus();
  if (limits.size() != 2 || !(limits[0] >= 0) || !(limits[1] >= limits[0])) {
    return mixer.Error(field, "expected two numbers, 0 <= least <= most");
  }
  config.least_step = static_cast<float>(limits[0]);
  config.most_step = static_cast<float>(limits[1]);
  return absl::OkStatus();
}

absl::StatusOr<Mamba2Config> Mamba2Config::Read(const ConfigFile& file,
                                                const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(StateSpaceConfig shape, StateSpaceConfig::Read(file, 128, options));
  Mamba2Config config{.shape = std::move(shape)};
  const ConfigFile& mixer = config.shape.mixer;
  const bool state_spaces = config.shape.state_spaces;
  const std::string_view heads = "num_heads";
  const std::string_view head_dim = state_spaces ? "headdim" : "head_dim";
  const std::string_view groups = state_spaces ? "ngroups" : "n_groups";
  GANNET_RETURN_IF_ERROR(ExpectFlag(mixer, "norm_before_gate", false));
  GANNET_RETURN_IF_ERROR(ExpectFlag(mixer, "D_has_hdim", false));
  GANNET_RETURN_IF_ERROR(ExpectFlag(mixer, "rms_norm", true));
  GANNET_ASSIGN_OR_RETURN(config.head_dim, mixer.SizeOr(head_dim, 64));
  if (config.shape.inner % config.head_dim != 0) {
    return mixer.Error(head_dim, fmt::format("{} does not divide the {} inner channels",
                                             config.head_dim, config.shape.inner));
  }
  GANNET_ASSIGN_OR_RETURN(config.heads, mixer.SizeOr(heads, config.shape.inner / config.head_dim));
  if (config.heads * config.head_dim != config.shape.inner) {
    return mixer.Error(heads, fmt::format("{} heads of {} are not the {} inner channels",
                                          config.heads, config.head_dim, config.shape.inner));
  }
  GANNET_ASSIGN_OR_RETURN(config.groups, mixer.SizeOr(groups, state_spaces ? 1 : 8));
  if (config.heads % config.groups != 0) {
    return mixer.Error(groups,
                       fmt::format("{} does not divide the {} heads", config.groups, config.heads));
  }
  GANNET_RETURN_IF_ERROR(ReadStepLimits(mixer, config));
  return config;
}

struct Mamba2Layer {
  kernels::PackedLinear in;                   // [z | x | B | C | dt], [2 d_inner + 2 G n + H, d]
  CausalConv conv;                            // Over [x | B | C].
  std::vector<float> dt_bias;                 // [H]
  std::vector<kernels::ScanParameters> scan;  // A and D of each group, by channels.
  RmsNorm norm;                               // [d_inner]
  kernels::PackedLinear out;                  // W_out, [d, d_inner]

  static absl::StatusOr<Mamba2Layer> Load(const Checkpoint& checkpoint, const Mamba2Config& config,
                                          const ModelOptions& options, size_t index);
};

// A and D of a head hold for each of its channels.
absl::StatusOr<std::vector<kernels::ScanParameters>> LoadScan(const Checkpoint& checkpoint,
                                                              const Mamba2Config& config,
                                                              const std::string& prefix) {
  GANNET_ASSIGN_OR_RETURN(const std::vector<float> a_log,
                          checkpoint.Floats(fmt::format("{}.A_log", prefix), {config.heads}));
  GANNET_ASSIGN_OR_RETURN(const std::vector<float> d_of_head,
                          checkpoint.Floats(fmt::format("{}.D", prefix), {config.heads}));
  std::vector<kernels::ScanParameters> groups;
  const size_t channels = config.shape.inner / config.groups;
  for (size_t g = 0; g < config.groups; ++g) {
    std::vector<float> a(channels), d(channels);
    for (size_t c = 0; c < channels; ++c) {
      const size_t head = (g * channels + c) / config.head_dim;
      a[c] = -std::exp(a_log[head]);
      d[c] = d_of_head[head];
    }
    groups.push_back(kernels::ScanParameters::OfChannels(a, d, config.shape.states));
  }
  return groups;
}

absl::StatusOr<Mamba2Layer> Mamba2Layer::Load(const Checkpoint& checkpoint,
                                              const Mamba2Config& config,
                                              const ModelOptions& options, size_t index) {
  const StateSpaceConfig& shape = config.shape;
  const std::string prefix = fmt::format("layers.{}.mixer", index);
  const auto name = [&](std::string_view part) { return fmt::format("{}.{}", prefix, part); };
  GANNET_ASSIGN_OR_RETURN(auto in, LoadLinear(checkpoint, name("in_proj"), shape.hidden,
                                              shape.inner + config.conv_channels() + config.heads,
                                              shape.projection_bias, options));
  GANNET_ASSIGN_OR_RETURN(
      auto conv, CausalConv::Load(checkpoint, name("conv1d"), config.conv_channels(), shape.taps,
                                  shape.conv_bias));
  GANNET_ASSIGN_OR_RETURN(auto dt_bias, checkpoint.Floats(name("dt_bias"), {config.heads}));
  GANNET_ASSIGN_OR_RETURN(auto scan, LoadScan(checkpoint, config, prefix));
  GANNET_ASSIGN_OR_RETURN(auto norm, RmsNorm::Load(checkpoint, name("norm"), shape.inner,
                                                   shape.norm_epsilon, RmsNorm::Form::kScale));
  GANNET_ASSIGN_OR_RETURN(auto out, LoadLinear(checkpoint, name("out_proj"), shape.inner,
                                               shape.hidden, shape.projection_bias, options));
  return Mamba2Layer{std::move(in),   std::move(conv), std::move(dt_bias),
                     std::move(scan), std::move(norm), std::move(out)};
}

class Mamba2 final : public StateSpaceModel {
 public:
  Mamba2(StateSpaceParts parts, const Mamba2Config& config, std::vector<Mamba2Layer> layers)
      : StateSpaceModel(std::move(parts)), config_(config), layers_(std::move(layers)) {}

 private:
  // Matrices of a chunk.
  struct Buffers {
    std::vector<float> zxbcdt;  // [history + rows, 2 d_inner + 2 G n + H]
    std::vector<float> xbc;     // silu(conv([x | B | C])), [rows, d_inner + 2 G n]
    std::vector<float> delta;   // Δ of each head, for each of its channels, [rows, d_inner]
    std::vector<float> y;       // [rows, d_inner]
  };

  void Mix(size_t index, const SequenceChunk& chunk, const float* h, base::ThreadPool* pool,
           MixerState& state, float* x) const override;
  void Steps(const Mamba2Layer& layer, const float* dt, float* delta) const;
  void NormalizeGroups(const Mamba2Layer& layer, size_t rows, float* y) const;

  const Mamba2Config config_;
  const std::vector<Mamba2Layer> layers_;
  mutable base::ObjectPool<Buffers> buffers_;
};

// Δ = clamp(softplus(dt + dt_bias)) of one row; dt is [H], delta is [d_inner].
void Mamba2::Steps(const Mamba2Layer& layer, const float* dt, float* delta) const {
  float* const last = delta + config_.shape.inner - config_.heads;  // Written over from the front.
  std::copy_n(dt, config_.heads, last);
  kernels::Add(layer.dt_bias, last);
  kernels::Softplus({last, config_.heads});
  for (size_t h = 0; h < config_.heads; ++h) {
    const float step = std::clamp(last[h], config_.least_step, config_.most_step);
    std::fill_n(delta + h * config_.head_dim, config_.head_dim, step);
  }
}

// y := RMSNorm(y) w, over the channels of each group by itself.
void Mamba2::NormalizeGroups(const Mamba2Layer& layer, size_t rows, float* y) const {
  const size_t size = config_.shape.inner / config_.groups;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t g = 0; g < config_.groups; ++g) {
      float* const part = y + r * config_.shape.inner + g * size;
      kernels::RmsNorm(part, 1, std::span(layer.norm.gamma).subspan(g * size, size),
                       layer.norm.epsilon, part);
    }
  }
}

void Mamba2::Mix(size_t index, const SequenceChunk& chunk, const float* h, base::ThreadPool* pool,
                 MixerState& state, float* out) const {
  const Mamba2Layer& layer = layers_[index];
  const size_t d = dimensions().hidden, inner = config_.shape.inner, n = config_.shape.states;
  const size_t width = layer.in.outputs(), conv_width = config_.conv_channels();
  const size_t history = layer.conv.history(), group = inner / config_.groups;
  state.conv.resize(history * conv_width);
  state.scan.resize(config_.groups * layer.scan[0].state_size());
  const auto buffers = buffers_.Take();
  buffers->zxbcdt.resize((history + chunk.rows) * width);
  buffers->xbc.resize(chunk.rows * conv_width);
  buffers->delta.resize(chunk.rows * inner);
  buffers->y.resize(chunk.rows * inner);
  float* const z = buffers->zxbcdt.data() + history * width;  // [z | x | B | C | dt] of row 0.
  float* const xbc = z + inner;
  for (size_t r = 0; r < history; ++r) {
    std::copy_n(&state.conv[r * conv_width], conv_width, &buffers->zxbcdt[r * width + inner]);
  }

  // [z | x | B | C | dt] = h W_inᵀ
  ForEachSharedTile(chunk.rows, pool, [&](size_t first, size_t rows, base::ThreadPool* of_tile) {
    ApplyShared(layer.in, h + first * d, rows, of_tile, z + first * width);
  });
  // [x | B | C] := silu(conv([x | B | C]));  Δ = clamp(softplus(dt + dt_bias))
  ForEachTile(chunk.rows, pool, [&](size_t first, size_t rows) {
    float* const conv = &buffers->xbc[first * conv_width];
    layer.conv.Apply(chunk, xbc, width, first, rows, conv);
    kernels::Silu({conv, rows * conv_width});
    for (size_t r = first; r < first + rows; ++r) {
      Steps(layer, xbc + r * width + conv_width, &buffers->delta[r * inner]);
    }
  });
  // y = (scan(x; Δ, A, B, C) + D x) ⊙ silu(z), for each group with its own B and C
  for (size_t g = 0; g < config_.groups; ++g) {
    const float* const x = buffers->xbc.data();
    ScanChunk(layer.scan[g], chunk,
              {.x = {x + g * group, conv_width},
               .delta = {&buffers->delta[g * group], inner},
               .b = {x + inner + g * n, conv_width},
               .c = {x + inner + (config_.groups + g) * n, conv_width},
               .gate = {z + g * group, width}},
              pool, &state.scan[g * layer.scan[g].state_size()], &buffers->y[g * group], inner);
  }
  // out = RMSNorm(y) W_outᵀ
  ForEachSharedTile(chunk.rows, pool, [&](size_t first, size_t rows, base::ThreadPool* of_tile) {
    float* const y = &buffers->y[first * inner];
    NormalizeGroups(layer, rows, y);
    ApplyShared(layer.out, y, rows, of_tile, out + first * d);
  });

  for (size_t r = 0; r < history; ++r) {
    std::copy_n(&buffers->zxbcdt[(chunk.rows + r) * width + inner], conv_width,
                &state.conv[r * conv_width]);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadMamba2(const std::filesystem::path& folder,
                                                        const ConfigFile& file,
                                                        const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const Mamba2Config config, Mamba2Config::Read(file, options));
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  GANNET_ASSIGN_OR_RETURN(StateSpaceParts parts, StateSpaceParts::Load(checkpoint, config.shape));
  std::vector<Mamba2Layer> layers;
  for (size_t i = 0; i < config.shape.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(Mamba2Layer layer, Mamba2Layer::Load(checkpoint, config, options, i));
    layers.push_back(std::move(layer));
  }
  return std::make_unique<const Mamba2>(std::move(parts), config, std::move(layers));
}

}  // namespace gannet::encoder
