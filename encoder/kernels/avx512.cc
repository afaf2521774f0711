#include <algorithm>
#include <cstdint>
#include <cstring>

#include "encoder/kernels/panels_internal.h"
#include "encoder/kernels/precision.h"

// Products by instructions of 512 bits. Highway 1.0 has no operation for those that take integers
// and bfloat16: plain intrinsics, for x86-64 alone.
#if defined(__x86_64__)
#include <immintrin.h>

// GCC 12 takes the undefined operands inside its own intrinsics for ours (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
// One target for all, so that they share their loops; each uses only the instructions that it
// names.
#define GANNET_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")))
#define GANNET_AVX512_INLINE GANNET_AVX512 __attribute__((always_inline)) inline

namespace gannet::encoder::kernels {
namespace {

constexpr size_t kLanes = 16;
constexpr size_t kVectors = kPanelColumns / kLanes;
constexpr size_t kMostRows = 6;
constexpr size_t kStepBytes = kPanelColumns * kGroupBytes;
// Weights are read once for a few rows: far enough ahead to come from the third cache.
constexpr size_t kBytesAhead = 8 * kStepBytes;

// What an instruction adds to 16 sums, the products of four bytes of a row with as many of each
// column, and what a block of sums begins with and becomes. Scales are a block's own, Column is
// what they say of 16 columns.
struct Fp32Step {
  using Sum = __m512;
  using Vector = __m512;
  using Column = __m512;
  struct Scales {
    const float* bias;
  };
  static GANNET_AVX512_INLINE Vector Of(__m512i bits) { return _mm512_castsi512_ps(bits); }
  static GANNET_AVX512_INLINE Column Load(const Scales& scales, size_t first) {
    return _mm512_loadu_ps(scales.bias + first);
  }
  static GANNET_AVX512_INLINE Sum Begin(const Column& bias) { return bias; }
  static GANNET_AVX512_INLINE Sum Add(Sum sum, Vector x, Vector weights) {
    return _mm512_fmadd_ps(x, weights, sum);
  }
  static GANNET_AVX512_INLINE __m512 End(Sum sum, const Column&, const Scales&, size_t) {
    return sum;
  }
};

struct Bf16Step : Fp32Step {
  using Vector = __m512bh;
  static GANNET_AVX512_INLINE Vector Of(__m512i bits) { return (__m512bh)bits; }
  static GANNET_AVX512_INLINE Sum Add(Sum sum, Vector x, Vector weights) {
    return _mm512_dpbf16_ps(sum, x, weights);
  }
};

struct Int8Step {
  using Sum = __m512i;
  using Vector = __m512i;
  struct Column {
    __m512 scale;
    __m512i sum;
    __m512 bias;
  };
  struct Scales {
    ColumnScales columns;
    const RowScale* rows;
  };
  static GANNET_AVX512_INLINE Vector Of(__m512i bits) { return bits; }
  static GANNET_AVX512_INLINE Column Load(const Scales& scales, size_t first) {
    return {_mm512_loadu_ps(scales.columns.scale.data() + first),
            _mm512_loadu_si512(scales.columns.sum.data() + first),
            _mm512_loadu_ps(scales.columns.bias.data() + first)};
  }
  static GANNET_AVX512_INLINE Sum Begin(const Column&) { return _mm512_setzero_si512(); }
  static GANNET_AVX512_INLINE Sum Add(Sum sum, Vector x, Vector weights) {
    return _mm512_dpbusd_epi32(sum, x, weights);
  }
  static GANNET_AVX512_INLINE __m512 End(Sum sum, const Column& column, const Scales& scales,
                                         size_t row) {
    const RowScale& of_row = scales.rows[row];
    const __m512i centred =
        _mm512_sub_epi32(sum, _mm512_mullo_epi32(_mm512_set1_epi32(of_row.zero), column.sum));
    return _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(centred), column.scale),
                           _mm512_set1_ps(of_row.scale), column.bias);
  }
};

// kRows rows, `x_stride` bytes apart, by `columns` columns of a panel. The loops over constants are
// unrolled at every level of optimisation: the sums must stay in registers.
template <typename Step, size_t kRows>
GANNET_AVX512 void MultiplyRows(const char* x, size_t x_stride, const char* panel, size_t groups,
                                const typename Step::Scales& scales, size_t columns, float* y,
                                size_t y_stride) {
  typename Step::Sum sum[kRows][kVectors];
#pragma GCC unroll 16
  for (size_t c = 0; c < kVectors; ++c) {
    const typename Step::Column column = Step::Load(scales, c * kLanes);
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) sum[r][c] = Step::Begin(column);
  }
  for (size_t k = 0; k < groups; ++k) {
    typename Step::Vector weights[kVectors];
#pragma GCC unroll 16
    for (size_t c = 0; c < kVectors; ++c) {
      const char* at = panel + k * kStepBytes + c * kLanes * kGroupBytes;
      weights[c] = Step::Of(_mm512_loadu_si512(at));
      _mm_prefetch(at + kBytesAhead, _MM_HINT_T0);
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
      int32_t group = 0;
      std::memcpy(&group, x + r * x_stride + k * kGroupBytes, sizeof(group));
      const typename Step::Vector inputs = Step::Of(_mm512_set1_epi32(group));
#pragma GCC unroll 16
      for (size_t c = 0; c < kVectors; ++c) sum[r][c] = Step::Add(sum[r][c], inputs, weights[c]);
    }
  }
