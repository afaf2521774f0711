#include "encoder/kernels/long_conv.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "encoder/kernels/long_conv.cc"
#include <hwy/foreach_target.h>
// Highway's own headers must come after foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gannet::encoder::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kBlock = LongConvPlan::kBlock;
constexpr size_t kPoint = LongConvPlan::kPoint;
using D = hn::CappedTag<float, kBlock>;
using V = hn::Vec<D>;

// A number of each lane's channel.
struct Complex {
  V re, im;
};

HWY_INLINE Complex LoadPoint(D d, const float* p) {
  return {hn::LoadU(d, p), hn::LoadU(d, p + kBlock)};
}
HWY_INLINE void StorePoint(Complex v, D d, float* p) {
  hn::StoreU(v.re, d, p);
  hn::StoreU(v.im, d, p + kBlock);
}
HWY_INLINE Complex Add(Complex a, Complex b) { return {hn::Add(a.re, b.re), hn::Add(a.im, b.im)}; }
HWY_INLINE Complex Sub(Complex a, Complex b) { return {hn::Sub(a.re, b.re), hn::Sub(a.im, b.im)}; }
HWY_INLINE Complex TimesI(Complex a) { return {hn::Neg(a.im), a.re}; }
HWY_INLINE Complex Mul(Complex a, V re, V im) {
  return {hn::NegMulAdd(a.im, im, hn::Mul(a.re, re)), hn::MulAdd(a.im, re, hn::Mul(a.re, im))};
}
// Times w, or its conjugate, at (w[0], w[1]).
HWY_INLINE Complex MulBy(Complex a, D d, const float* w) {
  return Mul(a, hn::Set(d, w[0]), hn::Set(d, w[1]));
}
HWY_INLINE Complex MulByConjugate(Complex a, D d, const float* w) {
  const V re = hn::Set(d, w[0]), im = hn::Set(d, w[1]);
  return {hn::MulAdd(a.im, im, hn::Mul(a.re, re)), hn::NegMulAdd(a.re, im, hn::Mul(a.im, re))};
}

// One butterfly of the forward transform; `w` is null for the twiddles 1.
HWY_INLINE void ForwardButterfly(D d, float* x, size_t quarter, const float* w) {
  const Complex a = LoadPoint(d, x), b = LoadPoint(d, x + quarter),
                c = LoadPoint(d, x + 2 * quarter), e = LoadPoint(d, x + 3 * quarter);
  const Complex even = Add(a, c), odd = Sub(a, c), sum = Add(b, e), turned = TimesI(Sub(b, e));
  Complex y1 = Sub(odd, turned), y2 = Sub(even, sum), y3 = Add(odd, turned);
  if (w != nullptr) {
    y1 = MulBy(y1, d, w);
    y2 = MulBy(y2, d, w + 2);
    y3 = MulBy(y3, d, w + 4);
  }
  StorePoint(Add(even, sum), d, x);
  StorePoint(y1, d, x + quarter);
  StorePoint(y2, d, x + 2 * quarter);
  StorePoint(y3, d, x + 3 * quarter);
}

HWY_INLINE void InverseButterfly(D d, float* x, size_t quarter, const float* w) {
  const Complex y0 = LoadPoint(d, x);
  Complex y1 = LoadPoint(d, x + quarter), y2 = LoadPoint(d, x + 2 * quarter),
          y3 = LoadPoint(d, x + 3 * quarter);
  if (w != nullptr) {
    y1 = MulByConjugate(y1, d, w);
    y2 = MulByConjugate(y2, d, w + 2);
    y3 = MulByConjugate(y3, d, w + 4);
  }
  const Complex even = Add(y0, y2), odd = Sub(y0, y2), sum = Add(y1, y3),
                turned = TimesI(Sub(y1, y3));
  StorePoint(Add(even, sum), d, x);
  StorePoint(Add(odd, turned), d, x + quarter);
  StorePoint(Sub(even, sum), d, x + 2 * quarter);
  StorePoint(Sub(odd, turned), d, x + 3 * quarter);
}

