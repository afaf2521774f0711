#ifndef GANNET_ENCODER_KERNELS_ROW_OPS_H_
#define GANNET_ENCODER_KERNELS_ROW_OPS_H_

#include <cstddef>
#include <span>

#include "encoder/kernels/precision.h"

namespace gannet::encoder::kernels {

// Operations on rows of fp32, with the best instructions of the machine (Highway). The result for a
// row depends on that row alone, byte for byte.

// x := x Φ(x), with Φ the normal distribution function: the GELU that configurations call "gelu".
// Absolute error below 2.5e-7 max(1, |x|).
void Gelu(std::span<float> x);

// The same for what is rounded to bfloat16 or int8 next: absolute error below 2.5e-4 max(1, |x|).
void RoundedGelu(std::span<float> x);

// x := x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))): "gelu_new", "gelu_pytorch_tanh".
void GeluTanh(std::span<float> x);

// x := x / (1 + exp(−x)): "silu", "swish".
void Silu(std::span<float> x);

// x := max(x, 0), NaN for NaN.
void Relu(std::span<float> x);

// x := log(1 + exp(x)), relative error below 1e-6.
void Softplus(std::span<float> x);

// One of the above.
using Activation = void (*)(std::span<float> x);

// The form of an activation whose values are the inputs of a layer of that precision.
Activation ActivationFor(Precision precision, Activation activation);

// out = f(g) ⊙ u for each of `rows` rows [g | u] of 2 × `size` values (Shazeer 2020,
// arXiv:2002.05202): SwiGLU with f = Silu, GeGLU with Gelu or GeluTanh. out: [rows, size].
void GatedRows(Activation activation, const float* gate_up, size_t rows, size_t size, float* out);

// x := x ⊙ y for the y.size() values at x.
void Multiply(std::span<const float> y, float* x);

// x := x + y for the y.size() values at x.
void Add(std::span<const float> y, float* x);

// out = LayerNorm(x + residual) γ + β for each of `rows` rows of γ.size() values:
// LayerNorm(v) = (v − mean v) / √(var v + epsilon), with the biased variance.
// `residual` may be null (nothing is added); `out` may be `x` or `residual`.
struct LayerNormParameters {
  std::span<const float> gamma;
  std::span<const float> beta;
  float epsilon = 1e-12F;
};
void AddLayerNorm(const float* x, const float* residual, size_t rows,
                  const LayerNormParameters& parameters, float* out);

// out = x / √(mean x² + epsilon) γ for each of `rows` rows of γ.size() values (Zhang & Sennrich
// 2019, arXiv:1910.07467); `out` may be `x`.
void RmsNorm(const float* x, size_t rows, std::span<const float> gamma, float epsilon, float* out);

// Whether none of the values is an infinity or NaN.
bool AllFinite(std::span<const float> x);

// Rotates the pairs (x_i, x_{i+n}), n = x.size() / 2, by angles given by n cosines and n sines.
void RotateHalves(std::span<float> x, const float* cosines, const float* sines);

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_ROW_OPS_H_
