#include "encoder/layers/causal_conv.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/status.h"

namespace gannet::encoder {

absl::StatusOr<CausalConv> CausalConv::Load(const Checkpoint& checkpoint, std::string_view name,
                                            size_t channels, size_t taps, Bias bias) {
  CausalConv conv;
  conv.taps_ = taps;
  GANNET_ASSIGN_OR_RETURN(const std::vector<float> weight,
                          checkpoint.Floats(fmt::format("{}.weight", name), {channels, 1, taps}));
  conv.weight_.resize(weight.size());
  for (size_t c = 0; c < channels; ++c) {
    for (size_t j = 0; j < taps; ++j) conv.weight_[j * channels + c] = weight[c * taps + j];
  }
  conv.bias_.resize(channels);
  if (bias == Bias::kPresent) {
    GANNET_ASSIGN_OR_RETURN(conv.bias_,
                            checkpoint.Floats(fmt::format("{}.bias", name), {channels}));
  }
  return conv;
}

void CausalConv::Apply(const SequenceChunk& chunk, const float* x, size_t stride, size_t first,
                       size_t rows, float* out) const {
  const kernels::CausalConvWeights weights{taps_, weight_, bias_};
  for (const SequenceChunk::Piece& piece : chunk.pieces) {
    const size_t begin = std::max(first, piece.first);
    const size_t end = std::min(first + rows, piece.first + piece.rows);
    if (begin >= end) continue;
    const size_t before = std::min(history(), piece.position + begin - piece.first);
    kernels::CausalConv(weights, x + begin * stride, stride, before, end - begin,
                        out + (begin - first) * channels());
  }
}

}  // namespace gannet::encoder
