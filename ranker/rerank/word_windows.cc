#include "ranker/rerank/word_windows.h"

#include <algorithm>

#include "encoder/embed/word_windows.h"

namespace gannet::ranker {
namespace {

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
  std::vector<WordRange> windows = encoder::CutWords(words, options.words, options.stride);
  if (options.tail == WindowOptions::Tail::kKeep) return windows;
  const auto repeats = [](const WordRange& a, const WordRange& b) { return b.end <= a.end; };
  const auto last = std::ranges::adjacent_find(windows, repeats);
  if (last != windows.end()) windows.erase(last + 1, windows.end());
  return windows;
}

std::vector<TextWindow> CutText(std::string_view text, const WindowOptions& options) {
  const std::vector<size_t> begins = encoder::WordBegins(text);
  const std::vector<WordRange> ranges = CutWords(begins.size() - 1, options);
  std::vector<TextWindow> windows;
  for (const size_t i : Select(ranges.size(), options.most)) {
    const size_t first = begins[ranges[i].begin], end = begins[ranges[i].end] - 1;
    windows.push_back({i, ranges.size(), first, end - first});
  }
  return windows;
}

}  // namespace gannet::ranker
