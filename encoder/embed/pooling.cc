#include "encoder/embed/pooling.h"

#include <algorithm>
#include <cmath>

namespace gannet::encoder {
namespace {

// out = Σ_t weight(t) x_t / divisor
template <typename Weight>
void WeightedSum(std::span<const float> hidden, std::span<float> out, Weight weight,
                 float divisor) {
  std::fill(out.begin(), out.end(), 0.0F);
  const size_t tokens = hidden.size() / out.size();
  for (size_t t = 0; t < tokens; ++t) {
    const float w = weight(t);
    const float* row = &hidden[t * out.size()];
    for (size_t c = 0; c < out.size(); ++c) out[c] += w * row[c];
  }
  for (float& v : out) v /= divisor;
}

}  // namespace

void Pool(Pooling pooling, std::span<const float> hidden, std::span<float> out) {
  const size_t rows = hidden.size() / out.size();
  const auto tokens = static_cast<float>(rows);
  const auto one = [](size_t) { return 1.0F; };
  switch (pooling) {
    case Pooling::kCls:
    case Pooling::kPooler:  // Which is applied to what this leaves.
      std::copy_n(hidden.begin(), out.size(), out.begin());
      return;
    case Pooling::kLastToken:
      std::copy_n(hidden.end() - static_cast<std::ptrdiff_t>(out.size()), out.size(), out.begin());
      return;
    case Pooling::kMax:
      std::copy_n(hidden.begin(), out.size(), out.begin());
      for (size_t i = out.size(); i < hidden.size(); ++i) {
        out[i % out.size()] = std::max(out[i % out.size()], hidden[i]);
      }
      return;
    case Pooling::kMean:
      WeightedSum(hidden, out, one, tokens);
      return;
    case Pooling::kMeanSqrtLen:
      WeightedSum(hidden, out, one, std::sqrt(tokens));
      return;
    case Pooling::kWeightedMean:
      WeightedSum(
          hidden, out, [](size_t t) { return static_cast<float>(t + 1); },
          tokens * (tokens + 1) / 2);
      return;
  }
}

void NormalizeL2(std::span<float> v) {
  double squares = 0;
  for (const float x : v) squares += static_cast<double>(x) * x;
  const double norm = std::max(std::sqrt(squares), 1e-12);
  for (float& x : v) x = static_cast<float>(x / norm);
}

}  // namespace gannet::encoder
