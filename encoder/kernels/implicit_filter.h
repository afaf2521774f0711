#ifndef GANNET_ENCODER_KERNELS_IMPLICIT_FILTER_H_
#define GANNET_ENCODER_KERNELS_IMPLICIT_FILTER_H_

#include <cstddef>
#include <span>

namespace gannet::encoder::kernels {

// x := sin(ω ⊙ x) for each row of ω.size() values; |ω x| is below 39,000.
void ScaledSines(std::span<const float> omega, std::span<float> x);

// k_tc := k_tc exp(−τ_t δ_c) for τ.size() rows of δ.size() values, τ δ >= 0.
void Modulate(std::span<const float> tau, std::span<const float> delta, float* k);

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_IMPLICIT_FILTER_H_
