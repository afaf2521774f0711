#include "encoder/kernels/selective_scan.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numbers>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "encoder/kernels/selective_scan.cc"
#include <hwy/foreach_target.h>
// Highway's own headers must come after foreach_target.h.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gannet::encoder::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kBlock = ScanParameters::kBlock;
using D = hn::CappedTag<float, kBlock>;
using V = hn::Vec<D>;

// 2^x for x <= 0, relative error below 3e-7: 2^f by its Taylor series on |f| <= 1/2, whose next
// term is below 1.2e-7, moved to its place by the exponent. Below −126 it stays 2^−126, which is
// zero beside any state.
V Exp2(D d, V x) {
  x = hn::Max(x, hn::Set(d, -126.0F));
  const V whole = hn::Round(x);
  const V f = hn::Sub(x, whole);
  V p = hn::Set(d, 1.5403530393e-04F);
  p = hn::MulAdd(p, f, hn::Set(d, 1.3333558146e-03F));
  p = hn::MulAdd(p, f, hn::Set(d, 9.6181291076e-03F));
  p = hn::MulAdd(p, f, hn::Set(d, 5.5504108665e-02F));
  p = hn::MulAdd(p, f, hn::Set(d, 2.4022650696e-01F));
  p = hn::MulAdd(p, f, hn::Set(d, 6.9314718056e-01F));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0F));
  const hn::RebindToSigned<D> di;
  const auto exponent = hn::ShiftLeft<23>(hn::ConvertTo(di, whole));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
}

// x / (1 + exp(−x))
V Silu(D d, V x) {
  const V e = hn::Exp(d, hn::Min(hn::Neg(x), hn::Set(d, 88.0F)));
  return hn::Div(x, hn::Add(hn::Set(d, 1.0F), e));
}

// The first `count` values at p; the others are zero.
V LoadSome(D d, const float* p, size_t count) {
  if (count >= hn::Lanes(d)) return hn::LoadU(d, p);
  std::array<float, kBlock> padded{};
  std::memcpy(padded.data(), p, count * sizeof(float));
  return hn::LoadU(d, padded.data());
}

void StoreSome(V v, D d, float* p, size_t count) {
  if (count >= hn::Lanes(d)) return hn::StoreU(v, d, p);
  std::array<float, kBlock> padded{};
  hn::StoreU(v, d, padded.data());
  std::memcpy(p, padded.data(), count * sizeof(float));
}

// s := decay ⊙ s + input B_t for all states of a vector of channels; returns s C_t. `DecayOf` gives
// the decay of state n.
template <typename DecayOf>
V Step(D d, DecayOf decay_of, V input, const float* b, const float* c, size_t states, float* s) {
  V y = hn::Zero(d);
  for (size_t n = 0; n < states; ++n, s += kBlock) {
    const V state = hn::MulAdd(decay_of(n), hn::LoadU(d, s), hn::Mul(input, hn::Set(d, b[n])));
    hn::StoreU(state, d, s);
    y = hn::MulAdd(state, hn::Set(d, c[n]), y);
  }
  return y;
}

// A whole vector of channels, from `channel` on, of which `count` are there. `a` and `s` point at
// its lanes.
template <ScanParameters::Decay kDecay>
void ScanLanes(const ScanInput& in, size_t channel, size_t count, size_t states, const float* a,
               V skip, float* s, float* y, size_t y_stride) {
  const D d;
  for (size_t t = 0; t < in.rows; ++t) {
    const V x = LoadSome(d, in.x.data + t * in.x.stride + channel, count);
    const V delta = LoadSome(d, in.delta.data + t * in.delta.stride + channel, count);
    const V input = hn::Mul(delta, x);
    const float* const b = in.b.data + t * in.b.stride;
    const float* const c = in.c.data + t * in.c.stride;
    V sum;
    if constexpr (kDecay == ScanParameters::Decay::kOfState) {
      const auto decay = [&](size_t n) HWY_ATTR {
        return Exp2(d, hn::Mul(delta, hn::LoadU(d, a + n * kBlock)));
      };
      sum = Step(d, decay, input, b, c, states, s);
    } else {
      const V decay = Exp2(d, hn::Mul(delta, hn::LoadU(d, a)));
      sum = Step(
          d, [&](size_t) HWY_ATTR { return decay; }, input, b, c, states, s);
    }
    sum = hn::MulAdd(skip, x, sum);
    if (in.gate.data != nullptr) {
      sum = hn::Mul(sum, Silu(d, LoadSome(d, in.gate.data + t * in.gate.stride + channel, count)));
    }
    StoreSome(sum, d, y + t * y_stride + channel, count);
  }
}

}  // namespace

void ScanBlock(const ScanParameters& parameters, const ScanInput& in, size_t block, float* state,
               float* y, size_t y_stride) {
  const D d;
  const size_t lanes = hn::Lanes(d), states = parameters.states();
  const auto scan = parameters.decay() == ScanParameters::Decay::kOfState
                        ? ScanLanes<ScanParameters::Decay::kOfState>
                        : ScanLanes<ScanParameters::Decay::kOfChannel>;
  for (size_t lane = 0; lane < kBlock; lane += lanes) {
    const size_t channel = block * kBlock + lane;
    if (channel >= parameters.channels()) return;
    scan(in, channel, parameters.channels() - channel, states, parameters.BlockOfA(block) + lane,
         hn::LoadU(d, parameters.BlockOfD(block) + lane), state + block * kBlock * states + lane, y,
         y_stride);
  }
}

}  // namespace gannet::encoder::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gannet::encoder::kernels {

HWY_EXPORT(ScanBlock);

ScanParameters::ScanParameters(Decay decay, std::span<const float> a, std::span<const float> d,
                               size_t states)
    : channels_(d.size()), states_(states), decay_(decay) {
  const size_t per_channel = decay_ == Decay::kOfState ? states : 1;
  a_.resize(blocks() * kBlock * per_channel);
  d_.resize(blocks() * kBlock);
  std::copy(d.begin(), d.end(), d_.begin());
  for (size_t c = 0; c < channels_; ++c) {
    for (size_t n = 0; n < per_channel; ++n) {
      a_[(c / kBlock * per_channel + n) * kBlock + c % kBlock] =
          a[c * per_channel + n] * std::numbers::log2e_v<float>;
    }
  }
}

void SelectiveScan(const ScanParameters& parameters, const ScanInput& input, size_t first,
                   size_t end, float* state, float* y, size_t y_stride) {
  for (size_t block = first; block < end; ++block) {
    HWY_DYNAMIC_DISPATCH(ScanBlock)(parameters, input, block, state, y, y_stride);
  }
}

}  // namespace gannet::encoder::kernels
#endif  // HWY_ONCE
