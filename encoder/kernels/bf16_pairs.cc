#include <cassert>

#include "encoder/kernels/bf16_pairs_internal.h"
#include "encoder/kernels/precision.h"

// Highway 1.0 has no target with these instructions: plain intrinsics, for x86-64 alone.
#if defined(__x86_64__)
#include <immintrin.h>

// GCC 12 takes the undefined operands inside its own intrinsics for ours (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#define GANNET_AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

namespace gannet::encoder::kernels {
namespace {

constexpr size_t kLanes = 16;

GANNET_AVX512_BF16 void Round(const float* x, size_t count, uint32_t* pairs) {
  size_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    const __m512bh both =
        _mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + i + kLanes), _mm512_loadu_ps(x + i));
    _mm512_storeu_si512(pairs + i / 2, (__m512i)both);
  }
  for (; i < count; i += kLanes) {
    const size_t rest = count - i < kLanes ? count - i : kLanes;
    const auto mask = static_cast<__mmask16>((1U << rest) - 1);
    const __m256bh half = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, x + i));
    const auto pair_mask = static_cast<__mmask8>((1U << (rest / 2)) - 1);
    _mm256_mask_storeu_epi32(pairs + i / 2, pair_mask, (__m256i)half);
  }
}

GANNET_AVX512_BF16 void Interleave(const float* first, const float* second, size_t count,
                                   uint32_t* pairs) {
  for (size_t i = 0; i < count; i += kLanes) {
    const __m512i low =
        _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(first + i)));
    const __m512i high =
        _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(second + i)));
    _mm512_storeu_si512(pairs + i, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }
}

// exp(x) for x <= 0 within 5e-5 of itself, which is far below what bfloat16 holds: 2 to a whole
// number times 2 to a fraction by its Taylor series. Exactly 0 for -infinity; NaN stays NaN.
GANNET_AVX512_BF16 inline __m512 ExpOfNegative(__m512 x) {
  const __m512 low = _mm512_set1_ps(-150.0F);
  const __m512 log2 = _mm512_max_ps(low, _mm512_mul_ps(x, _mm512_set1_ps(1.44269504F)));
  const __m512 whole = _mm512_roundscale_ps(log2, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 fraction = _mm512_sub_ps(log2, whole);
  __m512 e = _mm512_set1_ps(9.6181291e-3F);  // (ln 2)^4 / 24
  e = _mm512_fmadd_ps(e, fraction, _mm512_set1_ps(5.5504109e-2F));
  e = _mm512_fmadd_ps(e, fraction, _mm512_set1_ps(2.4022651e-1F));
  e = _mm512_fmadd_ps(e, fraction, _mm512_set1_ps(6.9314718e-1F));
  e = _mm512_fmadd_ps(e, fraction, _mm512_set1_ps(1.0F));
  return _mm512_scalef_ps(e, whole);
}

GANNET_AVX512_BF16 float Exponentiate(const float* scores, size_t count, float max,
                                      uint32_t* pairs) {
  const __m512 shift = _mm512_set1_ps(max);
  __m512 sum = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    const __m512 first = ExpOfNegative(_mm512_sub_ps(_mm512_loadu_ps(scores + i), shift));
    const __m512 second = ExpOfNegative(_mm512_sub_ps(_mm512_loadu_ps(scores + i + kLanes), shift));
    sum = _mm512_add_ps(_mm512_add_ps(sum, first), second);
    _mm512_storeu_si512(pairs + i / 2, (__m512i)_mm512_cvtne2ps_pbh(second, first));
  }
  if (i < count) {
    const __m512 last = ExpOfNegative(_mm512_sub_ps(_mm512_loadu_ps(scores + i), shift));
    sum = _mm512_add_ps(sum, last);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(pairs + i / 2),
                        (__m256i)_mm512_cvtneps_pbh(last));
  }
  return _mm512_reduce_add_ps(sum);
}

// The loops over constants are unrolled at every level of optimisation: the sums must stay in
// registers.
template <size_t kRows, size_t kVectors>
GANNET_AVX512_BF16 inline void MultiplyTile(const uint32_t* a, size_t a_stride, const uint32_t* b,
                                            size_t b_stride, size_t depth, float* out,
                                            size_t out_stride) {
  __m512 sum[kRows][kVectors];
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (size_t c = 0; c < kVectors; ++c) sum[r][c] = _mm512_setzero_ps();
  }
  for (size_t k = 0; k < depth; ++k) {
    __m512bh row[kVectors];
#pragma GCC unroll 16
    for (size_t c = 0; c < kVectors; ++c) {
      row[c] = (__m512bh)_mm512_loadu_si512(b + k * b_stride + c * kLanes);
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
      const auto factor = (__m512bh)_mm512_set1_epi32(static_cast<int>(a[r * a_stride + k]));
#pragma GCC unroll 16
      for (size_t c = 0; c < kVectors; ++c) {
        sum[r][c] = _mm512_dpbf16_ps(sum[r][c], factor, row[c]);
      }
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (size_t c = 0; c < kVectors; ++c) {
      _mm512_storeu_ps(out + r * out_stride + c * kLanes, sum[r][c]);
    }
  }
}

template <size_t kRows>
GANNET_AVX512_BF16 void MultiplyRows(const uint32_t* a, size_t a_stride, const uint32_t* b,
                                     size_t b_stride, size_t depth, size_t columns, float* out,
                                     size_t out_stride) {
  // 16 sums hide the latency and leave registers for b.
  constexpr size_t kVectors = 16 / kRows;
  size_t c = 0;
  for (; c + kVectors * kLanes <= columns; c += kVectors * kLanes) {
    MultiplyTile<kRows, kVectors>(a, a_stride, b + c, b_stride, depth, out + c, out_stride);
  }
  for (; c < columns; c += kLanes) {
    MultiplyTile<kRows, 1>(a, a_stride, b + c, b_stride, depth, out + c, out_stride);
  }
}

GANNET_AVX512_BF16 void Multiply(const uint32_t* a, size_t a_stride, size_t rows, const uint32_t* b,
                                 size_t b_stride, size_t depth, size_t columns, float* out,
                                 size_t out_stride) {
  assert(rows == 4 || rows == 8);
  const auto multiply = rows == 4 ? MultiplyRows<4> : MultiplyRows<8>;
  multiply(a, a_stride, b, b_stride, depth, columns, out, out_stride);
}

void Nothing() {}

constexpr Bf16Pairs kPairs{.rows = 8,
                           .fewest_rows = 4,
                           .depth_multiple = 1,
                           .open = Nothing,
                           .close = Nothing,
                           .round = Round,
                           .interleave = Interleave,
                           .exponentiate = Exponentiate,
                           .multiply = Multiply};

}  // namespace
}  // namespace gannet::encoder::kernels

#undef GANNET_AVX512_BF16
#pragma GCC diagnostic pop
#endif  // defined(__x86_64__)

namespace gannet::encoder::kernels {

const Bf16Pairs* Avx512Bf16Pairs() {
#if defined(__x86_64__)
  return HasBf16() ? &kPairs : nullptr;
#else
  return nullptr;
#endif
}

const Bf16Pairs* NativeBf16Pairs(size_t padded_dim) {
  const Bf16Pairs* tiles = AmxBf16Pairs();
  const bool fits = tiles != nullptr && padded_dim / 2 % tiles->depth_multiple == 0;
  return fits ? tiles : Avx512Bf16Pairs();
}

}  // namespace gannet::encoder::kernels