#pragma GCC unroll 16
  for (size_t c = 0; c < kVectors; ++c) {
    if (c * kLanes >= columns) break;
    const size_t left = columns - c * kLanes;
    const auto mask = static_cast<__mmask16>(left < kLanes ? (1U << left) - 1 : 0xFFFFU);
    const typename Step::Column column = Step::Load(scales, c * kLanes);
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
      _mm512_mask_storeu_ps(y + r * y_stride + c * kLanes, mask,
                            Step::End(sum[r][c], column, scales, r));
    }
  }
}

// How many panels at a time: together their weights fit the second cache, and the epilogue gets
// stretches that are worth a call while they are in the first.
template <typename Weights>
size_t PanelsAtATime(const Weights& weights) {
  constexpr size_t kBytes = size_t{400} << 10;
  constexpr size_t kMost = 4;
  return std::clamp(kBytes / (weights.groups() * kStepBytes), size_t{1}, kMost);
}

// `x` has rows of weights.inputs() values; scales(row, panel) are those of a block.
template <typename Step, typename Weights, typename T, typename ScalesOf>
void Multiply(const Weights& weights, const T* x, const PanelRun& run, ScalesOf scales) {
  constexpr decltype(&MultiplyRows<Step, 1>) kOfRows[kMostRows] = {
      MultiplyRows<Step, 1>, MultiplyRows<Step, 2>, MultiplyRows<Step, 3>,
      MultiplyRows<Step, 4>, MultiplyRows<Step, 5>, MultiplyRows<Step, 6>};
  const size_t stride = weights.inputs() * sizeof(T);
  ForEachBlock<kMostRows>(run, weights.outputs(), PanelsAtATime(weights),
                          [&](size_t row, size_t rows, size_t panel, size_t count, float* y) {
                            kOfRows[rows - 1](
                                reinterpret_cast<const char*>(x) + row * stride, stride,
                                reinterpret_cast<const char*>(weights.panel(panel)),
                                weights.groups(), scales(row, panel), count, y, run.stride);
                          });
}

void MultiplyFp32(const Fp32Weights& weights, std::span<const float> bias, const float* x,
                  const PanelRun& run) {
  Multiply<Fp32Step>(weights, x, run, [&](size_t, size_t panel) {
    return Fp32Step::Scales{bias.data() + panel * kPanelColumns};
  });
}

void MultiplyBf16(const Bf16Weights& weights, std::span<const float> bias,
                  std::span<const uint16_t* const> x, const PanelRun& run) {
  Multiply<Bf16Step>(weights, x.front(), run, [&](size_t, size_t panel) {
    return Bf16Step::Scales{bias.data() + panel * kPanelColumns};
  });
}

void MultiplyInt8(const Int8Weights& weights, const ColumnScales& columns, const uint8_t* x,
                  const RowScale* scales, const PanelRun& run) {
  Multiply<Int8Step>(weights, x, run, [&](size_t row, size_t panel) {
    return Int8Step::Scales{columns.subspan(panel * kPanelColumns, kPanelColumns), scales + row};
  });
}

GANNET_AVX512 void RoundToBf16(const float* x, size_t count, std::span<uint16_t* const> parts) {
  uint16_t* const out = parts.front();
  for (size_t i = 0; i < count; i += kLanes) {
    const auto mask =
        static_cast<__mmask16>(count - i < kLanes ? (1U << (count - i)) - 1 : 0xFFFFU);
    const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, x + i));
    _mm256_mask_storeu_epi16(out + i, mask, (__m256i)rounded);
  }
}

constexpr Fp32Panels kFp32{.name = "avx512", .multiply = MultiplyFp32};
constexpr Bf16Panels kBf16{.name = "avx512_bf16",
                           .group_multiple = 1,
                           .row_multiple = 1,
                           .split = RoundToBf16,
                           .multiply = MultiplyBf16,
                           .multiply_fp32 = nullptr};
constexpr Int8Panels kInt8{
    .name = "avx512_vnni", .group_multiple = 1, .row_multiple = 1, .multiply = MultiplyInt8};

}  // namespace
}  // namespace gannet::encoder::kernels

#undef GANNET_AVX512_INLINE
#undef GANNET_AVX512
#pragma GCC diagnostic pop
#endif  // defined(__x86_64__)

namespace gannet::encoder::kernels {

const Fp32Panels* Avx512Fp32Panels() {
#if defined(__x86_64__)
  return HasAvx512() ? &kFp32 : nullptr;
#else
  return nullptr;
#endif
}

const Bf16Panels* Avx512Bf16Panels() {
#if defined(__x86_64__)
  return HasBf16() ? &kBf16 : nullptr;
#else
  return nullptr;
#endif
}

const Int8Panels* Avx512Int8Panels() {
#if defined(__x86_64__)
  return HasVnni() ? &kInt8 : nullptr;
#else
  return nullptr;
#endif
}

}  // namespace gannet::encoder::kernels
