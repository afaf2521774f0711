#include "encoder/kernels/quantize.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "encoder/kernels/quantize.cc"
#include <hwy/foreach_target.h>
// Highway's own headers must come after foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gannet::encoder::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr size_t kMostLanes = 64;  // Of fp32, of any target.

uint16_t NearestBf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

void RoundToBf16Impl(const float* HWY_RESTRICT x, size_t count, uint16_t* HWY_RESTRICT out) {
  const D d;
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint16_t, D> d16;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto bits = hn::BitCast(du, hn::LoadU(d, x + i));
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
    const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(hn::Set(du, 0x7FFFU), odd)));
    hn::StoreU(hn::DemoteTo(d16, hn::BitCast(di, rounded)), d16, out + i);
  }
  for (; i < count; ++i) out[i] = NearestBf16(x[i]);
}

// A row times a factor for each of its values; null for none.
template <bool kHasFactors>
struct ScaledRow {
  const float* x;
  const float* factors;

  V At(D d, size_t i) const {
    const V v = hn::LoadU(d, x + i);
    if constexpr (kHasFactors) return hn::Mul(v, hn::LoadU(d, factors + i));
    return v;
  }
  float operator[](size_t i) const {
    if constexpr (kHasFactors) return x[i] * factors[i];
    return x[i];
  }
};

// Smallest and largest of a row and 0; NaN for a row with a value that is not finite, which minimum
// and maximum may pass over.
template <typename Row>
void RangeWithZero(Row x, size_t count, float& low, float& high) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V lowest = hn::Zero(d), highest = hn::Zero(d), zeros = hn::Zero(d), more_zeros = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    const V v = x.At(d, i), w = x.At(d, i + lanes);
    lowest = hn::Min(lowest, hn::Min(v, w));
    highest = hn::Max(highest, hn::Max(v, w));
    zeros = hn::MulAdd(v, hn::Zero(d), zeros);
    more_zeros = hn::MulAdd(w, hn::Zero(d), more_zeros);
  }
  zeros = hn::Add(zeros, more_zeros);
  float zero = hn::GetLane(hn::SumOfLanes(d, zeros));
  low = hn::GetLane(hn::MinOfLanes(d, lowest));
  high = hn::GetLane(hn::MaxOfLanes(d, highest));
  for (; i < count; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
    zero += x[i] * 0.0F;
  }
  low += zero;
  high += zero;
}

// Not lrint: its rounding follows the mode of the thread.
int32_t NearestInt(float value) { return static_cast<int32_t>(std::nearbyint(value)); }

template <typename Row>
RowScale QuantizeScaledRow(Row x, size_t count, int levels, uint8_t* HWY_RESTRICT out) {
  const D d;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint8_t, D> d8;
  const size_t lanes = hn::Lanes(d);
  const int32_t top = levels - 1;
  float low = 0, high = 0;
  RangeWithZero(x, count, low, high);
  const float scale = (high - low) / static_cast<float>(top);
  const float inverse = static_cast<float>(top) / (high - low);
  if (!std::isfinite(scale) || !std::isfinite(inverse)) {  // Not finite, or as good as zeros.
    std::fill_n(out, count, uint8_t{0});
    return {.scale = std::isfinite(scale) ? 1 : std::numeric_limits<float>::quiet_NaN()};
  }
  const int32_t zero = std::clamp(NearestInt(-low * inverse), 0, top);
  // Adding 1.5 · 2²³ rounds to the nearest integer and leaves it in the lowest bits.
  constexpr float kMagic = 12582912.0F;
  const V factor = hn::Set(d, inverse), magic = hn::Set(d, kMagic);
  const auto offset = hn::Set(di, zero - std::bit_cast<int32_t>(kMagic));
  const auto most = hn::Set(di, top);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const V rounded = hn::Add(hn::Mul(x.At(d, i), factor), magic);
    const auto q = hn::Add(hn::BitCast(di, rounded), offset);
    hn::StoreU(hn::DemoteTo(d8, hn::Min(q, most)), d8, out + i);  // Below 0 becomes 0.
  }
  for (; i < count; ++i) {
    out[i] = static_cast<uint8_t>(std::clamp(NearestInt(x[i] * inverse) + zero, 0, top));
  }
  return {scale, zero};
}

