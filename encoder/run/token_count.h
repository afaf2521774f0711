#ifndef GANNET_ENCODER_RUN_TOKEN_COUNT_H_
#define GANNET_ENCODER_RUN_TOKEN_COUNT_H_

#include <cstddef>

namespace gannet::encoder {

// What was read of one text, or of one pair of texts. Special tokens and the prompt count.
struct TokenCount {
  size_t total = 0;   // Tokens of the whole text.
  size_t read = 0;    // Tokens the model has seen; less than `total` when the text was cut.
  size_t blocks = 0;  // Parts that a hierarchical or code encoder made one vector of; else 0.

  bool cut() const { return read < total; }
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_RUN_TOKEN_COUNT_H_
