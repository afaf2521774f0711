#include "encoder/layers/relative_bias.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/status.h"

namespace gannet::encoder {
namespace {

constexpr size_t kMaxReach = 1 << 20;  // Keeps the table small.

}  // namespace

absl::Status RelativeBiasShape::ReadBuckets(const ConfigFile& file) {
  GANNET_ASSIGN_OR_RETURN(buckets, file.SizeOr("relative_attention_num_buckets", 32));
  GANNET_ASSIGN_OR_RETURN(max_distance, file.SizeOr("relative_attention_max_distance", 128));
  if (buckets % 4 != 0) {
    return file.Error("relative_attention_num_buckets",
                      fmt::format("{} is not a multiple of 4", buckets));
  }
  if (max_distance <= buckets / 4 || max_distance > kMaxReach) {
    return file.Error("relative_attention_max_distance",
                      fmt::format("expected a distance from {} to {}, found {}", buckets / 4 + 1,
                                  kMaxReach, max_distance));
  }
  return absl::OkStatus();
}

size_t RelativeBias::Bucket(ptrdiff_t distance, const RelativeBiasShape& shape) {
  const size_t half = shape.buckets / 2;
  const size_t exact = half / 2;
  const auto away = static_cast<size_t>(std::abs(distance));
  size_t bucket = away;
  if (away >= exact) {
    // In fp32, as the reference: a bucket's border may hinge on the rounding.
    const float share =
        std::log(static_cast<float>(away) / static_cast<float>(exact)) /
        std::log(static_cast<float>(shape.max_distance) / static_cast<float>(exact));
    const auto beyond = static_cast<size_t>(share * static_cast<float>(half - exact));
    bucket = std::min(exact + beyond, half - 1);
  }
  return distance > 0 ? bucket + half : bucket;
}

absl::StatusOr<RelativeBias> RelativeBias::Load(const Checkpoint& checkpoint, std::string_view name,
                                                const RelativeBiasShape& shape,
                                                const ModelOptions& options) {
  GANNET_ASSIGN_OR_RETURN(
      const std::vector<float> weights,
      checkpoint.Floats(fmt::format("{}.weight", name), {shape.buckets, shape.heads}));
  RelativeBias bias(shape.max_distance);
  const auto reach = static_cast<ptrdiff_t>(shape.max_distance);
  for (size_t head = 0; head < shape.heads; ++head) {
    for (ptrdiff_t distance = -reach; distance <= reach; ++distance) {
      const float value = weights[Bucket(distance, shape) * shape.heads + head];
      bias.values_.push_back(value / options.temperature);
    }
  }
  return bias;
}

kernels::AttentionOptions::AddBias RelativeBias::OfHead(size_t head) const {
  const auto reach = static_cast<ptrdiff_t>(max_distance_);
  const float* at_zero = &values_[head * (2 * max_distance_ + 1) + max_distance_];
  return [reach, at_zero](size_t i, size_t first_key, std::span<float> scores) {
    const auto nearest = static_cast<ptrdiff_t>(first_key) - static_cast<ptrdiff_t>(i);
    for (size_t c = 0; c < scores.size(); ++c) {
      scores[c] += at_zero[std::clamp(nearest + static_cast<ptrdiff_t>(c), -reach, reach)];
    }
  };
}

}  // namespace gannet::encoder