HWY_INLINE void Pair(D d, float* x) {
  const Complex a = LoadPoint(d, x), b = LoadPoint(d, x + kPoint);
  StorePoint(Add(a, b), d, x);
  StorePoint(Sub(a, b), d, x + kPoint);
}

// In place; the frequencies come out in digit-reversed order. Decimation in frequency by 4, and by
// 2 at the end where the size is no power of 4.
void Forward(D d, const LongConvPlan::Transform& transform, float* x) {
  const float* w = transform.twiddles.data();
  size_t size = transform.size;
  for (; size >= 4; size /= 4) {
    const size_t quarter = size / 4;
    for (size_t block = 0; block < transform.size; block += size) {
      float* const first = x + block * kPoint;
      ForwardButterfly(d, first, quarter * kPoint, nullptr);
      for (size_t j = 1; j < quarter; ++j) {
        ForwardButterfly(d, first + j * kPoint, quarter * kPoint, w + 6 * j);
      }
    }
    w += 6 * quarter;
  }
  if (size == 2) {
    for (size_t block = 0; block < transform.size; block += 2) Pair(d, x + block * kPoint);
  }
}

// The inverse of Forward, but for a factor of the size.
void Inverse(D d, const LongConvPlan::Transform& transform, float* x) {
  const float* w = transform.twiddles.data() + transform.twiddles.size();
  size_t size = std::countr_zero(transform.size) % 2 == 0 ? 1 : 2;
  if (size == 2) {
    for (size_t block = 0; block < transform.size; block += 2) Pair(d, x + block * kPoint);
  }
  for (size *= 4; size <= transform.size; size *= 4) {
    const size_t quarter = size / 4;
    w -= 6 * quarter;
    for (size_t block = 0; block < transform.size; block += size) {
      float* const first = x + block * kPoint;
      InverseButterfly(d, first, quarter * kPoint, nullptr);
      for (size_t j = 1; j < quarter; ++j) {
        InverseButterfly(d, first + j * kPoint, quarter * kPoint, w + 6 * j);
      }
    }
  }
}

// The first `count` values at p, the others zero.
HWY_INLINE V LoadSome(D d, const float* p, size_t count) {
  if (HWY_LIKELY(count >= hn::Lanes(d))) return hn::LoadU(d, p);
  std::array<float, kBlock> padded{};
  std::memcpy(padded.data(), p, count * sizeof(float));
  return hn::LoadU(d, padded.data());
}

HWY_INLINE void StoreSome(V v, D d, float* p, size_t count) {
  if (HWY_LIKELY(count >= hn::Lanes(d))) return hn::StoreU(v, d, p);
  std::array<float, kBlock> padded{};
  hn::StoreU(v, d, padded.data());
  std::memcpy(p, padded.data(), count * sizeof(float));
}

// The first step, of the column n₂: point(n) is the input; what leaves goes into the rows.
template <typename Point>
HWY_INLINE void ForwardColumn(D d, const LongConvPlan& plan, size_t n2, Point point, float* column,
                              float* rows) {
  const size_t n1 = plan.columns().size;
  for (size_t i = 0; i < n1; ++i) {
    StorePoint(MulBy(point(i * plan.rows().size + n2), d, plan.weights() + 2 * i), d,
               column + i * kPoint);
  }
  Forward(d, plan.columns(), column);
  const float* const twiddles = plan.twiddles() + 2 * n2 * n1;
  for (size_t i = 0; i < n1; ++i) {
    StorePoint(MulBy(LoadPoint(d, column + i * kPoint), d, twiddles + 2 * i), d,
               rows + i * plan.row_stride() + n2 * kPoint);
  }
}

// The first `count` lanes of the rows of u, zero beyond the length.
HWY_INLINE Complex RealPoint(D d, const LongConvPlan& plan, const float* u, size_t stride,
                             size_t count, size_t n) {
  const V re = n < plan.length() ? LoadSome(d, u + n * stride, count) : hn::Zero(d);
  return {re, hn::Zero(d)};
}

// Spectra in either form, as fp32.
HWY_INLINE V LoadSpectrum(D d, const float* p) { return hn::LoadU(d, p); }
HWY_INLINE V LoadSpectrum(D d, const uint16_t* p) {
  const hn::Rebind<uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> wide;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(wide, hn::LoadU(narrow, p))));
}

