#include "encoder/embed/perceiver_pooler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/embed/pooling.h"
#include "encoder/kernels/row_ops.h"

namespace gannet::encoder {
namespace {

using States = PerceiverPooler::States;

constexpr double kEpsilon = 1e-5;  // Of the layer normalisations.
constexpr std::array<std::pair<std::string_view, States>, 4> kStates = {
    {{"last_token", States::kLastToken},
     {"last_token_of_layers", States::kLastTokenOfLayers},
     {"tokens", States::kTokens},
     {"mean_of_layers", States::kMeanOfLayers}}};

// y = linear(x) for any number of rows.
std::vector<float> ApplyRows(const kernels::PackedLinear& linear, std::span<const float> x) {
  const size_t rows = x.size() / linear.inputs();
  std::vector<float> y(rows * linear.outputs());
  for (size_t begin = 0; begin < rows; begin += kernels::PackedLinear::kMaxRows) {
    const size_t count = std::min(kernels::PackedLinear::kMaxRows, rows - begin);
    linear.Apply(&x[begin * linear.inputs()], count, &y[begin * linear.outputs()]);
  }
  return y;
}

}  // namespace

// Reads the tensors of one folder.
class PerceiverLoader {
 public:
  static absl::StatusOr<PerceiverPooler> Load(const std::filesystem::path& folder, size_t d,
                                              size_t layers, const ModelOptions& options) {
    GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder / "config.json"));
    GANNET_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(folder));
    return PerceiverLoader(file, checkpoint, d, layers, options).Run();
  }

 private:
  static constexpr std::string_view kAttention = "cross_attend_blocks.0.";
  static constexpr std::string_view kFeedForward = "cross_attend_blocks.1.";

  PerceiverLoader(const ConfigFile& file, const Checkpoint& checkpoint, size_t d, size_t layers,
                  const ModelOptions& options)
      : file_(file), checkpoint_(checkpoint), d_(d), layers_(layers), options_(options) {}

  absl::StatusOr<PerceiverPooler> Run() {
    GANNET_ASSIGN_OR_RETURN(const States states, ReadStates());
    GANNET_ASSIGN_OR_RETURN(const size_t heads, file_.Size("heads"));
    const Shape query_shape = checkpoint_.ShapeOf(Name(kAttention, "fn.to_q.weight"));
    const size_t inner = query_shape.empty() ? 0 : query_shape[0];
    if (inner == 0 || inner % heads != 0) {
      return file_.Error("heads", fmt::format("{} heads do not divide the {} rows of {}", heads,
                                              inner, Name(kAttention, "fn.to_q.weight")));
    }
    GANNET_ASSIGN_OR_RETURN(auto key_value, LoadLinear(checkpoint_, Name(kAttention, "fn.to_kv"),
                                                       d_, 2 * inner, Bias::kAbsent, options_));
    GANNET_ASSIGN_OR_RETURN(auto output, LoadLinear(checkpoint_, Name(kAttention, "fn.to_out"),
                                                    inner, d_, Bias::kAbsent, options_));
    GANNET_ASSIGN_OR_RETURN(FeedForward feed_forward, LoadFeedForward());
    PerceiverPooler pooler(states, heads, std::move(key_value), std::move(output),
                           std::move(feed_forward));
    GANNET_ASSIGN_OR_RETURN(pooler.state_norm_, LoadNorm(Name(kAttention, "norm")));
    GANNET_ASSIGN_OR_RETURN(pooler.output_norm_, LoadNorm(Name(kFeedForward, "norm")));
    GANNET_RETURN_IF_ERROR(LoadLatents(inner, pooler));
    if (pooler.reads_layers()) GANNET_RETURN_IF_ERROR(LoadPositions(pooler));
    return pooler;
  }

  static std::string Name(std::string_view block, std::string_view part) {
    return fmt::format("{}{}", block, part);
  }

  absl::StatusOr<LayerNorm> LoadNorm(const std::string& name) const {
    return LayerNorm::Load(checkpoint_, name, d_, kEpsilon);
  }

  absl::StatusOr<States> ReadStates() const {
    GANNET_ASSIGN_OR_RETURN(const std::string name, file_.String("states"));
    for (const auto& [known, states] : kStates) {
      if (name == known) return states;
    }
    return file_.Error("states", fmt::format("\"{}\" is not last_token, last_token_of_layers, "
                                             "tokens or mean_of_layers",
                                             name));
  }

  // The gate is the second half here, and the first one where FeedForward has it.
  absl::StatusOr<FeedForward> LoadFeedForward() const {
    const std::string up_name = Name(kFeedForward, "fn.net.0");
    const std::string down_name = Name(kFeedForward, "fn.net.2");
    const Shape shape = checkpoint_.ShapeOf(up_name + ".weight");
    const size_t rows = shape.empty() ? 0 : shape[0];
    GANNET_ASSIGN_OR_RETURN(std::vector<float> weight,
                            checkpoint_.Floats(up_name + ".weight", {rows, d_}));
    GANNET_ASSIGN_OR_RETURN(std::vector<float> bias, checkpoint_.Floats(up_name + ".bias", {rows}));
    if (rows % 2 != 0) {
      return absl::InvalidArgumentError(fmt::format("{}: {}.weight has {} rows, no two halves",
                                                    file_.path().string(), up_name, rows));
    }
    const auto half = static_cast<std::ptrdiff_t>(rows / 2);
    std::rotate(weight.begin(), weight.begin() + half * static_cast<std::ptrdiff_t>(d_),
                weight.end());
    std::rotate(bias.begin(), bias.begin() + half, bias.end());
    GANNET_ASSIGN_OR_RETURN(auto up, PackLinear(up_name, {weight, bias, d_}, options_));
    GANNET_ASSIGN_OR_RETURN(
        auto down, LoadLinear(checkpoint_, down_name, rows / 2, d_, Bias::kPresent, options_));
    return FeedForward{std::move(up), std::move(down), kernels::Gelu};
  }

  absl::Status LoadLatents(size_t inner, PerceiverPooler& pooler) const {
    const Shape shape = checkpoint_.ShapeOf("latents");
    const size_t count = shape.empty() ? 0 : shape[0];
    GANNET_ASSIGN_OR_RETURN(pooler.latents_, checkpoint_.Floats("latents", {count, d_}));
    if (count == 0) return file_.Error("latents", "the tensor has no rows");
    GANNET_ASSIGN_OR_RETURN(const LayerNorm norm, LoadNorm(Name(kAttention, "norm_context")));
    GANNET_ASSIGN_OR_RETURN(const auto query, LoadLinear(checkpoint_, Name(kAttention, "fn.to_q"),
                                                         d_, inner, Bias::kAbsent, options_));
    std::vector<float> normal(pooler.latents_.size());
    norm.Apply(pooler.latents_.data(), nullptr, count, normal.data());
    pooler.queries_ = ApplyRows(query, normal);
    const size_t head_dim = inner / pooler.heads_;
    const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_dim)));
    for (float& q : pooler.queries_) q *= scale;
    return absl::OkStatus();
  }

  absl::Status LoadPositions(PerceiverPooler& pooler) const {
    const Shape shape = checkpoint_.ShapeOf("pos_emb.weight");
    const size_t rows = shape.empty() ? 0 : shape[0];
    GANNET_ASSIGN_OR_RETURN(pooler.positions_, checkpoint_.Floats("pos_emb.weight", {rows, d_}));
    if (rows >= layers_) return absl::OkStatus();
    return file_.Error("states",
                       fmt::format("pos_emb.weight has {} rows for {} layers", rows, layers_));
  }

  const ConfigFile& file_;
  const Checkpoint& checkpoint_;
  const size_t d_;
  const size_t layers_;
  const ModelOptions& options_;
};

