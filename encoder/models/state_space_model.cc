#include "encoder/models/state_space_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {
namespace {

// Rows that go through all layers together: enough to use each weight well while it is in the
// cache, few enough that memory stays small.
constexpr size_t kChunkRows = 512;

absl::StatusOr<StateSpaceConfig> ReadHuggingFace(const ConfigFile& file, size_t absent_states) {
  GANNET_RETURN_IF_ERROR(ExpectName(file, "hidden_act", "silu"));
  StateSpaceConfig config{.mixer = file};
  GANNET_ASSIGN_OR_RETURN(config.vocabulary, file.Size("vocab_size"));
  GANNET_ASSIGN_OR_RETURN(config.hidden, file.Size("hidden_size"));
  GANNET_ASSIGN_OR_RETURN(config.layers, file.Size("num_hidden_layers"));
  GANNET_ASSIGN_OR_RETURN(config.states, file.SizeOr("state_size", absent_states));
  GANNET_ASSIGN_OR_RETURN(config.taps, file.SizeOr("conv_kernel", 4));
  GANNET_ASSIGN_OR_RETURN(config.norm_epsilon, file.NumberOr("layer_norm_epsilon", 1e-5));
  GANNET_ASSIGN_OR_RETURN(const size_t expand, file.SizeOr("expand", 2));
  GANNET_ASSIGN_OR_RETURN(config.inner, file.SizeOr("intermediate_size", expand * config.hidden));
  GANNET_ASSIGN_OR_RETURN(const bool projection_bias, file.BoolOr("use_bias", false));
  GANNET_ASSIGN_OR_RETURN(const bool conv_bias, file.BoolOr("use_conv_bias", true));
  config.projection_bias = projection_bias ? Bias::kPresent : Bias::kAbsent;
  config.conv_bias = conv_bias ? Bias::kPresent : Bias::kAbsent;
  return config;
}

absl::StatusOr<StateSpaceConfig> ReadStateSpaces(const ConfigFile& file, size_t absent_states) {
  GANNET_RETURN_IF_ERROR(ExpectFlag(file, "rms_norm", true));
  if (file.Has("d_intermediate")) {
    GANNET_ASSIGN_OR_RETURN(const double mlp, file.Number("d_intermediate"));
    if (mlp != 0) return file.Error("d_intermediate", fmt::format("{}, expected 0: no MLP", mlp));
  }
  // Real files keep the mixer's fields in ssm_cfg, which may be empty.
  GANNET_ASSIGN_OR_RETURN(ConfigFile mixer,
                          file.Has("ssm_cfg") ? file.Object("ssm_cfg") : ConfigFile(file));
  StateSpaceConfig config{.state_spaces = true, .mixer = std::move(mixer)};
  GANNET_ASSIGN_OR_RETURN(const size_t vocabulary, file.Size("vocab_size"));
  GANNET_ASSIGN_OR_RETURN(const size_t multiple, file.SizeOr("pad_vocab_size_multiple", 8));
  config.vocabulary = (vocabulary + multiple - 1) / multiple * multiple;
  GANNET_ASSIGN_OR_RETURN(config.hidden, file.Size("d_model"));
  GANNET_ASSIGN_OR_RETURN(config.layers, file.Size("n_layer"));
  GANNET_ASSIGN_OR_RETURN(config.states, config.mixer.SizeOr("d_state", absent_states));
  GANNET_ASSIGN_OR_RETURN(config.taps, config.mixer.SizeOr("d_conv", 4));
  GANNET_ASSIGN_OR_RETURN(config.norm_epsilon, file.NumberOr("norm_epsilon", 1e-5));
  GANNET_ASSIGN_OR_RETURN(const size_t expand, config.mixer.SizeOr("expand", 2));
  config.inner = expand * config.hidden;
  return config;
}

}  // namespace

absl::StatusOr<StateSpaceConfig> StateSpaceConfig::Read(const ConfigFile& file,
                                                        size_t absent_states,
                                                        const ModelOptions& options) {
  if (options.temperature != 1) {
    return absl::InvalidArgumentError(fmt::format("{}: temperature {}: the model has no attention",
                                                  file.path().string(), options.temperature));
  }
  GANNET_RETURN_IF_ERROR(ExpectFlag(file, "residual_in_fp32", true));
  return file.Has("d_model") ? ReadStateSpaces(file, absent_states)
                             : ReadHuggingFace(file, absent_states);
}

