#ifndef GANNET_RANKER_RERANK_WORD_WINDOWS_H_
#define GANNET_RANKER_RERANK_WORD_WINDOWS_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "encoder/embed/window_range.h"
#include "ranker/rerank/rerank_stage.h"

namespace gannet::ranker {

// How a text is cut into windows of words (see encoder::WordBegins).
struct WindowOptions {
  // What becomes of a last window that holds nothing but what its neighbour has read already.
  enum class Tail { kKeep, kDrop };

  size_t words = 150;
  size_t stride = 75;  // Words from the beginning of a window to that of the next; at least 1.
  Tail tail = Tail::kKeep;
  size_t most = 30;  // Windows that are read of a text: the first, the last, evenly between them.

  // Dai & Callan 2019 (arXiv:1905.09217), BERT-MaxP.
  static WindowOptions MaxP() { return {}; }
  // Li et al. 2020 (arXiv:2008.09093), PARADE.
  static WindowOptions Parade() { return {150, 100, Tail::kDrop, 16}; }
};

// Half-open ranges of words, of a text of so many words; none for 0.
using WordRange = encoder::WindowRange;
std::vector<WordRange> CutWords(size_t words, const WindowOptions& options);

// The windows of a text, at least one; index and count are those before `most` is applied.
std::vector<TextWindow> CutText(std::string_view text, const WindowOptions& options);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_WORD_WINDOWS_H_