absl::StatusOr<PerceiverPooler> PerceiverPooler::Load(const std::filesystem::path& folder, size_t d,
                                                      size_t layers, const ModelOptions& options) {
  return PerceiverLoader::Load(folder, d, layers, options);
}

std::vector<float> PerceiverPooler::Attend(std::span<const float> key_value) const {
  const size_t inner = output_.inputs(), head_dim = inner / heads_;
  const size_t states = key_value.size() / (2 * inner), latents = queries_.size() / inner;
  std::vector<float> context(latents * inner);
  std::vector<double> weights(states);
  for (size_t i = 0; i < latents; ++i) {
    for (size_t first = 0; first < inner; first += head_dim) {
      const float* query = &queries_[i * inner + first];
      for (size_t j = 0; j < states; ++j) {
        const float* key = &key_value[j * 2 * inner + first];
        weights[j] = std::inner_product(query, query + head_dim, key, 0.0);
      }
      const double largest = *std::ranges::max_element(weights);
      for (double& weight : weights) weight = std::exp(weight - largest);
      const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
      float* out = &context[i * inner + first];
      for (size_t j = 0; j < states; ++j) {
        const auto weight = static_cast<float>(weights[j] / sum);
        const float* value = &key_value[j * 2 * inner + inner + first];
        for (size_t c = 0; c < head_dim; ++c) out[c] += weight * value[c];
      }
    }
  }
  return context;
}

std::vector<float> PerceiverPooler::Apply(std::span<const float> states) const {
  const size_t d = output_.outputs(), rows = states.size() / d;
  std::vector<float> h(states.begin(), states.end());
  for (size_t i = 0; i < std::min(h.size(), positions_.size()); ++i) h[i] += positions_[i];
  state_norm_.Apply(h.data(), nullptr, rows, h.data());

  std::vector<float> x = ApplyRows(output_, Attend(ApplyRows(key_value_, h)));
  std::vector<float> normal(x.size()), y(x.size());
  std::ranges::transform(x, latents_, x.begin(), std::plus<>());
  const size_t latents = x.size() / d;
  output_norm_.Apply(x.data(), nullptr, latents, normal.data());
  FeedForward::Buffers buffers;
  for (size_t begin = 0; begin < latents; begin += kernels::PackedLinear::kMaxRows) {
    const size_t count = std::min(kernels::PackedLinear::kMaxRows, latents - begin);
    feed_forward_.Apply(&normal[begin * d], count, nullptr, buffers, &y[begin * d]);
  }
  std::ranges::transform(x, y, x.begin(), std::plus<>());
  std::vector<float> vector(d);
  Pool(Pooling::kMean, x, vector);
  NormalizeL2(vector);
  return vector;
}

}  // namespace gannet::encoder
