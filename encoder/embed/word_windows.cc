#include "encoder/embed/word_windows.h"

#include <algorithm>

namespace gannet::encoder {

std::vector<size_t> WordBegins(std::string_view text) {
  std::vector<size_t> begins = {0};
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') begins.push_back(i + 1);
  }
  begins.push_back(text.size() + 1);
  return begins;
}

std::vector<WindowRange> CutWords(size_t words, size_t size, size_t stride) {
  std::vector<WindowRange> windows;
  for (size_t begin = 0; begin < words; begin += stride) {
    windows.push_back({begin, std::min(begin + size, words)});
  }
  return windows;
}

}  // namespace gannet::encoder
