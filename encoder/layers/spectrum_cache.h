#ifndef GANNET_ENCODER_LAYERS_SPECTRUM_CACHE_H_
#define GANNET_ENCODER_LAYERS_SPECTRUM_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "encoder/kernels/long_conv.h"

namespace gannet::encoder {

// Spectra of the filters of some channels, block after block.
struct Spectrum {
  std::vector<float> fp32;  // One of the two.
  std::vector<uint16_t> bf16;

  size_t bytes() const { return fp32.size() * sizeof(float) + bf16.size() * sizeof(uint16_t); }
};

// What the long convolutions of a model keep from one text to the next. There is room for a number
// of bytes; who comes first stays, because every text needs all spectra in the same order, and a
// cache that let go of the oldest would never have the next. Safe to use from several threads.
class SpectrumCache {
 public:
  // Which spectrum: a convolution, its length and a slab of its channels.
  using Key = std::tuple<const void*, size_t, size_t>;

  explicit SpectrumCache(size_t most_bytes) : most_bytes_(most_bytes) {}

  // Null when it is not kept.
  std::shared_ptr<const Spectrum> Find(const Key& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(key);
    return found == kept_.end() ? nullptr : found->second;
  }

  // Keeps it if there is room.
  void Offer(const Key& key, std::shared_ptr<const Spectrum> spectrum) {
    const std::lock_guard lock(mutex_);
    const size_t bytes = spectrum->bytes();
    if (bytes > most_bytes_ - bytes_) return;
    if (kept_.emplace(key, std::move(spectrum)).second) bytes_ += bytes;
  }

  size_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  const size_t most_bytes_;
  mutable std::mutex mutex_;
  size_t bytes_ = 0;
  std::map<Key, std::shared_ptr<const Spectrum>> kept_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_SPECTRUM_CACHE_H_
