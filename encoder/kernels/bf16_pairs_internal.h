#ifndef GANNET_ENCODER_KERNELS_BF16_PAIRS_INTERNAL_H_
#define GANNET_ENCODER_KERNELS_BF16_PAIRS_INTERNAL_H_

#include <cstddef>
#include <cstdint>

namespace gannet::encoder::kernels {

// Products of bfloat16 by the instructions that multiply two neighbours and add both to an fp32
// sum: a pair is two bfloat16, the first in the lower half.
struct Bf16Pairs {
  // The most rows that Multiply takes.
  static constexpr size_t kMostRows = 8;

  // Rounds `count` values, a multiple of 2, to count / 2 pairs of neighbours; ties to even.
  void (*round)(const float* x, size_t count, uint32_t* pairs);

  // Rounds two rows of `count` values, a multiple of 16, to pairs of one value of each.
  void (*interleave)(const float* first, const float* second, size_t count, uint32_t* pairs);

  // Rounds exp(score − max) of `count` scores, a multiple of 16, to pairs of neighbours, and
  // returns the sum of what was rounded. The exponential is within 5e-5 of itself.
  float (*exponentiate)(const float* scores, size_t count, float max, uint32_t* pairs);

  // out[r][c] = Σ_k a[r][k] · b[k][c] over k < depth pairs, for 4 or 8 rows and `columns` columns,
  // a multiple of 16. Strides count pairs, and fp32 values of `out`. A value of `out` is summed in
  // the order of k, whatever the rows and columns beside it.
  void (*multiply)(const uint32_t* a, size_t a_stride, size_t rows, const uint32_t* b,
                   size_t b_stride, size_t depth, size_t columns, float* out, size_t out_stride);
};

// Null on machines without such instructions.
const Bf16Pairs* NativeBf16Pairs();

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_BF16_PAIRS_INTERNAL_H_
