#ifndef GANNET_ENCODER_KERNELS_SELECTIVE_SCAN_H_
#define GANNET_ENCODER_KERNELS_SELECTIVE_SCAN_H_

#include <cstddef>
#include <span>
#include <vector>

namespace gannet::encoder::kernels {

// Rows of a matrix: row t starts at data + t * stride.
struct StridedRows {
  const float* data = nullptr;
  size_t stride = 0;
};

// A_cn < 0 and D_c of a state-space layer, laid out for SelectiveScan.
class ScanParameters {
 public:
  // Channels are scanned in blocks of this many.
  static constexpr size_t kBlock = 16;

  // Mamba-1: a decay for each state, `a` is [channels, states]; `d` is [channels].
  static ScanParameters OfStates(std::span<const float> a, std::span<const float> d,
                                 size_t states) {
    return ScanParameters(Decay::kOfState, a, d, states);
  }
  // Mamba-2: one decay for all states of a channel, `a` and `d` are [channels].
  static ScanParameters OfChannels(std::span<const float> a, std::span<const float> d,
                                   size_t states) {
    return ScanParameters(Decay::kOfChannel, a, d, states);
  }

  enum class Decay { kOfState, kOfChannel };
  Decay decay() const { return decay_; }

  size_t channels() const { return channels_; }
  size_t states() const { return states_; }
  size_t blocks() const { return (channels_ + kBlock - 1) / kBlock; }
  // Values of the state of all channels, s_cn at ((c / 16) states + n) 16 + c % 16.
  size_t state_size() const { return blocks() * kBlock * states_; }

  const float* BlockOfA(size_t block) const {
    return a_.data() + block * kBlock * (decay_ == Decay::kOfState ? states_ : 1);
  }
  const float* BlockOfD(size_t block) const { return d_.data() + block * kBlock; }

 private:
  ScanParameters(Decay decay, std::span<const float> a, std::span<const float> d, size_t states);

  size_t channels_;
  size_t states_;
  Decay decay_;
  std::vector<float> a_;  // A log₂e, in blocks, [states][16] or [16] each.
  std::vector<float> d_;  // Padded to whole blocks.
};

// What a stretch of one sequence is scanned over; rows of B and C have states() values, the others
// channels().
struct ScanInput {
  size_t rows = 0;
  StridedRows x;
  StridedRows delta;  // Δ_t >= 0
  StridedRows b;
  StridedRows c;
  StridedRows gate;  // z_t; data is null for none.
};

// The selective state-space recurrence (Gu & Dao 2023, arXiv:2312.00752; Dao & Gu 2024,
// arXiv:2405.21060), in fp32:
//   s_t = exp(Δ_t ⊗ A) ⊙ s_{t−1} + (Δ_t ⊙ x_t) ⊗ B_t
//   y_t = s_t C_t + D ⊙ x_t, and y_t ⊙ silu(z_t) where there is a gate
// for the channels of blocks [first, end), whose part of `state` holds s_{−1} before and s_{rows−1}
// after. Cutting a sequence into stretches, or its channels into blocks, leaves the bytes as they
// are. `y`: row t at y + t * y_stride.
void SelectiveScan(const ScanParameters& parameters, const ScanInput& input, size_t first,
                   size_t end, float* state, float* y, size_t y_stride);

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_SELECTIVE_SCAN_H_