absl::StatusOr<StateSpaceParts> StateSpaceParts::Load(Checkpoint& checkpoint,
                                                      const StateSpaceConfig& config) {
  checkpoint.UsePrefix("norm_f.weight", {"", "backbone."});
  StateSpaceParts parts{.dimensions = {.vocabulary = config.vocabulary,
                                       .hidden = config.hidden,
                                       .layers = config.layers}};
  const std::string_view table =
      checkpoint.Has("embeddings.weight") ? "embeddings.weight" : "embedding.weight";
  GANNET_ASSIGN_OR_RETURN(parts.words,
                          checkpoint.Floats(table, {config.vocabulary, config.hidden}));
  const auto norm = [&](std::string_view name) {
    return RmsNorm::Load(checkpoint, name, config.hidden, config.norm_epsilon,
                         RmsNorm::Form::kScale);
  };
  for (size_t i = 0; i < config.layers; ++i) {
    GANNET_ASSIGN_OR_RETURN(RmsNorm of_layer, norm(fmt::format("layers.{}.norm", i)));
    parts.norms.push_back(std::move(of_layer));
  }
  GANNET_ASSIGN_OR_RETURN(parts.final_norm, norm("norm_f"));
  return parts;
}

void StateSpaceModel::RunChunk(const PackedBatch& batch, const SequenceChunk& chunk, size_t first,
                               base::ThreadPool* pool, const RunOptions& options,
                               Buffers& buffers) const {
  const size_t d = dimensions().hidden, size = chunk.rows * d;
  buffers.residual.resize(size);
  buffers.normed.resize(size);
  buffers.mixed.resize(size);
  buffers.states.resize(parts_.norms.size());
  for (size_t row = 0; row < chunk.rows; ++row) {
    const auto id = static_cast<size_t>(batch.ids[first + row]);
    std::copy_n(&parts_.words[id * d], d, &buffers.residual[row * d]);
  }
  if (options.on_layer) options.on_layer(0, buffers.residual);
  for (size_t l = 0; l < std::min(options.layers, parts_.norms.size()); ++l) {
    ForEachTile(chunk.rows, pool, [&](size_t tile, size_t rows) {
      parts_.norms[l].Apply(&buffers.residual[tile * d], rows, &buffers.normed[tile * d]);
    });
    Mix(l, chunk, buffers.normed.data(), pool, buffers.states[l], buffers.mixed.data());
    const bool last = l + 1 == parts_.norms.size();
    ForEachTile(chunk.rows, pool, [&](size_t tile, size_t rows) {
      float* const r = &buffers.residual[tile * d];
      kernels::Add({&buffers.mixed[tile * d], rows * d}, r);
      if (last) parts_.final_norm.Apply(r, rows, r);
    });
    if (options.on_layer) options.on_layer(l + 1, buffers.residual);
  }
}

void StateSpaceModel::Run(const PackedBatch& batch, base::ThreadPool* pool,
                          const RunOptions& options, std::vector<float>& hidden) const {
  const size_t d = dimensions().hidden;
  const bool all = options.output == SequenceRows::kAll;
  hidden.resize((all ? batch.rows() : batch.sequences()) * d);
  const auto buffers = buffers_.Take();
  // Who looks at the layers sees all rows of one after another.
  const size_t most = options.on_layer ? std::max<size_t>(batch.rows(), 1) : kChunkRows;
  size_t sequence = 0;  // The next whose row is wanted.
  for (size_t first = 0; first < batch.rows(); first += most) {
    const size_t rows = std::min(most, batch.rows() - first);
    RunChunk(batch, SequenceChunk::Of(batch, first, rows), first, pool, options, *buffers);
    if (all) std::ranges::copy(buffers->residual, &hidden[first * d]);
    for (; !all && sequence < batch.sequences(); ++sequence) {
      const size_t row = batch.RowOf(sequence, options.output);
      if (row >= first + rows) break;
      std::copy_n(&buffers->residual[(row - first) * d], d, &hidden[sequence * d]);
    }
  }
}

}  // namespace gannet::encoder
