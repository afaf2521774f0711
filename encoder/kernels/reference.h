#ifndef GANNET_ENCODER_KERNELS_REFERENCE_H_
#define GANNET_ENCODER_KERNELS_REFERENCE_H_

#include <cstddef>
#include <span>

#include "encoder/kernels/attention.h"
#include "encoder/kernels/causal_conv.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/kernels/selective_scan.h"

// The kernels once more as their formulas, in double precision and plain loops: what the fast ones
// are tested against.
namespace gannet::encoder::kernels::reference {

void Linear(std::span<const float> x, std::span<const float> weight, std::span<const float> bias,
            std::span<float> y);
void Gelu(std::span<float> x);
void GeluTanh(std::span<float> x);
void Silu(std::span<float> x);
void Relu(std::span<float> x);
void Softplus(std::span<float> x);
void AddLayerNorm(const float* x, const float* residual, size_t rows,
                  const LayerNormParameters& parameters, float* out);
void RmsNorm(const float* x, size_t rows, std::span<const float> gamma, float epsilon, float* out);
void RotateHalves(std::span<float> x, const float* cosines, const float* sines);
void Attend(HeadRows queries, HeadRows keys, HeadRows values, size_t rows, size_t length,
            size_t head_dim, const AttentionOptions& options, float* out, size_t out_stride);
void CausalConv(const CausalConvWeights& weights, const float* x, size_t stride, size_t before,
                size_t rows, float* out);
// `a` and `d` as ScanParameters takes them, `state` as [channels, states].
void SelectiveScan(std::span<const float> a, std::span<const float> d, size_t states,
                   const ScanInput& input, std::span<double> state, float* y, size_t y_stride);
// One channel by the sums: f and b are [u.size()], y is overwritten.
void LongConv(std::span<const float> forward, std::span<const float> backward, double skip,
              std::span<const float> u, std::span<double> y);

}  // namespace gannet::encoder::kernels::reference

#endif  // GANNET_ENCODER_KERNELS_REFERENCE_H_
