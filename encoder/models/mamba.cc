#include "encoder/models/mamba.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/layers/causal_conv.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/row_tiles.h"
#include "encoder/layers/selective_scan.h"
#include "encoder/layers/shared_linear.h"
#include "encoder/models/state_space_model.h"

namespace gannet::encoder {
namespace {

struct MambaConfig {
  StateSpaceConfig shape;
  size_t dt_rank = 0;  // r
  // FalconMamba: ε of the norms of Δ, B and C.
  std::optional<double> selection_epsilon = std::nullopt;

  static absl::StatusOr<MambaConfig> Read(const ConfigFile& file, const ModelOptions& options);
};

absl::StatusOr<MambaConfig> MambaConfig::Read(const ConfigFile& file, const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(StateSpaceConfig shape, StateSpaceConfig::Read(file, 16, options));
  MambaConfig config{.shape = std::move(shape)};
  const std::string_view field = config.shape.state_spaces ? "dt_rank" : "time_step_rank";
  const ConfigFile& mixer = config.shape.mixer;
  const size_t automatic = (config.shape.hidden + 15) / 16;
  const auto name = mixer.StringOr(field, "");  // "auto", or a number.
  if (name.ok() && *name == "auto") {
    config.dt_rank = automatic;
  } else {
    GANNET_ASSIGN_OR_RETURN(config.dt_rank, mixer.SizeOr(field, automatic));
  }
  GANNET_ASSIGN_OR_RETURN(const std::string type, file.StringOr("model_type", "mamba"));
  if (type == "falcon_mamba") {
    GANNET_ASSIGN_OR_RETURN(config.selection_epsilon, file.NumberOr("mixer_rms_eps", 1e-6));
  }
  return config;
}

struct MambaLayer {
  kernels::PackedLinear in;      // W_in, [2 d_inner, d]
  CausalConv conv;               // [d_inner]
  kernels::PackedLinear x;       // W_x, [r + 2n, d_inner]
  kernels::PackedLinear dt;      // W_dt and b_dt, [d_inner, r]
  kernels::ScanParameters scan;  // A and D
  kernels::PackedLinear out;     // W_out, [d, d_inner]

  static absl::StatusOr<MambaLayer> Load(const Checkpoint& checkpoint, const MambaConfig& config,
                                         const ModelOptions& options, size_t index);
};

absl::StatusOr<kernels::ScanParameters> LoadScan(const Checkpoint& checkpoint,
                                                 const StateSpaceConfig& shape,
                                                 const std::string& prefix) {
  GANNET_ASSIGN_OR_RETURN(std::vector<float> a, checkpoint.Floats(fmt::format("{}.A_log", prefix),
                                                                  {shape.inner, shape.states}));
  for (float& v : a) v = -std::exp(v);
  GANNET_ASSIGN_OR_RETURN(const std::vector<float> d,
                          checkpoint.Floats(fmt::format("{}.D", prefix), {shape.inner}));
  return kernels::ScanParameters::OfStates(a, d, shape.states);
}

absl::StatusOr<MambaLayer> MambaLayer::Load(const Checkpoint& checkpoint, const MambaConfig& config,
                                            const ModelOptions& options, size_t index) {
  const StateSpaceConfig& shape = config.shape;
  const std::string prefix = fmt::format("layers.{}.mixer", index);
  const auto name = [&](std::string_view part) { return fmt::format("{}.{}", prefix, part); };
  // What drives the scan stays in fp32: errors of Δ, B and C add up over the sequence.
  ModelOptions exact = options;
  exact.precision = Precision::kFp32;
  GANNET_ASSIGN_OR_RETURN(auto in, LoadLinear(checkpoint, name("in_proj"), shape.hidden,
                                              2 * shape.inner, shape.projection_bias, options));
  GANNET_ASSIGN_OR_RETURN(auto conv, CausalConv::Load(checkpoint, name("conv1d"), shape.inner,
                                                      shape.taps, shape.conv_bias));
  GANNET_ASSIGN_OR_RETURN(
      auto x, LoadLinear(checkpoint, name("x_proj"), shape.inner, config.dt_rank + 2 * shape.states,
                         Bias::kAbsent, exact));
  GANNET_ASSIGN_OR_RETURN(auto dt, LoadLinear(checkpoint, name("dt_proj"), config.dt_rank,
                                              shape.inner, Bias::kPresent, exact));
  GANNET_ASSIGN_OR_RETURN(auto scan, LoadScan(checkpoint, shape, prefix));
  GANNET_ASSIGN_OR_RETURN(auto out, LoadLinear(checkpoint, name("out_proj"), shape.inner,
                                               shape.hidden, shape.projection_bias, options));
  return MambaLayer{std::move(in), std::move(conv), std::move(x),
                    std::move(dt), std::move(scan), std::move(out)};
}

class Mamba final : public StateSpaceModel {
 public:
  Mamba(StateSpaceParts parts, const MambaConfig& config, std::vector<MambaLayer> layers)
      : StateSpaceModel(std::move(parts)),
        inner_(config.shape.inner),
        states_(config.shape.states),
        dt_rank_(config.dt_rank),
        selection_epsilon_(config.selection_epsilon),
        ones_(std::max(dt_rank_, states_), 1.0F),
        layers_(std::move(layers)) {}

 private:
  // Matrices of a chunk.
  struct Buffers {
    std::vector<float> uz;     // [history + rows, 2 d_inner]
    std::vector<float> conv;   // c, [rows, d_inner]
    std::vector<float> delta;  // Δ, [rows, d_inner]
    std::vector<float> b;      // [rows, n]
    std::vector<float> c;      // [rows, n]
    std::vector<float> y;      // [rows, d_inner]

