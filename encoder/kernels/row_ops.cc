#include "encoder/kernels/row_ops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "encoder/kernels/row_ops.cc"
#include <hwy/foreach_target.h>
// Highway's own headers must come after foreach_target.h.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gannet::encoder::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr size_t kMostLanes = 64;  // Of fp32, of any target.

// Calls `f` on whole vectors of x and, through a padded copy, on the rest.
template <typename Function>
void MapInPlace(float* x, size_t count, Function f) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(f(d, hn::LoadU(d, x + i)), d, x + i);
  if (i < count) {
    std::array<float, kMostLanes> rest{};
    std::memcpy(rest.data(), x + i, (count - i) * sizeof(float));
    hn::StoreU(f(d, hn::LoadU(d, rest.data())), d, rest.data());
    std::memcpy(x + i, rest.data(), (count - i) * sizeof(float));
  }
}

// x / y within 2 units in the last place, for 1 <= y <= 1e6. Where there is a good first guess (14
// bits), a step of Newton's takes half as long as the division.
V Quotient(D d, V x, V y) {
#if HWY_TARGET <= HWY_AVX3
  const V guess = hn::ApproximateReciprocal(y);
  return hn::Mul(x, hn::Mul(guess, hn::NegMulAdd(y, guess, hn::Set(d, 2.0F))));
#else
  (void)d;
  return hn::Div(x, y);
#endif
}

// erf(z), absolute error below 1e-7: z P(z²)/Q(z²) on |z| <= 3.925, beyond which erf is 1 in fp32.
// Coefficients: our own minimax fit (iteratively re-weighted least squares in double precision).
V Erf(D d, V z) {
  const V limit = hn::Set(d, 3.925F);
  z = hn::Max(hn::Neg(limit), hn::Min(z, limit));
  const V u = hn::Mul(z, z);
  V p = hn::Set(d, 2.030853599e-06F);
  p = hn::MulAdd(p, u, hn::Set(d, 2.874922958e-04F));
  p = hn::MulAdd(p, u, hn::Set(d, 3.876360463e-03F));
  p = hn::MulAdd(p, u, hn::Set(d, 5.308444894e-02F));
  p = hn::MulAdd(p, u, hn::Set(d, 1.929734174e-01F));
  p = hn::MulAdd(p, u, hn::Set(d, 1.128379020e+00F));
  V q = hn::Set(d, 3.803129405e-05F);
  q = hn::MulAdd(q, u, hn::Set(d, 1.189757097e-03F));
  q = hn::MulAdd(q, u, hn::Set(d, 1.518842144e-02F));
  q = hn::MulAdd(q, u, hn::Set(d, 1.151678009e-01F));
  q = hn::MulAdd(q, u, hn::Set(d, 5.043498759e-01F));
  q = hn::MulAdd(q, u, hn::Set(d, 1.0F));
  return Quotient(d, hn::Mul(z, p), q);
}

void GeluImpl(float* x, size_t count) {
  MapInPlace(x, count, [](D d, V v) {
    const V erf = Erf(d, hn::Mul(v, hn::Set(d, 0.70710678118654752F)));
    const V half = hn::Mul(v, hn::Set(d, 0.5F));
    return hn::MulAdd(half, erf, half);
  });
}

// With erf(x/√2) = x P(x²)/Q(x²) on |x| <= 4.144, and the machine's first guess (12 bits at least)
// at 1/Q. Coefficients: as of Erf, with an absolute error of 3.6e-5.
void RoundedGeluImpl(float* x, size_t count) {
  MapInPlace(x, count, [](D d, V v) {
    const V limit = hn::Set(d, 4.1436457F);
    const V z = hn::Max(hn::Neg(limit), hn::Min(v, limit));
    const V u = hn::Mul(z, z);
    V p = hn::Set(d, 5.375614846e-03F);
    p = hn::MulAdd(p, u, hn::Set(d, 6.926821700e-02F));
    p = hn::MulAdd(p, u, hn::Set(d, 7.977155704e-01F));
    V q = hn::Set(d, 4.374895545e-04F);
    q = hn::MulAdd(q, u, hn::Set(d, 2.458359570e-02F));
    q = hn::MulAdd(q, u, hn::Set(d, 2.527396942e-01F));
    q = hn::MulAdd(q, u, hn::Set(d, 1.0F));
    const V erf = hn::Mul(hn::Mul(z, p), hn::ApproximateReciprocal(q));
    const V half = hn::Mul(v, hn::Set(d, 0.5F));
    return hn::MulAdd(half, erf, half);
  });
}