// The middle step, of one row: forth, times the spectrum, and back.
template <typename T>
HWY_INLINE void MultiplyRow(D d, const LongConvPlan& plan, const T* spectrum, float* row) {
  Forward(d, plan.rows(), row);
  for (size_t i = 0; i < plan.rows().size; ++i) {
    const T* const s = spectrum + i * kPoint;
    StorePoint(Mul(LoadPoint(d, row + i * kPoint), LoadSpectrum(d, s), LoadSpectrum(d, s + kBlock)),
               d, row + i * kPoint);
  }
  Inverse(d, plan.rows(), row);
}

// The last step: emit(n, conv_n) for the column n₂.
template <typename Emit>
HWY_INLINE void InverseColumn(D d, const LongConvPlan& plan, size_t n2, const float* rows,
                              float* column, Emit emit) {
  const size_t n1 = plan.columns().size;
  const float* const twiddles = plan.twiddles() + 2 * n2 * n1;
  for (size_t i = 0; i < n1; ++i) {
    StorePoint(MulByConjugate(LoadPoint(d, rows + i * plan.row_stride() + n2 * kPoint), d,
                              twiddles + 2 * i),
               d, column + i * kPoint);
  }
  Inverse(d, plan.columns(), column);
  for (size_t i = 0; i < n1; ++i) {
    const size_t n = i * plan.rows().size + n2;
    if (n >= plan.length()) return;
    // The real part of the product with the conjugate.
    const Complex v = LoadPoint(d, column + i * kPoint);
    const V re = hn::Set(d, plan.weights()[2 * i]), im = hn::Set(d, plan.weights()[2 * i + 1]);
    emit(n, hn::MulAdd(v.im, im, hn::Mul(v.re, re)));
  }
}

template <typename T>
void ConvolveLanes(D d, const LongConvPlan& plan, const T* spectrum, const float* skip,
                   const float* u, size_t stride, size_t count, ConvOutput output, float* scratch,
                   float* y) {
  float* const column = scratch + plan.columns().size * plan.row_stride();
  const size_t n1 = plan.columns().size, n2 = plan.rows().size;
  for (size_t i = 0; i < n2; ++i) {
    ForwardColumn(
        d, plan, i, [&](size_t n) HWY_ATTR { return RealPoint(d, plan, u, stride, count, n); },
        column, scratch);
  }
  for (size_t i = 0; i < n1; ++i) {
    MultiplyRow(d, plan, spectrum + i * n2 * kPoint, scratch + i * plan.row_stride());
  }
  const V of_now = LoadSome(d, skip, count);
  for (size_t i = 0; i < n2; ++i) {
    InverseColumn(d, plan, i, scratch, column, [&](size_t n, V conv) HWY_ATTR {
      conv = hn::MulAdd(of_now, LoadSome(d, u + n * stride, count), conv);
      float* const out = y + n * stride;
      const V there = LoadSome(d, out, count);
      StoreSome(output == ConvOutput::kAdd ? hn::Add(there, conv) : hn::Mul(there, conv), d, out,
                count);
    });
  }
}

}  // namespace

void TransformImpl(const LongConvPlan& plan, const float* forward, const float* backward,
                   size_t stride, size_t channels, float* scratch, float* spectrum) {
  const D d;
  const size_t points = plan.points(), length = plan.length();
  float* const column = scratch + plan.columns().size * plan.row_stride();
  const V scale = hn::Set(d, 1.0F / static_cast<float>(points));
  for (size_t lane = 0; lane < channels; lane += hn::Lanes(d)) {
    const size_t count = channels - lane;
    for (size_t i = 0; i < plan.rows().size; ++i) {
      const auto point = [&](size_t n) HWY_ATTR {
        Complex k = {hn::Zero(d), hn::Zero(d)};
        if (n < length) k.re = LoadSome(d, forward + n * stride + lane, count);
        // b_{m−1} belongs to z^{−m}, which is i z^{M−m}.
        const size_t back = points - n;
        if (back < length) k.im = LoadSome(d, backward + (back - 1) * stride + lane, count);
        return k;
      };
      ForwardColumn(d, plan, i, point, column + lane, scratch + lane);
    }
    for (size_t i = 0; i < plan.columns().size; ++i) {
      float* const row = scratch + i * plan.row_stride() + lane;
      Forward(d, plan.rows(), row);
      for (size_t j = 0; j < plan.rows().size; ++j) {
        const Complex v = LoadPoint(d, row + j * kPoint);
        StorePoint({hn::Mul(v.re, scale), hn::Mul(v.im, scale)}, d,
                   spectrum + (i * plan.rows().size + j) * kPoint + lane);
      }
    }
  }
}

