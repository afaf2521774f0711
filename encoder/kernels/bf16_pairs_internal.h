#ifndef GANNET_ENCODER_KERNELS_BF16_PAIRS_INTERNAL_H_
#define GANNET_ENCODER_KERNELS_BF16_PAIRS_INTERNAL_H_

#include <cstddef>
#include <cstdint>

namespace gannet::encoder::kernels {

// Products of bfloat16 by the instructions that multiply two neighbours and add both to an fp32
// sum: a pair is two bfloat16, the first in the lower half.
struct Bf16Pairs {
  // The most rows that any `multiply` takes.
  static constexpr size_t kMostRows = 16;
  // Pairs per row of a and rows of b are multiples of `depth_multiple`, at most this many.
  static constexpr size_t kMostDepthMultiple = 16;

  size_t rows;         // That `multiply` takes,
  size_t fewest_rows;  // or these: half as many, or the same.
  size_t depth_multiple;

  // Around calls of `multiply`, on the same thread.
  void (*open)();
  void (*close)();

  // Rounds `count` values, a multiple of 2, to count / 2 pairs of neighbours; ties to even.
  void (*round)(const float* x, size_t count, uint32_t* pairs);

  // Rounds two rows of `count` values, a multiple of 16, to pairs of one value of each.
  void (*interleave)(const float* first, const float* second, size_t count, uint32_t* pairs);

  // Rounds exp(score − max) of `count` scores, a multiple of 16, to pairs of neighbours, and
  // returns the sum of what was rounded. The exponential is within 5e-5 of itself.
  float (*exponentiate)(const float* scores, size_t count, float max, uint32_t* pairs);

  // out[r][c] = Σ_k a[r][k] · b[k][c] over k < depth pairs, for `columns` columns, a multiple
  // of 16. Strides count pairs, and fp32 values of `out`. A value of `out` is summed in the order
  // of k, whatever the rows and columns beside it.
  void (*multiply)(const uint32_t* a, size_t a_stride, size_t rows, const uint32_t* b,
                   size_t b_stride, size_t depth, size_t columns, float* out, size_t out_stride);
};

// Null on machines without the instructions, of 512 bits or for tiles (AMX).
const Bf16Pairs* Avx512Bf16Pairs();
const Bf16Pairs* AmxBf16Pairs();

// The fastest of the machine for heads of `padded_dim` values, a multiple of 16; null without any.
const Bf16Pairs* NativeBf16Pairs(size_t padded_dim);

// While it lives, `multiply` can be called; `pairs` may be null.
class OpenPairs {
 public:
  explicit OpenPairs(const Bf16Pairs* pairs) : pairs_(pairs) {
    if (pairs_ != nullptr) pairs_->open();
  }
  ~OpenPairs() {
    if (pairs_ != nullptr) pairs_->close();
  }
  OpenPairs(const OpenPairs&) = delete;
  OpenPairs& operator=(const OpenPairs&) = delete;

 private:
  const Bf16Pairs* pairs_;
};

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_BF16_PAIRS_INTERNAL_H_
