#include "encoder/layers/key_value_cache.h"

namespace gannet::encoder {

size_t KeyValueCache::bytes() const {
  size_t bytes = 0;
  for (const Heads& heads : steps_) {
    for (const kernels::PackedHead& head : heads) bytes += head.bytes();
  }
  return bytes;
}

void KeyValueCache::Reset(size_t steps, size_t key_heads) {
  steps_.resize(steps);
  for (Heads& heads : steps_) heads.resize(key_heads);
}

}  // namespace gannet::encoder