RowScale QuantizeRowImpl(const float* HWY_RESTRICT x, const float* HWY_RESTRICT factors,
                         size_t count, int levels, uint8_t* HWY_RESTRICT out) {
  if (factors == nullptr)
    return QuantizeScaledRow(ScaledRow<false>{x, factors}, count, levels, out);
  return QuantizeScaledRow(ScaledRow<true>{x, factors}, count, levels, out);
}

// What one vector of columns stands for, in rows that share the loads of its scales.
struct ColumnVector {
  V scale;
  hn::Vec<hn::RebindToSigned<D>> sum;
  V bias;
};

HWY_INLINE V DequantizeVector(const int32_t* sums, RowScale row, const ColumnVector& column) {
  const D d;
  const hn::RebindToSigned<D> di;
  const auto centred = hn::Sub(hn::LoadU(di, sums), hn::Mul(hn::Set(di, row.zero), column.sum));
  return hn::MulAdd(hn::Mul(hn::ConvertTo(d, centred), column.scale), hn::Set(d, row.scale),
                    column.bias);
}

void DequantizeImpl(const int32_t* HWY_RESTRICT sums, size_t sums_stride,
                    const RowScale* HWY_RESTRICT rows, size_t row_count,
                    const ColumnScales& columns, float* HWY_RESTRICT y, size_t stride) {
  const D d;
  const hn::RebindToSigned<D> di;
  const size_t lanes = hn::Lanes(d), count = columns.scale.size();
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const ColumnVector column{hn::LoadU(d, columns.scale.data() + i),
                              hn::LoadU(di, columns.sum.data() + i),
                              hn::LoadU(d, columns.bias.data() + i)};
    for (size_t r = 0; r < row_count; ++r) {
      hn::StoreU(DequantizeVector(sums + r * sums_stride + i, rows[r], column), d,
                 y + r * stride + i);
    }
  }
  if (i == count) return;
  const size_t rest = count - i;
  int32_t s[kMostLanes] = {}, c[kMostLanes] = {};
  float w[kMostLanes] = {}, b[kMostLanes] = {}, out[kMostLanes];
  std::copy_n(columns.sum.data() + i, rest, c);
  std::copy_n(columns.scale.data() + i, rest, w);
  std::copy_n(columns.bias.data() + i, rest, b);
  for (size_t r = 0; r < row_count; ++r) {
    std::copy_n(sums + r * sums_stride + i, rest, s);
    hn::StoreU(DequantizeVector(s, rows[r], {hn::LoadU(d, w), hn::LoadU(di, c), hn::LoadU(d, b)}),
               d, out);
    std::copy_n(out, rest, y + r * stride + i);
  }
}

}  // namespace gannet::encoder::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gannet::encoder::kernels {

HWY_EXPORT(RoundToBf16Impl);
HWY_EXPORT(QuantizeRowImpl);
HWY_EXPORT(DequantizeImpl);

void RoundToBf16(std::span<const float> x, uint16_t* out) {
  HWY_DYNAMIC_DISPATCH(RoundToBf16Impl)(x.data(), x.size(), out);
}

float FromBf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

RowScale QuantizeRow(std::span<const float> x, std::span<const float> factors, int levels,
                     uint8_t* out) {
  assert(factors.empty() || factors.size() == x.size());
  return HWY_DYNAMIC_DISPATCH(QuantizeRowImpl)(x.data(), factors.empty() ? nullptr : factors.data(),
                                               x.size(), levels, out);
}

float QuantizeSymmetric(std::span<const float> x, int8_t* out) {
  float largest = 0;
  for (const float v : x) largest = std::max(largest, std::abs(v));
  const float scale = std::max(largest / 127, std::numeric_limits<float>::min());
  for (size_t i = 0; i < x.size(); ++i) {
    out[i] = static_cast<int8_t>(std::nearbyint(x[i] / scale));
  }
  return scale;
}

void Dequantize(const int32_t* sums, size_t sums_stride, std::span<const RowScale> rows,
                const ColumnScales& columns, float* y, size_t stride) {
  HWY_DYNAMIC_DISPATCH(DequantizeImpl)
  (sums, sums_stride, rows.data(), rows.size(), columns, y, stride);
}

}  // namespace gannet::encoder::kernels
#endif  // HWY_ONCE