void ConvolveImpl(const LongConvPlan& plan, const BlockSpectrum& spectrum, const float* skip,
                  const float* u, size_t stride, size_t channels, ConvOutput output, float* scratch,
                  float* y) {
  const D d;
  for (size_t lane = 0; lane < channels; lane += hn::Lanes(d)) {
    const size_t count = channels - lane;
    if (spectrum.bf16 != nullptr) {
      ConvolveLanes(d, plan, spectrum.bf16 + lane, skip + lane, u + lane, stride, count, output,
                    scratch + lane, y + lane);
    } else {
      ConvolveLanes(d, plan, spectrum.fp32 + lane, skip + lane, u + lane, stride, count, output,
                    scratch + lane, y + lane);
    }
  }
}

}  // namespace gannet::encoder::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gannet::encoder::kernels {
namespace {

// e^{−2πi turns}
void AppendRoot(double turns, std::vector<float>& values) {
  const double angle = -2 * std::numbers::pi * turns;
  values.push_back(static_cast<float>(std::cos(angle)));
  values.push_back(static_cast<float>(std::sin(angle)));
}

LongConvPlan::Transform MakeTransform(size_t size) {
  LongConvPlan::Transform transform{size, {}};
  for (size_t stage = size; stage >= 4; stage /= 4) {
    for (size_t j = 0; j < stage / 4; ++j) {
      for (size_t power = 1; power <= 3; ++power) {
        AppendRoot(static_cast<double>(power * j) / static_cast<double>(stage), transform.twiddles);
      }
    }
  }
  return transform;
}

// The frequency that the forward transform leaves at a position.
size_t FrequencyAt(size_t position, size_t size) {
  if (size == 1) return 0;
  const size_t radix = size >= 4 ? 4 : 2, part = size / radix;
  return radix * FrequencyAt(position % part, part) + position / part;
}

}  // namespace

LongConvPlan::LongConvPlan(size_t length) : length_(length) {
  const size_t points = std::bit_ceil(length);
  const size_t n1 = size_t{1} << (std::countr_zero(points) / 2), n2 = points / n1;
  columns_ = MakeTransform(n1);
  rows_ = MakeTransform(n2);
  // The transform at the frequencies k + 1/4: z^M = −i.
  for (size_t i = 0; i < n1; ++i) {
    AppendRoot(static_cast<double>(i) / (4 * static_cast<double>(n1)), weights_);
  }
  for (size_t i = 0; i < n2; ++i) {
    for (size_t p = 0; p < n1; ++p) {
      const double frequency = static_cast<double>(FrequencyAt(p, n1)) + 0.25;
      AppendRoot(static_cast<double>(i) * frequency / static_cast<double>(points), twiddles_);
    }
  }
}

HWY_EXPORT(TransformImpl);
HWY_EXPORT(ConvolveImpl);

void TransformFilters(const LongConvPlan& plan, const float* forward, const float* backward,
                      size_t stride, size_t channels, float* scratch, float* spectrum) {
  HWY_DYNAMIC_DISPATCH(TransformImpl)
  (plan, forward, backward, stride, channels, scratch, spectrum);
}

void LongConv(const LongConvPlan& plan, const BlockSpectrum& spectrum, const float* skip,
              const float* u, size_t stride, size_t channels, ConvOutput output, float* scratch,
              float* y) {
  HWY_DYNAMIC_DISPATCH(ConvolveImpl)
  (plan, spectrum, skip, u, stride, channels, output, scratch, y);
}

}  // namespace gannet::encoder::kernels
#endif  // HWY_ONCE
