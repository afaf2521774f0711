#include "ranker/rerank/word_windows.h"

#include <algorithm>

namespace gannet::ranker {
namespace {

// Where each word begins, and where one more would begin after the last.
std::vector<size_t> WordBegins(std::string_view text) {
  std::vector<size_t> begins = {0};
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') begins.push_back(i + 1);
  }
  begins.push_back(text.size() + 1);
  return begins;
}

// `most` of `count` indices: the first, the last, the others evenly between.
std::vector<size_t> Select(size_t count, size_t most) {
  std::vector<size_t> selected;
  const size_t kept = std::min(count, std::max<size_t>(most, 1));
  for (size_t i = 0; i < kept; ++i) {
    selected.push_back(kept == 1 ? 0 : i * (count - 1) / (kept - 1));
  }
  return selected;
}

}  // namespace

std::vector<WordRange> CutWords(size_t words, const WindowOptions& options) {
  std::vector<WordRange> windows;
  for (size_t begin = 0; begin < words; begin += options.stride) {
    const size_t end = std::min(begin + options.words, words);
    const bool repeats = !windows.empty() && end <= windows.back().end;
    if (repeats && options.tail == WindowOptions::Tail::kDrop) break;
    windows.push_back({begin, end});
  }
  return windows;
}

std::vector<TextWindow> CutText(std::string_view text, const WindowOptions& options) {
  const std::vector<size_t> begins = WordBegins(text);
  const std::vector<WordRange> ranges = CutWords(begins.size() - 1, options);
  std::vector<TextWindow> windows;
  for (const size_t i : Select(ranges.size(), options.most)) {
    const size_t first = begins[ranges[i].begin], end = begins[ranges[i].end] - 1;
    windows.push_back({i, ranges.size(), first, end - first});
  }
  return windows;
}

}  // namespace gannet::ranker