    void Resize(size_t history, size_t rows, size_t inner, size_t states) {
      uz.resize((history + rows) * 2 * inner);
      for (std::vector<float>* wide : {&conv, &delta, &y}) wide->resize(rows * inner);
      for (std::vector<float>* narrow : {&b, &c}) narrow->resize(rows * states);
    }
  };
  // Of a tile.
  struct Selection {
    std::vector<float> all;   // [δ̂ | B | C], [rows, r + 2n]
    std::vector<float> rank;  // δ̂, [rows, r]
  };

  void Mix(size_t index, const SequenceChunk& chunk, const float* h, base::ThreadPool* pool,
           MixerState& state, float* x) const override;
  void Select(const MambaLayer& layer, size_t first, size_t rows, base::ThreadPool* pool,
              Buffers& buffers) const;
  void Normalize(size_t rows, size_t size, float* values) const {
    if (!selection_epsilon_) return;
    kernels::RmsNorm(values, rows, std::span(ones_).first(size),
                     static_cast<float>(*selection_epsilon_), values);
  }

  const size_t inner_;
  const size_t states_;
  const size_t dt_rank_;
  const std::optional<double> selection_epsilon_;
  const std::vector<float> ones_;
  const std::vector<MambaLayer> layers_;
  mutable base::ObjectPool<Buffers> buffers_;
  mutable base::ObjectPool<Selection> selections_;
};

// [δ̂|B|C] = c W_xᵀ;  Δ = softplus(δ̂ W_dtᵀ + b_dt)
void Mamba::Select(const MambaLayer& layer, size_t first, size_t rows, base::ThreadPool* pool,
                   Buffers& buffers) const {
  const auto selection = selections_.Take();
  const size_t width = layer.x.outputs();
  selection->all.resize(rows * width);
  selection->rank.resize(rows * dt_rank_);
  ApplyShared(layer.x, &buffers.conv[first * inner_], rows, pool, selection->all.data());
  float* const b = &buffers.b[first * states_];
  float* const c = &buffers.c[first * states_];
  for (size_t r = 0; r < rows; ++r) {
    const float* row = &selection->all[r * width];
    std::copy_n(row, dt_rank_, &selection->rank[r * dt_rank_]);
    std::copy_n(row + dt_rank_, states_, b + r * states_);
    std::copy_n(row + dt_rank_ + states_, states_, c + r * states_);
  }
  Normalize(rows, dt_rank_, selection->rank.data());
  Normalize(rows, states_, b);
  Normalize(rows, states_, c);
  ApplyShared(layer.dt, selection->rank.data(), rows, pool, &buffers.delta[first * inner_],
              kernels::Softplus);
}

void Mamba::Mix(size_t index, const SequenceChunk& chunk, const float* h, base::ThreadPool* pool,
                MixerState& state, float* x) const {
  const MambaLayer& layer = layers_[index];
  const size_t d = dimensions().hidden, width = 2 * inner_, history = layer.conv.history();
  state.conv.resize(history * inner_);
  state.scan.resize(layer.scan.state_size());
  const auto buffers = buffers_.Take();
  buffers->Resize(history, chunk.rows, inner_, states_);
  float* const u = buffers->uz.data() + history * width;  // [u|z] of row 0.
  for (size_t r = 0; r < history; ++r) {
    std::copy_n(&state.conv[r * inner_], inner_, &buffers->uz[r * width]);
  }

  // [u|z] = h W_inᵀ
  ForEachSharedTile(chunk.rows, pool, [&](size_t first, size_t rows, base::ThreadPool* of_tile) {
    ApplyShared(layer.in, h + first * d, rows, of_tile, u + first * width);
  });
  // c = silu(conv(u))
  ForEachSharedTile(chunk.rows, pool, [&](size_t first, size_t rows, base::ThreadPool* of_tile) {
    float* const c = &buffers->conv[first * inner_];
    layer.conv.Apply(chunk, u, width, first, rows, c);
    kernels::Silu({c, rows * inner_});
    Select(layer, first, rows, of_tile, *buffers);
  });
  // y = (scan(c; Δ, A, B, C) + D c) ⊙ silu(z)
  ScanChunk(layer.scan, chunk,
            {.x = {buffers->conv.data(), inner_},
             .delta = {buffers->delta.data(), inner_},
             .b = {buffers->b.data(), states_},
             .c = {buffers->c.data(), states_},
             .gate = {u + inner_, width}},
            pool, state.scan.data(), buffers->y.data(), inner_);
  // x = y W_outᵀ
  ForEachSharedTile(chunk.rows, pool, [&](size_t first, size_t rows, base::ThreadPool* of_tile) {
    ApplyShared(layer.out, &buffers->y[first * inner_], rows, of_tile, x + first * d);
  });

  for (size_t r = 0; r < history; ++r) {
    std::copy_n(&buffers->uz[(chunk.rows + r) * width], inner_, &state.conv[r * inner_]);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> LoadMamba(const std::filesystem::path& folder,
                                                       const ConfigFile& file,
                                                       const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(const MambaConfig config, MambaConfig::Read(file, options));
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  GANNET_ASSIGN_OR_RETURN(StateSpaceParts parts, StateSpaceParts::Load(checkpoint, config.shape));
  std::vector<MambaLayer> layers;
  for (size_t i = 0; i < config.shape.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(MambaLayer layer, MambaLayer::Load(checkpoint, config, options, i));
    layers.push_back(std::move(layer));
  }
  return std::make_unique<const Mamba>(std::move(parts), config, std::move(layers));
}

}  // namespace gannet::encoder
