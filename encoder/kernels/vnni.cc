#include <cstring>

#include "encoder/kernels/panels_internal.h"
#include "encoder/kernels/precision.h"

// Highway 1.0 has no operation for these instructions: plain intrinsics, for x86-64 alone.
#if defined(__x86_64__)
#include <immintrin.h>

// GCC 12 takes the undefined operands inside its own intrinsics for ours (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#define GANNET_AVX512_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

namespace gannet::encoder::kernels {
namespace {

constexpr size_t kLanes = 16;
constexpr size_t kVectors = kPanelColumns / kLanes;
constexpr size_t kMostRows = 6;
constexpr size_t kStepBytes = kPanelColumns * kGroupBytes;
// Weights are read once for a few rows: far enough ahead to come from the third cache.
constexpr size_t kBytesAhead = 8 * kStepBytes;

// The loops over constants are unrolled at every level of optimisation: the sums must stay in
// registers.
template <size_t kRows>
GANNET_AVX512_VNNI void MultiplyRows(const uint8_t* x, const RowScale* rows, const int8_t* panel,
                                     size_t groups, const ColumnScales& columns, size_t count,
                                     float* y, size_t y_stride) {
  __m512i sum[kRows][kVectors];
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (size_t c = 0; c < kVectors; ++c) sum[r][c] = _mm512_setzero_si512();
  }
  const size_t x_stride = groups * kGroupBytes;
  for (size_t k = 0; k < groups; ++k) {
    __m512i weights[kVectors];
#pragma GCC unroll 16
    for (size_t c = 0; c < kVectors; ++c) {
      const int8_t* at = panel + k * kStepBytes + c * kLanes * kGroupBytes;
      weights[c] = _mm512_loadu_si512(at);
      _mm_prefetch(reinterpret_cast<const char*>(at) + kBytesAhead, _MM_HINT_T0);
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
      int32_t four = 0;
      std::memcpy(&four, x + r * x_stride + k * kGroupBytes, sizeof(four));
      const __m512i inputs = _mm512_set1_epi32(four);
#pragma GCC unroll 16
      for (size_t c = 0; c < kVectors; ++c) {
        sum[r][c] = _mm512_dpbusd_epi32(sum[r][c], inputs, weights[c]);
      }
    }
  }
#pragma GCC unroll 16
  for (size_t c = 0; c < kVectors; ++c) {
    if (c * kLanes >= count) break;
    const size_t left = count - c * kLanes;
    const auto mask = static_cast<__mmask16>(left < kLanes ? (1U << left) - 1 : 0xFFFFU);
    const __m512 scale = _mm512_loadu_ps(columns.scale.data() + c * kLanes);
    const __m512i column_sum = _mm512_loadu_si512(columns.sum.data() + c * kLanes);
    const __m512 bias = _mm512_loadu_ps(columns.bias.data() + c * kLanes);
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
      const __m512i centred = _mm512_sub_epi32(
          sum[r][c], _mm512_mullo_epi32(_mm512_set1_epi32(rows[r].zero), column_sum));
      const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(centred), scale);
      _mm512_mask_storeu_ps(y + r * y_stride + c * kLanes, mask,
                            _mm512_fmadd_ps(scaled, _mm512_set1_ps(rows[r].scale), bias));
    }
  }
}

void Multiply(const Panels<int8_t>& weights, const ColumnScales& columns, const uint8_t* x,
              const RowScale* scales, const PanelRun& run) {
  constexpr decltype(&MultiplyRows<1>) kOfRows[kMostRows] = {MultiplyRows<1>, MultiplyRows<2>,
                                                             MultiplyRows<3>, MultiplyRows<4>,
                                                             MultiplyRows<5>, MultiplyRows<6>};
  // A few panels at a time: together their weights fit the second cache, and the epilogue gets
  // stretches that are worth a call while they are in the first.
  ForEachBlock<kMostRows, /*kPanels=*/4>(
      run, weights.outputs(), [&](size_t row, size_t rows, size_t panel, size_t count, float* y) {
        kOfRows[rows - 1](x + row * weights.inputs(), scales + row, weights.panel(panel),
                          weights.groups(), columns.subspan(panel * kPanelColumns, kPanelColumns),
                          count, y, run.stride);
      });
}

constexpr Int8Panels kVnni{
    .name = "avx512_vnni", .group_multiple = 1, .row_multiple = 1, .multiply = Multiply};

}  // namespace
}  // namespace gannet::encoder::kernels

#undef GANNET_AVX512_VNNI
#pragma GCC diagnostic pop
#endif  // defined(__x86_64__)

namespace gannet::encoder::kernels {

const Int8Panels* VnniPanels() {
#if defined(__x86_64__)
  return HasVnni() ? &kVnni : nullptr;
#else
  return nullptr;
#endif
}

}  // namespace gannet::encoder::kernels
