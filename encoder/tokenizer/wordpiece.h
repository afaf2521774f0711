#ifndef GANNET_ENCODER_TOKENIZER_WORDPIECE_H_
#define GANNET_ENCODER_TOKENIZER_WORDPIECE_H_

#include <cstddef>
#include <optional>
#include <string>

#include "encoder/tokenizer/model.h"
#include "encoder/tokenizer/trie.h"
#include "encoder/tokenizer/vocabulary.h"

namespace gannet::encoder {

// WordPiece (Schuster and Nakajima 2012, as in BERT): from the left, always the longest entry;
// entries that continue a word carry a prefix. A word that cannot be spelled is one unknown token.
class WordPiece : public TokenModel {
 public:
  struct Options {
    std::string unknown_token = "[UNK]";
    std::string continuing_prefix = "##";
    size_t max_characters_per_word = 100;  // A longer word is unknown.
  };

  WordPiece(const Vocabulary& vocabulary, const Options& options);

  std::string_view kind() const override { return "WordPiece"; }
  bool Tokenize(std::string_view piece, ModelScratch* scratch,
                std::vector<ModelToken>& tokens) const override;

 private:
  bool AddUnknown(std::string_view piece, std::vector<ModelToken>& tokens) const;

  Trie trie_;
  Trie::Node continuing_root_;  // Below the prefix; Trie::kNone when no entry carries it.
  TokenId unknown_;             // -1: none.
  size_t max_characters_per_word_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_TOKENIZER_WORDPIECE_H_
