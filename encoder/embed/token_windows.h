#ifndef GANNET_ENCODER_EMBED_TOKEN_WINDOWS_H_
#define GANNET_ENCODER_EMBED_TOKEN_WINDOWS_H_

#include <cstddef>
#include <span>
#include <vector>

#include "encoder/embed/window_range.h"

namespace gannet::encoder {

// As few windows of at most `size` tokens as cover a text of so many when neighbours share
// `size - stride` tokens, all of about the same length: a short rest at the end would have a vector
// of little context, and one that a search prefers for being about little else.
//
// `sentences` are the tokens that begin a sentence, ascending; empty: windows end anywhere.
// Otherwise an end moves to the nearest end of a sentence in the second half of the window, and
// what neighbours share begins with a sentence. 1 <= stride <= size; one window for no token.
std::vector<WindowRange> CutTokens(size_t tokens, size_t size, size_t stride,
                                   std::span<const size_t> sentences);

// One run of the model in late chunking: the tokens it reads, and the chunks it is for.
struct ChunkedInput {
  WindowRange tokens;
  size_t first_chunk = 0;
  size_t chunks = 0;
};

// Runs of at most `budget` tokens of a text, each for as many of its chunks (ascending, none longer
// than the budget) as leave an eighth of it to what stands before them; that is filled up with as
// much of the text as the run can hold.
std::vector<ChunkedInput> PackChunks(size_t tokens, std::span<const WindowRange> chunks,
                                     size_t budget);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_TOKEN_WINDOWS_H_
