#ifndef GANNET_ENCODER_EMBED_WINDOW_RANGE_H_
#define GANNET_ENCODER_EMBED_WINDOW_RANGE_H_

#include <cstddef>

namespace gannet::encoder {

// A half-open range of the words or tokens of a text.
struct WindowRange {
  size_t begin = 0;
  size_t end = 0;

  size_t size() const { return end - begin; }
  friend bool operator==(const WindowRange&, const WindowRange&) = default;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_WINDOW_RANGE_H_
