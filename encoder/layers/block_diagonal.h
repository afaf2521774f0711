#ifndef GANNET_ENCODER_LAYERS_BLOCK_DIAGONAL_H_
#define GANNET_ENCODER_LAYERS_BLOCK_DIAGONAL_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/model_options.h"

namespace gannet::encoder {

// A linear map made of blocks along its diagonal, out_b = W_b x_b + bias_b: NAME.weight
// [blocks, outputs / blocks, inputs / blocks] and NAME.bias [outputs].
class BlockDiagonal {
 public:
  // `inputs` and `outputs` are multiples of `blocks`.
  static absl::StatusOr<BlockDiagonal> Load(const Checkpoint& checkpoint, const std::string& name,
                                            size_t blocks, size_t inputs, size_t outputs, Bias bias,
                                            const ModelOptions& options);

  size_t inputs() const { return blocks_.size() * blocks_[0].inputs(); }
  size_t outputs() const { return blocks_.size() * blocks_[0].outputs(); }

  // Room for a tile of rows.
  struct Buffers {
    std::vector<float> x;
    std::vector<float> y;
  };

  // y = W x + bias for at most PackedLinear::kMaxRows rows: x is [rows, inputs()], y is
  // [rows, outputs()].
  void Apply(const float* x, size_t rows, Buffers& buffers, float* y) const;

 private:
  std::vector<kernels::PackedLinear> blocks_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_BLOCK_DIAGONAL_H_
