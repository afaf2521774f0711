#ifndef GANNET_ENCODER_CHECKPOINT_REARRANGEMENT_H_
#define GANNET_ENCODER_CHECKPOINT_REARRANGEMENT_H_

#include <cstddef>
#include <vector>

namespace gannet::encoder {

// What brings the values of a tensor, as they lie in a file of another kind, back to what
// transformers stores.
struct Rearrangement {
  enum class Kind {
    kNone,
    // TensorFlow's kernels are [inputs, outputs].
    kTranspose,
    // Rows of each of `heads` heads: 2 i + s back to i + s · (rows of a head) / 2. Llama's kind
    // keeps the two values that rotate together as neighbours in GGUF files.
    kPairsToHalves,
    // Rows [q of all heads | k | v] back to [q k v] of each of `heads` heads (GPT-NeoX in GGUF).
    kKindsToHeads,
    // Less 1: Gemma's norms are stored as the whole scale in GGUF files.
    kMinusOne,
  };
  Kind kind = Kind::kNone;
  size_t heads = 1;

  // Of a tensor that shall have so many rows.
  void Apply(std::vector<float>& values, size_t rows) const;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CHECKPOINT_REARRANGEMENT_H_
