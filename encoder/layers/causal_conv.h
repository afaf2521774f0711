#ifndef GANNET_ENCODER_LAYERS_CAUSAL_CONV_H_
#define GANNET_ENCODER_LAYERS_CAUSAL_CONV_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/causal_conv.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/sequence_chunk.h"

namespace gannet::encoder {

// A short depthwise convolution that looks back only: NAME.weight [channels, 1, taps], as PyTorch's
// Conv1d stores it, and NAME.bias [channels].
class CausalConv {
 public:
  static absl::StatusOr<CausalConv> Load(const Checkpoint& checkpoint, std::string_view name,
                                         size_t channels, size_t taps, Bias bias);

  size_t channels() const { return bias_.size(); }
  size_t history() const { return taps_ - 1; }  // Rows before its own that a row looks at.

  // out = conv(x) for rows [first, first + rows) of the chunk. `x` is row 0 of the chunk, and
  // history() rows of what came before lie in front of it; sequences that begin in the chunk see
  // zeros there. out: [rows, channels()], its first row belongs to `first`.
  void Apply(const SequenceChunk& chunk, const float* x, size_t stride, size_t first, size_t rows,
             float* out) const;

 private:
  size_t taps_ = 0;
  std::vector<float> weight_;  // [taps, channels]
  std::vector<float> bias_;    // [channels]
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_CAUSAL_CONV_H_
