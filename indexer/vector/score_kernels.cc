#include "indexer/vector/score_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "indexer/vector/score_kernels.cc"
#include <hwy/foreach_target.h>
// Highway's own headers must come after foreach_target.h.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#ifndef GANNET_INDEXER_VECTOR_SCORE_KERNELS_ONCE
#define GANNET_INDEXER_VECTOR_SCORE_KERNELS_ONCE
#if HWY_ARCH_X86_64
#include <immintrin.h>
#endif

namespace gannet::indexer::kernels {

constexpr size_t kRowsAtOnce = 4;

// Calls four(rows, i) for every four picked rows and one(row, i) for the rest, fetching ahead. Rows
// that lie one after another go one by one: the processor's own fetching follows one stream best.
template <typename Four, typename One>
HWY_INLINE void ForRows(const PickedRows& picked, const Four& four, const One& one) {
  constexpr size_t kCacheLine = 64;
  if (picked.numbers == nullptr) {
    for (size_t i = 0; i < picked.count; ++i) one(picked.table + i * picked.row_bytes, i);
    return;
  }
  const auto row = [&](size_t i) { return picked.table + picked.numbers[i] * picked.row_bytes; };
  const auto fetch = [&](size_t first) {
    for (size_t i = first; i < std::min(first + kRowsAtOnce, picked.count); ++i) {
      for (size_t at = 0; at < picked.row_bytes; at += kCacheLine) hwy::Prefetch(row(i) + at);
    }
  };
  fetch(0);
  size_t i = 0;
  for (; i + kRowsAtOnce <= picked.count; i += kRowsAtOnce) {
    fetch(i + kRowsAtOnce);
    const std::byte* rows[kRowsAtOnce] = {row(i), row(i + 1), row(i + 2), row(i + 3)};
    four(rows, i);
  }
  for (; i < picked.count; ++i) one(row(i), i);
}

}  // namespace gannet::indexer::kernels
#endif  // GANNET_INDEXER_VECTOR_SCORE_KERNELS_ONCE

HWY_BEFORE_NAMESPACE();
namespace gannet::indexer::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// At most 16 lanes, so that two vectors never pass a step.
using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
using D16 = hn::CappedTag<int16_t, 32>;

struct Fp32 {
  static HWY_INLINE V Load(D d, const std::byte* row, size_t i) {
    return hn::LoadU(d, reinterpret_cast<const float*>(row) + i);
  }
};

struct Fp16 {
  static HWY_INLINE V Load(D d, const std::byte* row, size_t i) {
    const hn::Rebind<hwy::float16_t, D> half;
    return hn::PromoteTo(d, hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(row) + i));
  }
};

struct Product {
  static HWY_INLINE V Add(V q, V x, V sum) { return hn::MulAdd(q, x, sum); }
};

struct SquaredDistance {
  static HWY_INLINE V Add(V q, V x, V sum) {
    const V difference = hn::Sub(q, x);
    return hn::MulAdd(difference, difference, sum);
  }
};

// Two sums a row, whatever the number of rows: the order of additions is the same in any company.
template <typename Format, typename Term, size_t kRows>
HWY_INLINE void SumRows(const float* HWY_RESTRICT query, const std::byte* const* rows,
                        size_t values, float* HWY_RESTRICT out) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V even[kRows], odd[kRows];
  for (size_t r = 0; r < kRows; ++r) even[r] = odd[r] = hn::Zero(d);
  for (size_t i = 0; i < values; i += 2 * lanes) {
    const V q0 = hn::LoadU(d, query + i), q1 = hn::LoadU(d, query + i + lanes);
    for (size_t r = 0; r < kRows; ++r) {
      even[r] = Term::Add(q0, Format::Load(d, rows[r], i), even[r]);
      odd[r] = Term::Add(q1, Format::Load(d, rows[r], i + lanes), odd[r]);
    }
  }
  for (size_t r = 0; r < kRows; ++r) {
    out[r] = hn::GetLane(hn::SumOfLanes(d, hn::Add(even[r], odd[r])));
  }
}

