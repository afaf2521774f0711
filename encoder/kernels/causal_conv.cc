#include "encoder/kernels/causal_conv.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "encoder/kernels/causal_conv.cc"
#include <hwy/foreach_target.h>
// Highway's own headers must come after foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gannet::encoder::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// One row, with the last `taps` of the weights' taps; `x` is the oldest row that is looked at.
void CausalConvRow(const float* x, size_t stride, const float* weight, const float* bias,
                   size_t taps, size_t channels, float* out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    auto sum = hn::LoadU(d, bias + c);
    for (size_t j = 0; j < taps; ++j) {
      sum = hn::MulAdd(hn::LoadU(d, weight + j * channels + c), hn::LoadU(d, x + j * stride + c),
                       sum);
    }
    hn::StoreU(sum, d, out + c);
  }
  const hn::CappedTag<float, 1> one;
  for (; c < channels; ++c) {
    auto sum = hn::LoadU(one, bias + c);
    for (size_t j = 0; j < taps; ++j) {
      sum = hn::MulAdd(hn::LoadU(one, weight + j * channels + c),
                       hn::LoadU(one, x + j * stride + c), sum);
    }
    hn::StoreU(sum, one, out + c);
  }
}

}  // namespace gannet::encoder::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gannet::encoder::kernels {

HWY_EXPORT(CausalConvRow);

void CausalConv(const CausalConvWeights& weights, const float* x, size_t stride, size_t before,
                size_t rows, float* out) {
  const auto row = HWY_DYNAMIC_DISPATCH(CausalConvRow);
  const size_t channels = weights.channels();
  for (size_t t = 0; t < rows; ++t) {
    const size_t taps = std::min(weights.taps, before + t + 1);
    row(x + t * stride - (taps - 1) * stride, stride,
        weights.weight.data() + (weights.taps - taps) * channels, weights.bias.data(), taps,
        channels, out + t * channels);
  }
}

}  // namespace gannet::encoder::kernels
#endif  // HWY_ONCE