void GeluTanhImpl(float* x, size_t count) {
  MapInPlace(x, count, [](D d, V v) {
    const V cube = hn::Mul(v, hn::Mul(v, v));
    const V inner =
        hn::Mul(hn::Set(d, 0.79788456080286536F), hn::MulAdd(hn::Set(d, 0.044715F), cube, v));
    const V half = hn::Mul(v, hn::Set(d, 0.5F));
    return hn::MulAdd(half, hn::Tanh(d, inner), half);
  });
}

// x / (1 + exp(−x)); the exponential is held below the largest fp32.
V Silu(D d, V x) {
  const V e = hn::Exp(d, hn::Min(hn::Neg(x), hn::Set(d, 88.0F)));
  return hn::Div(x, hn::Add(hn::Set(d, 1.0F), e));
}

void SiluImpl(float* x, size_t count) {
  MapInPlace(x, count, [](D d, V v) { return Silu(d, v); });
}

void ReluImpl(float* x, size_t count) {
  // As a mask, because the maximum of NaN and 0 differs between instruction sets.
  MapInPlace(x, count, [](D d, V v) { return hn::IfThenZeroElse(hn::Lt(v, hn::Zero(d)), v); });
}

// max(x, 0) + log(1 + exp(−|x|)): neither term overflows.
void SoftplusImpl(float* x, size_t count) {
  MapInPlace(x, count, [](D d, V v) {
    const V e = hn::Exp(d, hn::Max(hn::Neg(hn::Abs(v)), hn::Set(d, -87.0F)));
    const V positive = hn::IfThenZeroElse(hn::Lt(v, hn::Zero(d)), v);
    return hn::Add(positive, hn::Log1p(d, e));
  });
}

void MultiplyImpl(const float* y, float* x, size_t count) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::Mul(hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, x + i);
  }
  for (; i < count; ++i) x[i] *= y[i];
}

void AddImpl(const float* y, float* x, size_t count) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, x + i);
  }
  for (; i < count; ++i) x[i] += y[i];
}

// Sum over a row of term(i), which reads a whole vector at i; `count` is a multiple of the vector.
// Four running sums hide the latency of the additions; their order is fixed.
template <typename Term>
float SumRow(size_t count, Term term) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V sum0 = hn::Zero(d), sum1 = hn::Zero(d), sum2 = hn::Zero(d), sum3 = hn::Zero(d);
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    sum0 = hn::Add(sum0, term(i));
    sum1 = hn::Add(sum1, term(i + lanes));
    sum2 = hn::Add(sum2, term(i + 2 * lanes));
    sum3 = hn::Add(sum3, term(i + 3 * lanes));
  }
  for (; i < count; i += lanes) sum0 = hn::Add(sum0, term(i));
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3))));
}

// 1/√v, and NaN for an infinite v: 0 would turn a row whose squares overflow into a plausible one.
float InverseRoot(float v) { return 1.0F / std::sqrt(v) + v * 0.0F; }

