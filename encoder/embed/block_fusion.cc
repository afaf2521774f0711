#include "encoder/embed/block_fusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/status.h"

namespace gannet::encoder {
namespace {

using Attention = FusionKind::Attention;
using Pooled = FusionKind::Pooled;

constexpr std::string_view kFirstLayer = "fusion_layer.embedding_common.0";
constexpr std::string_view kSecondLayer = "fusion_layer.embedding_common.2";
constexpr std::string_view kPooledScale = "fusion_layer.global_emb_weight_net.weight";
constexpr size_t kHidden = 128;  // Of the two-layer scores.

constexpr std::array<std::pair<std::string_view, FusionKind>, 8> kKindNames = {
    {{"mean", {Attention::kNone, Pooled::kMean}},
     {"max", {Attention::kNone, Pooled::kMax}},
     {"one_layer", {Attention::kOneLayer, Pooled::kNone}},
     {"one_layer+mean", {Attention::kOneLayer, Pooled::kMean}},
     {"one_layer+max", {Attention::kOneLayer, Pooled::kMax}},
     {"two_layer", {Attention::kTwoLayer, Pooled::kNone}},
     {"two_layer+mean", {Attention::kTwoLayer, Pooled::kMean}},
     {"two_layer+max", {Attention::kTwoLayer, Pooled::kMax}}}};

// out += scale · x
void AddScaled(float scale, std::span<const float> x, std::span<float> out) {
  for (size_t i = 0; i < x.size(); ++i) out[i] += scale * x[i];
}

// m of blocks [n, d]. Pooled::kNone has none.
std::vector<float> PoolBlocks(Pooled pooled, std::span<const float> blocks, size_t d) {
  const size_t n = blocks.size() / d;
  const bool max = pooled == Pooled::kMax;
  std::vector<float> m(d, max ? -std::numeric_limits<float>::infinity() : 0.0F);
  for (size_t b = 0; b < n; ++b) {
    const std::span<const float> x = blocks.subspan(b * d, d);
    if (max) {
      std::ranges::transform(m, x, m.begin(), [](float a, float c) { return std::max(a, c); });
    } else {
      AddScaled(1, x, m);
    }
  }
  if (!max) {
    for (float& v : m) v /= static_cast<float>(n);
  }
  return m;
}

}  // namespace

absl::StatusOr<FusionKind> FusionKind::Parse(std::string_view name) {
  std::string known;
  for (const auto& [kind_name, kind] : kKindNames) {
    if (name == kind_name) return kind;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", kind_name);
  }
  return absl::InvalidArgumentError(fmt::format("\"{}\" is not among {}", name, known));
}

std::string FusionKind::Name() const {
  const auto found = std::ranges::find_if(kKindNames, [&](const auto& entry) {
    return entry.second.attention == attention && entry.second.pooled == pooled;
  });
  return std::string(found->first);
}

FusionKind BlockFusion::KindIn(const Checkpoint& checkpoint) {
  if (checkpoint.Has(fmt::format("{}.weight", kSecondLayer))) {
    return {Attention::kTwoLayer, Pooled::kMean};
  }
  if (checkpoint.Has(fmt::format("{}.weight", kFirstLayer))) {
    return {Attention::kOneLayer, Pooled::kMean};
  }
  return {Attention::kNone, Pooled::kMean};
}

absl::StatusOr<BlockFusion::Linear> BlockFusion::Linear::Load(const Checkpoint& checkpoint,
                                                              std::string_view name, size_t outputs,
                                                              size_t inputs) {
  Linear layer;
  GANNET_ASSIGN_OR_RETURN(layer.weight,
                          checkpoint.Floats(fmt::format("{}.weight", name), {outputs, inputs}));
  GANNET_ASSIGN_OR_RETURN(layer.bias, checkpoint.Floats(fmt::format("{}.bias", name), {outputs}));
  return layer;
}

std::vector<float> BlockFusion::Linear::Apply(std::span<const float> x) const {
  std::vector<float> y = bias;
  for (size_t o = 0; o < y.size(); ++o) {
    y[o] = std::inner_product(x.begin(), x.end(), &weight[o * x.size()], y[o]);
  }
  return y;
}

absl::StatusOr<BlockFusion> BlockFusion::Load(const Checkpoint& checkpoint, FusionKind kind,
                                              FusionForm form, size_t d) {
  BlockFusion fusion(kind, form);
  if (kind.attention == Attention::kOneLayer) {
    GANNET_ASSIGN_OR_RETURN(Linear scores, Linear::Load(checkpoint, kFirstLayer, 1, d));
    fusion.layers_.push_back(std::move(scores));
  } else if (kind.attention == Attention::kTwoLayer) {
    GANNET_ASSIGN_OR_RETURN(Linear hidden, Linear::Load(checkpoint, kFirstLayer, kHidden, d));
    GANNET_ASSIGN_OR_RETURN(Linear scores, Linear::Load(checkpoint, kSecondLayer, 1, kHidden));
    fusion.layers_.push_back(std::move(hidden));
    fusion.layers_.push_back(std::move(scores));
  }
  if (checkpoint.Has(kPooledScale)) {
    GANNET_ASSIGN_OR_RETURN(const std::vector<float> scale,
                            checkpoint.Floats(kPooledScale, {1, 1}));
    fusion.pooled_scale_ = scale[0];
  }
  return fusion;
}

std::vector<float> BlockFusion::Attend(std::span<const float> blocks, size_t d) const {
  std::vector<float> alpha;
  for (size_t b = 0; b < blocks.size() / d; ++b) {
    std::vector<float> a = layers_.front().Apply(blocks.subspan(b * d, d));
    for (size_t layer = 1; layer < layers_.size(); ++layer) {
      for (float& v : a) v = std::tanh(v);
      a = layers_[layer].Apply(a);
    }
    alpha.push_back(a[0]);
  }
  const float largest = *std::ranges::max_element(alpha);
  for (float& v : alpha) v = std::exp(v - largest);
  const float sum = std::accumulate(alpha.begin(), alpha.end(), 0.0F);
  for (float& v : alpha) v /= sum;
  return alpha;
}

void BlockFusion::Apply(std::span<const float> blocks, std::span<float> out) const {
  const size_t d = out.size(), n = blocks.size() / d;
  std::ranges::fill(out, 0.0F);
  if (kind_.attention == Attention::kNone) {
    AddScaled(1, PoolBlocks(kind_.pooled, blocks, d), out);
    return;
  }
  const bool beside = kind_.pooled != Pooled::kNone;
  const std::vector<float> alpha = Attend(blocks, d);
  for (size_t b = 0; b < n; ++b) {
    AddScaled(beside ? alpha[b] / 2 : alpha[b], blocks.subspan(b * d, d), out);
  }
  if (!beside) return;
  const float times = form_ == FusionForm::kReleased ? static_cast<float>(n) : 1.0F;
  AddScaled(times * pooled_scale_ / 2, PoolBlocks(kind_.pooled, blocks, d), out);
}

}  // namespace gannet::encoder
