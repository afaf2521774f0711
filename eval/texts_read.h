#ifndef GANNET_EVAL_TEXTS_READ_H_
#define GANNET_EVAL_TEXTS_READ_H_

#include <cstddef>
#include <cstdint>

#include "encoder/run/token_count.h"

namespace gannet::eval {

// How much of documents or queries a model has read.
struct TextsRead {
  uint64_t in_windows = 0;  // Texts of more than one window.
  uint64_t cut = 0;         // Texts that were not read to their ends.
  uint64_t windows = 0;     // Of all texts, one of each short one.
  uint64_t blocks = 0;      // Of all texts, where the model reads blocks.
  uint64_t tokens_total = 0;
  uint64_t tokens_read = 0;

  void Add(const encoder::TokenCount& tokens, size_t of_windows) {
    if (of_windows > 1) ++in_windows;
    if (tokens.cut()) ++cut;
    windows += of_windows;
    blocks += tokens.blocks;
    tokens_total += tokens.total;
    tokens_read += tokens.read;
  }
};

}  // namespace gannet::eval

#endif  // GANNET_EVAL_TEXTS_READ_H_
