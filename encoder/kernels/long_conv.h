#ifndef GANNET_ENCODER_KERNELS_LONG_CONV_H_
#define GANNET_ENCODER_KERNELS_LONG_CONV_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "encoder/kernels/precision.h"

namespace gannet::encoder::kernels {

// Convolutions over time as long as the sequence itself, looking forth and back:
//   y_t = D u_t + Σ_{s<=t} f_{t−s} u_s + Σ_{s>t} b_{s−t−1} u_s
// with filters f and b and skip D of each channel, by Fourier transforms.
//
// Channels are transformed 16 at a time, each in a lane of its own: the arithmetic of a channel
// does not depend on the others, and rows of activations, [rows, channels], are read as they lie. A
// transform of M points, the power of two from `length` on, is cut into columns of N₁ and rows of
// N₂ points that fit the cache (Bailey 1990's four steps, the Monarch factorisation of M2-BERT).
//
// Zero padding to 2M would keep what wraps around out of the result; instead the polynomials are
// multiplied modulo z^M + i (a right-angle circular convolution): of real u and f, what wraps
// around comes out imaginary, and so do the powers below z⁰ when b enters multiplied by i. So M
// points do.
class LongConvPlan {
 public:
  static constexpr size_t kBlock = 16;  // Channels.

  explicit LongConvPlan(size_t length);

  size_t length() const { return length_; }
  size_t points() const { return columns_.size * rows_.size; }  // M

  // Values of the room that a transform needs.
  size_t scratch_size() const { return columns_.size * row_stride() + columns_.size * kPoint; }
  // Values of the spectrum of a block of channels.
  size_t spectrum_size() const { return points() * kPoint; }

  // Used by the kernels. A point is 16 real parts and 16 imaginary ones.
  static constexpr size_t kPoint = 2 * kBlock;
  struct Transform {
    size_t size = 0;
    std::vector<float> twiddles;  // Of each stage of radix 4: w, w², w³ of each j.
  };
  const Transform& columns() const { return columns_; }  // N₁
  const Transform& rows() const { return rows_; }        // N₂
  // One point more than a row has, so that the points of a column do not share a cache set.
  size_t row_stride() const { return (rows_.size + 1) * kPoint; }
  const float* weights() const { return weights_.data(); }    // e^{−iπ n₁/(2N₁)}
  const float* twiddles() const { return twiddles_.data(); }  // Between the steps, [N₂, N₁].

 private:
  size_t length_;
  Transform columns_;
  Transform rows_;
  std::vector<float> weights_;
  std::vector<float> twiddles_;
};

// The spectra of the filters of a block of channels, in fp32 or rounded to bfloat16 (half the
// memory; what is computed stays in fp32).
struct BlockSpectrum {
  const float* fp32 = nullptr;  // One of the two.
  const uint16_t* bf16 = nullptr;
};

// Transforms the filters of `channels` <= 16 channels: f_t and b_t at forward + t * stride and
// backward + t * stride for t < length (the last of b is not looked at). `scratch` has
// plan.scratch_size() values, `spectrum` plan.spectrum_size().
void TransformFilters(const LongConvPlan& plan, const float* forward, const float* backward,
                      size_t stride, size_t channels, float* scratch, float* spectrum);

// What is done with the convolution: it multiplies what is there, or is added to it.
enum class ConvOutput { kMultiply, kAdd };

// y := y ⊙ conv(u), or y + conv(u), for `channels` <= 16 channels of plan.length() rows: rows of u
// and y start `stride` values apart. `skip` is D, [channels].
void LongConv(const LongConvPlan& plan, const BlockSpectrum& spectrum, const float* skip,
              const float* u, size_t stride, size_t channels, ConvOutput output, float* scratch,
              float* y);

}  // namespace gannet::encoder::kernels

#endif  // GANNET_ENCODER_KERNELS_LONG_CONV_H_
