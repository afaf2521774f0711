#include "encoder/layers/block_diagonal.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/status.h"

namespace gannet::encoder {

absl::StatusOr<BlockDiagonal> BlockDiagonal::Load(const Checkpoint& checkpoint,
                                                  const std::string& name, size_t blocks,
                                                  size_t inputs, size_t outputs, Bias bias,
                                                  const ModelOptions& options) {
  const size_t in = inputs / blocks, out = outputs / blocks;
  GANNET_ASSIGN_OR_RETURN(const std::vector<float> weight,
                          checkpoint.Floats(fmt::format("{}.weight", name), {blocks, out, in}));
  std::vector<float> biases(outputs);
  if (bias == Bias::kPresent) {
    GANNET_ASSIGN_OR_RETURN(biases, checkpoint.Floats(fmt::format("{}.bias", name), {outputs}));
  }
  BlockDiagonal map;
  for (size_t b = 0; b < blocks; ++b) {
    GANNET_ASSIGN_OR_RETURN(auto block,
                            PackLinear(fmt::format("{}.{}", name, b),
                                       {std::span(weight).subspan(b * out * in, out * in),
                                        std::span(biases).subspan(b * out, out), in},
                                       options));
    map.blocks_.push_back(std::move(block));
  }
  return map;
}

void BlockDiagonal::Apply(const float* x, size_t rows, Buffers& buffers, float* y) const {
  const size_t in = blocks_[0].inputs(), out = blocks_[0].outputs();
  buffers.x.resize(rows * in);
  buffers.y.resize(rows * out);
  for (size_t b = 0; b < blocks_.size(); ++b) {
    for (size_t r = 0; r < rows; ++r) {
      std::copy_n(x + r * inputs() + b * in, in, &buffers.x[r * in]);
    }
    blocks_[b].Apply(buffers.x.data(), rows, buffers.y.data());
    for (size_t r = 0; r < rows; ++r) {
      std::copy_n(&buffers.y[r * out], out, y + r * outputs() + b * out);
    }
  }
}

}  // namespace gannet::encoder