// One row whose length is a multiple of the vector; see AddLayerNormImpl for the others.
void NormalizeRow(const float* x, const float* residual, size_t size, const float* gamma,
                  const float* beta, float epsilon, float* out) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto count = static_cast<float>(size);
  const V mean = hn::Set(d, SumRow(size, [&](size_t i) {
                              V v = hn::LoadU(d, x + i);
                              if (residual != nullptr) v = hn::Add(v, hn::LoadU(d, residual + i));
                              hn::StoreU(v, d, out + i);
                              return v;
                            }) / count);
  const float variance = SumRow(size,
                                [&](size_t i) {
                                  const V centred = hn::Sub(hn::LoadU(d, out + i), mean);
                                  return hn::Mul(centred, centred);
                                }) /
                         count;
  const V scale = hn::Set(d, InverseRoot(variance + epsilon));
  for (size_t i = 0; i < size; i += lanes) {
    const V normal = hn::Mul(hn::Sub(hn::LoadU(d, out + i), mean), scale);
    hn::StoreU(hn::MulAdd(normal, hn::LoadU(d, gamma + i), hn::LoadU(d, beta + i)), d, out + i);
  }
}

// Rows that do not fill whole vectors are rare (tests and tiny models): plain loops.
void NormalizeOddRow(const float* x, const float* residual, size_t size, const float* gamma,
                     const float* beta, float epsilon, float* out) {
  float sum = 0;
  for (size_t i = 0; i < size; ++i) {
    out[i] = x[i] + (residual != nullptr ? residual[i] : 0.0F);
    sum += out[i];
  }
  const float mean = sum / static_cast<float>(size);
  float squares = 0;
  for (size_t i = 0; i < size; ++i) squares += (out[i] - mean) * (out[i] - mean);
  const float scale = InverseRoot(squares / static_cast<float>(size) + epsilon);
  for (size_t i = 0; i < size; ++i) out[i] = (out[i] - mean) * scale * gamma[i] + beta[i];
}

void AddLayerNormImpl(const float* x, const float* residual, size_t rows, size_t size,
                      const float* gamma, const float* beta, float epsilon, float* out) {
  const auto normalize = size % hn::Lanes(D()) == 0 ? NormalizeRow : NormalizeOddRow;
  for (size_t r = 0; r < rows; ++r) {
    const float* row_residual = residual == nullptr ? nullptr : residual + r * size;
    normalize(x + r * size, row_residual, size, gamma, beta, epsilon, out + r * size);
  }
}

void RmsNormRow(const float* x, size_t size, const float* gamma, float epsilon, float* out) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const float squares = SumRow(size, [&](size_t i) {
    const V v = hn::LoadU(d, x + i);
    return hn::Mul(v, v);
  });
  const V scale = hn::Set(d, InverseRoot(squares / static_cast<float>(size) + epsilon));
  for (size_t i = 0; i < size; i += lanes) {
    const V normal = hn::Mul(hn::LoadU(d, x + i), scale);
    hn::StoreU(hn::Mul(normal, hn::LoadU(d, gamma + i)), d, out + i);
  }
}

void RmsNormOddRow(const float* x, size_t size, const float* gamma, float epsilon, float* out) {
  float squares = 0;
  for (size_t i = 0; i < size; ++i) squares += x[i] * x[i];
  const float scale = InverseRoot(squares / static_cast<float>(size) + epsilon);
  for (size_t i = 0; i < size; ++i) out[i] = x[i] * scale * gamma[i];
}

void RmsNormImpl(const float* x, size_t rows, size_t size, const float* gamma, float epsilon,
                 float* out) {
  const auto normalize = size % hn::Lanes(D()) == 0 ? RmsNormRow : RmsNormOddRow;
  for (size_t r = 0; r < rows; ++r) normalize(x + r * size, size, gamma, epsilon, out + r * size);
}

// x · 0 is NaN where x is not finite, and NaN stays in a sum.
float SumOfZeros(const float* x, size_t count) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V sum = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    sum = hn::MulAdd(hn::LoadU(d, x + i), hn::Zero(d), sum);
  }
  float rest = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < count; ++i) rest += x[i] * 0.0F;
  return rest;
}

