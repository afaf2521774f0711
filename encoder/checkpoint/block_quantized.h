#ifndef GANNET_ENCODER_CHECKPOINT_BLOCK_QUANTIZED_H_
#define GANNET_ENCODER_CHECKPOINT_BLOCK_QUANTIZED_H_

#include <vector>

#include "encoder/checkpoint/tensor.h"

namespace gannet::encoder {

// The numbers that a tensor of GGUF's block types stands for, exactly up to fp32:
//   Q4_0, 32 together: d (q - 8), q of 4 bits
//   Q8_0, 32 together: d q, q of 8 bits
//   Q4_K, 256 together in 8 groups: d s_g q - m n_g, q of 4 bits, s and n of 6 bits
//   Q6_K, 256 together in 16 groups: d s_g (q - 32), q of 6 bits, s of 8 bits
// with d and m in fp16 (github.com/ggml-org/llama.cpp, ggml-common.h).
std::vector<float> Dequantize(const TensorView& tensor);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_BLOCK_QUANTIZED_H_
