#ifndef GANNET_ENCODER_EMBED_WORD_WINDOWS_H_
#define GANNET_ENCODER_EMBED_WORD_WINDOWS_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "encoder/embed/window_range.h"

namespace gannet::encoder {

// Where each word of a text begins, and where one more would begin after the last. Words are what
// single spaces separate: between two spaces in a row there is an empty one, and an empty text is
// one empty word.
std::vector<size_t> WordBegins(std::string_view text);

// Windows of `size` words begin every `stride` words as long as there are words; the last are
// shorter and may hold nothing but what the one before has already (Dai & Callan 2019,
// arXiv:1905.09217, with 150 and 75). None for no words.
std::vector<WindowRange> CutWords(size_t words, size_t size, size_t stride);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_WORD_WINDOWS_H_