template <typename Format, typename Term>
HWY_INLINE void SumPicked(const float* query, const PickedRows& picked, size_t values, float* out) {
  ForRows(
      picked,
      [=](const std::byte* const* rows, size_t i)
          HWY_ATTR { SumRows<Format, Term, kRowsAtOnce>(query, rows, values, out + i); },
      [=](const std::byte* row, size_t i)
          HWY_ATTR { SumRows<Format, Term, 1>(query, &row, values, out + i); });
}

void ProductsFp32Impl(const float* query, const PickedRows& rows, size_t values, float* out) {
  SumPicked<Fp32, Product>(query, rows, values, out);
}

void ProductsFp16Impl(const float* query, const PickedRows& rows, size_t values, float* out) {
  SumPicked<Fp16, Product>(query, rows, values, out);
}

void DistancesFp32Impl(const float* query, const PickedRows& rows, size_t values, float* out) {
  SumPicked<Fp32, SquaredDistance>(query, rows, values, out);
}

void DistancesFp16Impl(const float* query, const PickedRows& rows, size_t values, float* out) {
  SumPicked<Fp16, SquaredDistance>(query, rows, values, out);
}

// Bytes widened to 16 bits and multiplied in pairs.
template <size_t kRows>
HWY_INLINE void SumIntegers(const int16_t* HWY_RESTRICT query, const std::byte* const* rows,
                            size_t values, int32_t* HWY_RESTRICT out) {
  const D16 d;
  const hn::Rebind<uint8_t, D16> bytes;
  const hn::RepartitionToWide<D16> d32;
  using V32 = hn::Vec<decltype(d32)>;
  V32 sum[kRows], carried[kRows];
  for (size_t r = 0; r < kRows; ++r) sum[r] = carried[r] = hn::Zero(d32);
  for (size_t i = 0; i < values; i += hn::Lanes(d)) {
    const auto q = hn::LoadU(d, query + i);
    for (size_t r = 0; r < kRows; ++r) {
      const auto u = hn::LoadU(bytes, reinterpret_cast<const uint8_t*>(rows[r]) + i);
      sum[r] = hn::ReorderWidenMulAccumulate(d32, q, hn::PromoteTo(d, u), sum[r], carried[r]);
    }
  }
  for (size_t r = 0; r < kRows; ++r) {
    out[r] = hn::GetLane(hn::SumOfLanes(d32, hn::Add(sum[r], carried[r])));
  }
}

#if HWY_TARGET == HWY_AVX3
// Products of bytes summed in one instruction, which this Highway does not offer. GCC 12 takes the
// unused operands inside its own intrinsics for uninitialised (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#define GANNET_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

template <size_t kRows>
GANNET_VNNI inline void SumBytes(const int8_t* query, const std::byte* const* rows, size_t values,
                                 int32_t* out) {
  __m512i sum[kRows];
  for (size_t r = 0; r < kRows; ++r) sum[r] = _mm512_setzero_si512();
  for (size_t i = 0; i < values; i += kInt8Step) {
    const __m512i q = _mm512_loadu_si512(query + i);
    for (size_t r = 0; r < kRows; ++r) {
      sum[r] = _mm512_dpbusd_epi32(sum[r], _mm512_loadu_si512(rows[r] + i), q);
    }
  }
  for (size_t r = 0; r < kRows; ++r) out[r] = _mm512_reduce_add_epi32(sum[r]);
}

GANNET_VNNI void ProductsInt8Vnni(const int8_t* q, const PickedRows& picked, size_t values,
                                  int32_t* out) {
  ForRows(
      picked,
      [=](const std::byte* const* rows, size_t i)
          GANNET_VNNI { SumBytes<kRowsAtOnce>(q, rows, values, out + i); },
      [=](const std::byte* row, size_t i) GANNET_VNNI { SumBytes<1>(q, &row, values, out + i); });
}

#undef GANNET_VNNI
#pragma GCC diagnostic pop
#endif

