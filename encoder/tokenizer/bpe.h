#ifndef GANNET_ENCODER_TOKENIZER_BPE_H_
#define GANNET_ENCODER_TOKENIZER_BPE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "encoder/tokenizer/merge_table.h"
#include "encoder/tokenizer/model.h"
#include "encoder/tokenizer/trie.h"
#include "encoder/tokenizer/vocabulary.h"

namespace gannet::encoder {

// Byte pair encoding (Sennrich, Haddow and Birch 2016): from single characters, always the pair
// whose merge comes first, of several the leftmost.
class Bpe : public TokenModel {
 public:
  // What pieces are made of.
  enum class Symbols {
    kCharacters,
    kBytes,  // The vocabulary spells bytes in the byte-level alphabet; pieces are plain text.
  };
  enum class Unknown {
    kSeparate,
    kFused,  // Neighbouring unknown characters make one token.
  };
  struct Options {
    Symbols symbols = Symbols::kCharacters;
    TokenId unknown = Vocabulary::kNone;  // kNone: unknown characters are dropped.
    Unknown unknown_handling = Unknown::kSeparate;
    bool byte_fallback = false;  // Spell an unknown character as "<0x..>" tokens, if all exist.
    bool prefer_whole_piece = false;     // A piece that is in the vocabulary is that token.
    std::string continuing_prefix = {};  // Of characters that do not begin the piece.
    std::string end_suffix = {};         // Of the character that ends the piece.
  };

  // With Symbols::kBytes every byte of a text must be in the vocabulary (see SpellsEveryByte).
  Bpe(const Vocabulary& vocabulary, MergeTable merges, Options options);
  ~Bpe() override;

  // Whether every byte that well-formed UTF-8 can have is in the vocabulary.
  static bool SpellsEveryByte(const Vocabulary& vocabulary);

  std::unique_ptr<ModelScratch> NewScratch() const override;
  std::string_view kind() const override { return "BPE"; }
  bool Tokenize(std::string_view piece, ModelScratch* scratch,
                std::vector<ModelToken>& tokens) const override;

 private:
  class Word;
  struct Scratch;

  bool PartsAreIndependent(const Vocabulary& vocabulary) const;
  void TokenizePart(std::string_view part, uint32_t offset, Scratch& scratch,
                    std::vector<ModelToken>& tokens) const;
  void AddBytes(std::string_view piece, Word& word) const;
  void AddCharacters(std::string_view piece, Word& word) const;
  TokenId FindCharacter(std::string_view character, bool first, bool last) const;
  bool AddFallback(std::string_view character, Word& word) const;

  Trie trie_;
  MergeTable merges_;
  Options options_;
  std::array<TokenId, 256> byte_ids_;  // Of bytes, or of "<0x..>"; kNone where there is none.
  bool cacheable_;                     // Tokens always cover the piece.
  bool cuts_at_spaces_;                // No token has U+2581 behind another character.
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_TOKENIZER_BPE_H_
