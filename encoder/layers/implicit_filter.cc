#include "encoder/layers/implicit_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/status.h"
#include "encoder/kernels/implicit_filter.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {
namespace {

// ω of the sine after layer `index`, which is tied to that of every other sine of the filter; the
// first of them that the file has stands for those that it lacks.
absl::StatusOr<std::vector<float>> LoadFrequencies(const Checkpoint& checkpoint,
                                                   const std::string& name,
                                                   std::string_view direction, size_t index,
                                                   size_t order) {
  std::string found = fmt::format("{}.{}.{}.freq", name, direction, index);
  for (const std::string_view other : {"implicit_filter", "implicit_filter_rev"}) {
    for (const size_t i : {1, 3, 5}) {
      const std::string tied = fmt::format("{}.{}.{}.freq", name, other, i);
      if (!checkpoint.Has(found) && checkpoint.Has(tied)) found = tied;
    }
  }
  return checkpoint.Floats(found, {1, order});
}

}  // namespace

absl::StatusOr<ImplicitFilter::Network> ImplicitFilter::LoadNetwork(
    const Checkpoint& checkpoint, const std::string& name, std::string_view direction,
    const ImplicitFilterShape& shape, const ModelOptions& options) {
  Network network;
  for (const size_t i : {0, 2, 4}) {
    GANNET_ASSIGN_OR_RETURN(
        auto layer,
        LoadLinear(checkpoint, fmt::format("{}.{}.{}", name, direction, i),
                   i == 0 ? shape.features : shape.order, shape.order, Bias::kPresent, options));
    network.layers.push_back(std::move(layer));
    GANNET_ASSIGN_OR_RETURN(network.frequencies[i / 2],
                            LoadFrequencies(checkpoint, name, direction, i + 1, shape.order));
  }
  GANNET_ASSIGN_OR_RETURN(const std::vector<float> last,
                          checkpoint.Floats(fmt::format("{}.{}.6.weight", name, direction),
                                            {shape.channels, shape.order}));
  for (size_t first = 0; first < shape.channels; first += kSlab) {
    const size_t channels = std::min(kSlab, shape.channels - first);
    GANNET_ASSIGN_OR_RETURN(
        auto slab, kernels::PackedLinear::Pack(
                       std::span(last).subspan(first * shape.order, channels * shape.order),
                       std::vector<float>(channels), shape.order, channels));
    network.slabs.push_back(std::move(slab));
  }
  return network;
}

absl::StatusOr<ImplicitFilter> ImplicitFilter::Load(const Checkpoint& checkpoint,
                                                    const std::string& name,
                                                    const ImplicitFilterShape& shape,
                                                    const ModelOptions& options) {
  ModelOptions exact = options;
  exact.precision = Precision::kFp32;
  ImplicitFilter filter;
  filter.features_ = shape.features;
  const auto floats = [&](std::string_view part, const Shape& of_part) {
    return checkpoint.Floats(fmt::format("{}.{}", name, part), of_part);
  };
  GANNET_ASSIGN_OR_RETURN(filter.z_, floats("pos_emb.z", {1, shape.longest, shape.features}));
  GANNET_ASSIGN_OR_RETURN(filter.tau_, floats("pos_emb.t", {1, shape.longest, 1}));
  GANNET_ASSIGN_OR_RETURN(filter.deltas_, floats("modulation.deltas", {1, 1, shape.channels}));
  for (float& delta : filter.deltas_) delta = std::abs(delta);
  GANNET_ASSIGN_OR_RETURN(filter.skip_, floats("bias", {shape.channels}));
  GANNET_ASSIGN_OR_RETURN(filter.forward_,
                          LoadNetwork(checkpoint, name, "implicit_filter", shape, exact));
  GANNET_ASSIGN_OR_RETURN(filter.backward_,
                          LoadNetwork(checkpoint, name, "implicit_filter_rev", shape, exact));
  return filter;
}

std::vector<float> ImplicitFilter::Features(Direction direction, size_t length,
                                            base::ThreadPool* pool) const {
  const Network& network = NetworkOf(direction);
  const size_t order = network.layers[0].outputs();
  std::vector<float> features(length * order);
  ForEachTile(length, pool, [&](size_t first, size_t rows) {
    std::vector<float> in(z_.begin() + static_cast<ptrdiff_t>(first * features_),
                          z_.begin() + static_cast<ptrdiff_t>((first + rows) * features_));
    std::vector<float> out(rows * order);
    for (size_t i = 0; i < network.layers.size(); ++i) {
      network.layers[i].Apply(in.data(), rows, out.data());
      kernels::ScaledSines(network.frequencies[i], out);
      in = out;
    }
    std::ranges::copy(out, &features[first * order]);
  });
  return features;
}

void ImplicitFilter::Filter(Direction direction, std::span<const float> features, size_t slab,
                            std::vector<float>& filter) const {
  const kernels::PackedLinear& linear = NetworkOf(direction).slabs[slab];
  const size_t length = features.size() / linear.inputs(), channels = linear.outputs();
  filter.resize(length * channels);
  ForEachTile(length, nullptr, [&](size_t first, size_t rows) {
    float* const k = &filter[first * channels];
    linear.Apply(&features[first * linear.inputs()], rows, k);
    kernels::Modulate(std::span(tau_).subspan(first, rows),
                      std::span(deltas_).subspan(slab * kSlab, channels), k);
  });
}

}  // namespace gannet::encoder
