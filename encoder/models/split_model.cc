#include "encoder/models/split_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/kernels/row_ops.h"

namespace gannet::encoder {
namespace {

constexpr double kNormEpsilon = 1e-12;

std::vector<float> Apply(const kernels::PackedLinear& linear, std::span<const float> x) {
  constexpr size_t kMost = kernels::PackedLinear::kMaxRows;
  const size_t rows = x.size() / linear.inputs();
  std::vector<float> y(rows * linear.outputs());
  for (size_t first = 0; first < rows; first += kMost) {
    linear.Apply(&x[first * linear.inputs()], std::min(kMost, rows - first),
                 &y[first * linear.outputs()]);
  }
  return y;
}

struct CompressorNames {
  std::string compress, decompress, norm;
};

}  // namespace

absl::StatusOr<std::optional<TermCompressor>> TermCompressor::Load(
    const std::filesystem::path& folder, size_t join_layer) {
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder / "config.json"));
  GANNET_ASSIGN_OR_RETURN(const size_t d, file.Size("hidden_size"));
  GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
  const std::string layer = fmt::format("encoder.layer.{}.selfencode", join_layer - 1);
  const CompressorNames own = {"prettr.compress", "prettr.decompress", "prettr.LayerNorm"};
  const CompressorNames open_nir = {layer + ".0", layer + ".2", layer + ".3"};
  if (!checkpoint.Has(own.compress + ".weight")) {
    checkpoint.UsePrefix(open_nir.compress + ".weight", {"", "bert."});
    if (!checkpoint.Has(open_nir.compress + ".weight")) return std::optional<TermCompressor>();
  }
  const CompressorNames& names = checkpoint.Has(own.compress + ".weight") ? own : open_nir;
  const Shape shape = checkpoint.ShapeOf(names.compress + ".weight");
  const size_t e = shape.empty() ? 0 : shape[0];
  GANNET_ASSIGN_OR_RETURN(auto compress,
                          LoadLinear(checkpoint, names.compress, d, e, Bias::kPresent, {}));
  GANNET_ASSIGN_OR_RETURN(auto decompress,
                          LoadLinear(checkpoint, names.decompress, e, d, Bias::kPresent, {}));
  GANNET_ASSIGN_OR_RETURN(LayerNorm norm, LayerNorm::Load(checkpoint, names.norm, d, kNormEpsilon));
  return std::optional(TermCompressor(std::move(compress), std::move(decompress), std::move(norm)));
}

std::vector<float> TermCompressor::Compress(std::span<const float> states) const {
  std::vector<float> terms = Apply(compress_, states);
  kernels::Gelu(terms);
  return terms;
}

std::vector<float> TermCompressor::Decompress(std::span<const float> terms) const {
  std::vector<float> states = Apply(decompress_, terms);
  norm_.Apply(states.data(), nullptr, states.size() / decompress_.outputs(), states.data());
  return states;
}

absl::StatusOr<SplitModel> SplitModel::Load(const std::filesystem::path& folder, size_t join_layer,
                                            const Model& model) {
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder / "config.json"));
  GANNET_ASSIGN_OR_RETURN(const std::string type, file.StringOr("model_type", "bert"));
  if (type != "bert") {
    return file.Error(
        "model_type",
        fmt::format("\"{}\" cannot be split between query and passage, expected bert", type));
  }
  GANNET_ASSIGN_OR_RETURN(const size_t layers, file.Size("num_hidden_layers"));
  if (join_layer == 0 || join_layer >= layers) {
    return file.Error("num_hidden_layers",
                      fmt::format("{} layers cannot be joined after layer {}, expected 1 to {}",
                                  layers, join_layer, layers - 1));
  }
  GANNET_ASSIGN_OR_RETURN(auto compressor, TermCompressor::Load(folder, join_layer));
  GANNET_ASSIGN_OR_RETURN(ClassificationHead head, ClassificationHead::LoadPlain(folder));
  return SplitModel(model, std::move(compressor), std::move(head), join_layer);
}

std::vector<float> SplitModel::Terms(const PackedBatch& batch, base::ThreadPool* pool) const {
  std::vector<float> states;
  model_->Run(batch, pool, {.layers = join_layer_}, states);
  return compressor_ ? compressor_->Compress(states) : states;
}

std::vector<float> SplitModel::Join(const PackedBatch& batch, std::span<const float> terms,
                                    base::ThreadPool* pool) const {
  std::vector<float> states =
      compressor_ ? compressor_->Decompress(terms) : std::vector<float>(terms.begin(), terms.end());
  model_->Run(batch, pool, {.first_layer = join_layer_, .output = SequenceRows::kFirst}, states);
  return states;
}

}  // namespace gannet::encoder