void ProductsInt8Impl(const Int8Query& query, const PickedRows& picked, size_t values,
                      int32_t* out) {
#if HWY_TARGET == HWY_AVX3
  if (__builtin_cpu_supports("avx512vnni")) {
    return ProductsInt8Vnni(query.narrow, picked, values, out);
  }
#endif
  const int16_t* q = query.wide;
  ForRows(
      picked,
      [=](const std::byte* const* rows, size_t i)
          HWY_ATTR { SumIntegers<kRowsAtOnce>(q, rows, values, out + i); },
      [=](const std::byte* row, size_t i) HWY_ATTR { SumIntegers<1>(q, &row, values, out + i); });
}

int32_t QueryFromInt8RowImpl(const std::byte* row, size_t values, int8_t* narrow, int16_t* wide) {
  const D16 d;
  const hn::Rebind<uint8_t, D16> bytes;
  const hn::Rebind<int8_t, D16> signed_bytes;
  const hn::RepartitionToWide<D16> d32;
  auto sum = hn::Zero(d32), carried = hn::Zero(d32);
  for (size_t i = 0; i < values; i += hn::Lanes(d)) {
    const auto u = hn::LoadU(bytes, reinterpret_cast<const uint8_t*>(row) + i);
    const auto q = hn::Sub(hn::PromoteTo(d, u), hn::Set(d, kInt8Offset));
    hn::StoreU(q, d, wide + i);
    hn::StoreU(hn::DemoteTo(signed_bytes, q), signed_bytes, narrow + i);
    sum = hn::ReorderWidenMulAccumulate(d32, q, hn::Set(d, 1), sum, carried);
  }
  return hn::GetLane(hn::SumOfLanes(d32, hn::Add(sum, carried)));
}

void WidenFp16Impl(const std::byte* row, size_t values, float* out) {
  const D d;
  for (size_t i = 0; i < values; i += hn::Lanes(d)) {
    hn::StoreU(Fp16::Load(d, row, i), d, out + i);
  }
}

}  // namespace gannet::indexer::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gannet::indexer::kernels {

HWY_EXPORT(ProductsFp32Impl);
HWY_EXPORT(ProductsFp16Impl);
HWY_EXPORT(DistancesFp32Impl);
HWY_EXPORT(DistancesFp16Impl);
HWY_EXPORT(ProductsInt8Impl);
HWY_EXPORT(QueryFromInt8RowImpl);
HWY_EXPORT(WidenFp16Impl);

void ProductsFp32(const float* query, const PickedRows& rows, size_t values, float* out) {
  HWY_DYNAMIC_DISPATCH(ProductsFp32Impl)(query, rows, values, out);
}

void ProductsFp16(const float* query, const PickedRows& rows, size_t values, float* out) {
  HWY_DYNAMIC_DISPATCH(ProductsFp16Impl)(query, rows, values, out);
}

void SquaredDistancesFp32(const float* query, const PickedRows& rows, size_t values, float* out) {
  HWY_DYNAMIC_DISPATCH(DistancesFp32Impl)(query, rows, values, out);
}

void SquaredDistancesFp16(const float* query, const PickedRows& rows, size_t values, float* out) {
  HWY_DYNAMIC_DISPATCH(DistancesFp16Impl)(query, rows, values, out);
}

void ProductsInt8(const Int8Query& query, const PickedRows& rows, size_t values, int32_t* out) {
  HWY_DYNAMIC_DISPATCH(ProductsInt8Impl)(query, rows, values, out);
}

int32_t QueryFromInt8Row(const std::byte* row, size_t values, int8_t* narrow, int16_t* wide) {
  return HWY_DYNAMIC_DISPATCH(QueryFromInt8RowImpl)(row, values, narrow, wide);
}

void WidenFp16(const std::byte* row, size_t values, float* out) {
  HWY_DYNAMIC_DISPATCH(WidenFp16Impl)(row, values, out);
}

}  // namespace gannet::indexer::kernels
#endif  // HWY_ONCE
