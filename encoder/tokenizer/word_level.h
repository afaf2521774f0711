#ifndef GANNET_ENCODER_TOKENIZER_WORD_LEVEL_H_
#define GANNET_ENCODER_TOKENIZER_WORD_LEVEL_H_

#include <string_view>

#include "encoder/tokenizer/model.h"
#include "encoder/tokenizer/trie.h"
#include "encoder/tokenizer/vocabulary.h"

namespace gannet::encoder {

// Each piece is one token: its entry in the vocabulary, or the unknown token.
class WordLevel : public TokenModel {
 public:
  WordLevel(const Vocabulary& vocabulary, std::string_view unknown_token)
      : trie_(vocabulary.Entries()), unknown_(vocabulary.Find(unknown_token)) {}

  std::string_view kind() const override { return "WordLevel"; }
  bool Tokenize(std::string_view piece, ModelScratch*,
                std::vector<ModelToken>& tokens) const override {
    const TokenId known = trie_.Find(piece);
    const TokenId id = known != Trie::kNone ? known : unknown_;
    tokens.push_back({id, 0, static_cast<uint32_t>(piece.size())});
    return id != Vocabulary::kNone;
  }

 private:
  Trie trie_;
  TokenId unknown_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_TOKENIZER_WORD_LEVEL_H_
