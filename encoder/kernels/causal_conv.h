#ifndef GANNET_ENCODER_KERNELS_CAUSAL_CONV_H_
#define GANNET_ENCODER_KERNELS_CAUSAL_CONV_H_

#include <cstddef>
#include <span>

namespace gannet::encoder::kernels {

// A depthwise convolution over time that looks back only.
struct CausalConvWeights {
  size_t taps = 0;                // k
  std::span<const float> weight;  // [k, channels]; the last row belongs to the present.
  std::span<const float> bias;    // [channels]

  size_t channels() const { return bias.size(); }
};

// out_t = bias + Σ_{j<k} w_j ⊙ x_{t−(k−1)+j} for `rows` rows of channels() values; row t of x
// starts at x + t * stride, those of `out` follow each other. `before` rows lie in front of x; what
// is further back counts as zero. A row of `out` depends on the rows it looks at alone.
void CausalConv(const CausalConvWeights& weights, const float* x, size_t stride, size_t before,
                size_t rows, float* out);

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_CAUSAL_CONV_H_
