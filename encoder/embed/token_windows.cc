#include "encoder/embed/token_windows.h"

#include <algorithm>

namespace gannet::encoder {
namespace {

// Length of the next of as few windows as cover `rest` tokens.
size_t BalancedLength(size_t rest, size_t size, size_t stride) {
  const size_t windows = 1 + (rest - size + stride - 1) / stride;
  return (rest + (windows - 1) * (size - stride) + windows - 1) / windows;
}

// The beginning of a sentence in (low, high] that is nearest to `wanted`, or `wanted`.
size_t NearestSentence(std::span<const size_t> sentences, size_t low, size_t high, size_t wanted) {
  const auto after = std::ranges::upper_bound(sentences, wanted);
  size_t nearest = 0;
  if (after != sentences.begin() && *(after - 1) > low) nearest = *(after - 1);
  if (after != sentences.end() && *after <= high &&
      (nearest == 0 || *after - wanted < wanted - nearest)) {
    nearest = *after;
  }
  return nearest == 0 ? wanted : nearest;
}

// The first beginning of a sentence in [low, high], or `low`.
size_t FirstSentence(std::span<const size_t> sentences, size_t low, size_t high) {
  const auto found = std::ranges::lower_bound(sentences, low);
  return found != sentences.end() && *found <= high ? *found : low;
}

}  // namespace

std::vector<WindowRange> CutTokens(size_t tokens, size_t size, size_t stride,
                                   std::span<const size_t> sentences) {
  const size_t shared = size - stride;
  std::vector<WindowRange> windows;
  size_t begin = 0;
  while (tokens - begin > size) {
    const size_t length = BalancedLength(tokens - begin, size, stride);
    const size_t least = std::max(shared, length / 2);  // The next window begins behind this one.
    const size_t end = NearestSentence(sentences, begin + least, begin + size, begin + length);
    windows.push_back({begin, end});
    begin = FirstSentence(sentences, end - shared, end);
  }
  windows.push_back({begin, tokens});
  return windows;
}

std::vector<ChunkedInput> PackChunks(size_t tokens, std::span<const WindowRange> chunks,
                                     size_t budget) {
  std::vector<ChunkedInput> inputs;
  for (size_t first = 0; first < chunks.size();) {
    const size_t begin = chunks[first].begin;
    const size_t room = budget - std::min(begin, budget / 8);
    size_t last = first;
    while (last + 1 < chunks.size() && chunks[last + 1].end - begin <= room) ++last;
    const size_t before = std::min(begin, budget - (chunks[last].end - begin));
    const size_t start = begin - before;
    const size_t end = tokens - start > budget ? start + budget : tokens;
    inputs.push_back({{start, end}, first, last + 1 - first});
    first = last + 1;
  }
  return inputs;
}

}  // namespace gannet::encoder
