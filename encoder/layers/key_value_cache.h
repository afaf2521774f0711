#ifndef GANNET_ENCODER_LAYERS_KEY_VALUE_CACHE_H_
#define GANNET_ENCODER_LAYERS_KEY_VALUE_CACHE_H_

#include <cstddef>
#include <span>
#include <vector>

#include "encoder/kernels/attention.h"

namespace gannet::encoder {

// Keys (rotated to their positions) and values of a token sequence at every attention of a run:
// what later tokens of a causal model need of earlier ones. Filled by Model::Run or Model::Join;
// may then be read from several threads. They are laid out as attention reads them, in fp32, or in
// bfloat16 where the model's attention is computed in it.
class KeyValueCache {
 public:
  using Heads = std::vector<kernels::PackedHead>;  // [key heads]

  size_t tokens() const { return steps_.empty() ? 0 : steps_.front().front().length(); }

  // Memory of the keys and values.
  size_t bytes() const;

  // Attentions that are kept, and the keys and values of one of them.
  size_t steps() const { return steps_.size(); }
  const Heads& of_step(size_t step) const { return steps_[step]; }

  // Makes room; what was kept before is gone. `steps` and `key_heads` are at least 1.
  void Reset(size_t steps, size_t key_heads);
  Heads& of_step(size_t step) { return steps_[step]; }

 private:
  std::vector<Heads> steps_;
};

// The keys and values that one step of a run takes from earlier runs, and leaves to later ones.
struct KeyValueTap {
  size_t step = 0;
  const KeyValueCache* before = nullptr;  // Precedes every sequence of the batch; may be null.
  std::span<KeyValueCache> keep = {};     // One for each sequence, or none.
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_KEY_VALUE_CACHE_H_
