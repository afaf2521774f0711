#ifndef GANNET_RANKER_TEXT_WINDOW_H_
#define GANNET_RANKER_TEXT_WINDOW_H_

#include <cstddef>
#include <cstdint>

namespace gannet::ranker {

// A part of a document's text that was read on its own: a passage of the collection, or a window of
// a stage that re-ranks. The title, which stands before the text where it is cut, is left out.
struct TextWindow {
  size_t index = 0;         // Among the windows of the text,
  size_t count = 1;         // of which there are so many.
  uint64_t first_byte = 0;  // Of the text.
  uint64_t bytes = 0;

  friend bool operator==(const TextWindow&, const TextWindow&) = default;
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_TEXT_WINDOW_H_
