#include "encoder/embed/one_vector.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "encoder/embed/pooling.h"

namespace gannet::encoder {
namespace {

// Σ_i softmax_i(⟨v_i, m⟩) v_i with m the mean of the v_i: what most of the text is about counts
// most.
void Attend(std::span<const float> windows, std::span<float> out) {
  const size_t d = out.size(), count = windows.size() / d;
  std::vector<float> mean(d);
  Pool(Pooling::kMean, windows, mean);
  std::vector<double> weights(count);
  for (size_t i = 0; i < count; ++i) {
    const std::span<const float> v = windows.subspan(i * d, d);
    weights[i] = std::inner_product(v.begin(), v.end(), mean.begin(), 0.0);
  }
  const double largest = *std::ranges::max_element(weights);
  for (double& weight : weights) weight = std::exp(weight - largest);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::ranges::fill(out, 0.0F);
  for (size_t i = 0; i < count; ++i) {
    const auto weight = static_cast<float>(weights[i] / sum);
    for (size_t c = 0; c < d; ++c) out[c] += weight * windows[i * d + c];
  }
}

}  // namespace

std::vector<float> OneVector(LongTextOptions::Strategy strategy, std::vector<float> windows,
                             size_t dimension) {
  if (windows.size() == dimension) return windows;
  std::vector<float> one(dimension);
  switch (strategy) {
    case LongTextOptions::Strategy::kMean:
      Pool(Pooling::kMean, windows, one);
      return one;
    case LongTextOptions::Strategy::kMax:
      Pool(Pooling::kMax, windows, one);
      return one;
    case LongTextOptions::Strategy::kAttention:
      Attend(windows, one);
      return one;
    default:
      std::copy_n(windows.begin(), dimension, one.begin());
      return one;
  }
}

}  // namespace gannet::encoder