void RotateImpl(float* x, size_t half, const float* cosines, const float* sines) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= half; i += lanes) {
    const V a = hn::LoadU(d, x + i), b = hn::LoadU(d, x + half + i);
    const V cosine = hn::LoadU(d, cosines + i), sine = hn::LoadU(d, sines + i);
    hn::StoreU(hn::Sub(hn::Mul(a, cosine), hn::Mul(b, sine)), d, x + i);
    hn::StoreU(hn::Add(hn::Mul(b, cosine), hn::Mul(a, sine)), d, x + half + i);
  }
  for (; i < half; ++i) {
    const float a = x[i], b = x[half + i];
    x[i] = a * cosines[i] - b * sines[i];
    x[half + i] = b * cosines[i] + a * sines[i];
  }
}

}  // namespace gannet::encoder::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gannet::encoder::kernels {

HWY_EXPORT(GeluImpl);
HWY_EXPORT(RoundedGeluImpl);
HWY_EXPORT(GeluTanhImpl);
HWY_EXPORT(SiluImpl);
HWY_EXPORT(ReluImpl);
HWY_EXPORT(SoftplusImpl);
HWY_EXPORT(MultiplyImpl);
HWY_EXPORT(AddImpl);
HWY_EXPORT(AddLayerNormImpl);
HWY_EXPORT(RmsNormImpl);
HWY_EXPORT(SumOfZeros);
HWY_EXPORT(RotateImpl);

void Gelu(std::span<float> x) { HWY_DYNAMIC_DISPATCH(GeluImpl)(x.data(), x.size()); }

void RoundedGelu(std::span<float> x) { HWY_DYNAMIC_DISPATCH(RoundedGeluImpl)(x.data(), x.size()); }

Activation ActivationFor(Precision precision, Activation activation) {
  return precision != Precision::kFp32 && activation == Gelu ? RoundedGelu : activation;
}

void GeluTanh(std::span<float> x) { HWY_DYNAMIC_DISPATCH(GeluTanhImpl)(x.data(), x.size()); }

void Silu(std::span<float> x) { HWY_DYNAMIC_DISPATCH(SiluImpl)(x.data(), x.size()); }

void Relu(std::span<float> x) { HWY_DYNAMIC_DISPATCH(ReluImpl)(x.data(), x.size()); }

void Softplus(std::span<float> x) { HWY_DYNAMIC_DISPATCH(SoftplusImpl)(x.data(), x.size()); }

void Multiply(std::span<const float> y, float* x) {
  HWY_DYNAMIC_DISPATCH(MultiplyImpl)(y.data(), x, y.size());
}

void GatedRows(Activation activation, const float* gate_up, size_t rows, size_t size, float* out) {
  for (size_t r = 0; r < rows; ++r) {
    const float* gate = gate_up + r * 2 * size;
    std::copy_n(gate, size, out + r * size);
    activation(std::span(out + r * size, size));
    Multiply({gate + size, size}, out + r * size);
  }
}

void Add(std::span<const float> y, float* x) {
  HWY_DYNAMIC_DISPATCH(AddImpl)(y.data(), x, y.size());
}

void AddLayerNorm(const float* x, const float* residual, size_t rows,
                  const LayerNormParameters& parameters, float* out) {
  HWY_DYNAMIC_DISPATCH(AddLayerNormImpl)
  (x, residual, rows, parameters.gamma.size(), parameters.gamma.data(), parameters.beta.data(),
   parameters.epsilon, out);
}

void RmsNorm(const float* x, size_t rows, std::span<const float> gamma, float epsilon, float* out) {
  HWY_DYNAMIC_DISPATCH(RmsNormImpl)(x, rows, gamma.size(), gamma.data(), epsilon, out);
}

bool AllFinite(std::span<const float> x) {
  return HWY_DYNAMIC_DISPATCH(SumOfZeros)(x.data(), x.size()) == 0;
}

void RotateHalves(std::span<float> x, const float* cosines, const float* sines) {
  HWY_DYNAMIC_DISPATCH(RotateImpl)(x.data(), x.size() / 2, cosines, sines);
}

}  // namespace gannet::encoder::kernels
#endif  // HWY_ONCE
