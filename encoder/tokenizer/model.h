#ifndef GANNET_ENCODER_TOKENIZER_MODEL_H_
#define GANNET_ENCODER_TOKENIZER_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// A token of one piece: bytes [begin, end) of it.
struct ModelToken {
  TokenId id = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
};

// Memory that a model reuses from piece to piece; used by one thread at a time.
class ModelScratch {
 public:
  virtual ~ModelScratch() = default;
};

// Pieces to tokens. Immutable; safe to use from several threads, each with its scratch.
class TokenModel {
 public:
  virtual ~TokenModel() = default;

  virtual std::string_view kind() const = 0;  // "BPE", as tokenizer.json calls it.

  virtual std::unique_ptr<ModelScratch> NewScratch() const { return nullptr; }

  // Appends the tokens of `piece` (not empty). False when a part of the piece is not in the
  // vocabulary and the vocabulary has no token for the unknown; `tokens` is then unspecified.
  [[nodiscard]] virtual bool Tokenize(std::string_view piece, ModelScratch* scratch,
                                      std::vector<ModelToken>& tokens) const = 0;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_TOKENIZER_MODEL_H_
