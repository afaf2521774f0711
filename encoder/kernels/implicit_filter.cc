#include "encoder/kernels/implicit_filter.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "encoder/kernels/implicit_filter.cc"
#include <hwy/foreach_target.h>
// Highway's own headers must come after foreach_target.h.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gannet::encoder::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Calls f(tag, i) for whole vectors of `count` values and then for single values.
template <typename Function>
HWY_INLINE void ForEachVector(size_t count, Function f) {
  const hn::ScalableTag<float> d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) f(d, i);
  for (; i < count; ++i) f(hn::CappedTag<float, 1>(), i);
}

}  // namespace

void ScaledSinesImpl(const float* omega, size_t size, float* x) {
  ForEachVector(size, [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::Sin(d, hn::Mul(hn::LoadU(d, omega + i), hn::LoadU(d, x + i))), d, x + i);
  });
}

void ModulateImpl(float tau, const float* delta, size_t size, float* k) {
  ForEachVector(size, [&](auto d, size_t i) HWY_ATTR {
    const auto exponent = hn::Mul(hn::Set(d, -tau), hn::LoadU(d, delta + i));
    const auto decay = hn::Exp(d, hn::Max(exponent, hn::Set(d, -87.0F)));
    hn::StoreU(hn::Mul(hn::LoadU(d, k + i), decay), d, k + i);
  });
}

}  // namespace gannet::encoder::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gannet::encoder::kernels {

HWY_EXPORT(ScaledSinesImpl);
HWY_EXPORT(ModulateImpl);

void ScaledSines(std::span<const float> omega, std::span<float> x) {
  for (size_t row = 0; row < x.size(); row += omega.size()) {
    HWY_DYNAMIC_DISPATCH(ScaledSinesImpl)(omega.data(), omega.size(), x.data() + row);
  }
}

void Modulate(std::span<const float> tau, std::span<const float> delta, float* k) {
  for (const float t : tau) {
    HWY_DYNAMIC_DISPATCH(ModulateImpl)(t, delta.data(), delta.size(), k);
    k += delta.size();
  }
}

}  // namespace gannet::encoder::kernels
#endif  // HWY_ONCE
