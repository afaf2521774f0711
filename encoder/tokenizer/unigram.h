#ifndef GANNET_ENCODER_TOKENIZER_UNIGRAM_H_
#define GANNET_ENCODER_TOKENIZER_UNIGRAM_H_

#include <array>
#include <vector>

#include "encoder/tokenizer/model.h"
#include "encoder/tokenizer/trie.h"
#include "encoder/tokenizer/vocabulary.h"

namespace gannet::encoder {

// The unigram language model (Kudo 2018): the segmentation with the highest sum of scores (log
// probabilities), found by Viterbi.
class Unigram : public TokenModel {
 public:
  // Whose results to give where they differ.
  enum class Flavor {
    kTokenizers,     // Sums in double precision; unknown characters may be an entry together.
    kSentencePiece,  // Sums kept in single precision.
  };
  struct Options {
    TokenId unknown = Vocabulary::kNone;
    bool byte_fallback = false;  // Spell the unknown as "<0x..>" tokens, if all exist.
    double lowest_score = 0;     // Of the vocabulary; the unknown scores 10 less.
    Flavor flavor = Flavor::kTokenizers;
  };

  // `scores` are by id.
  Unigram(const Vocabulary& vocabulary, std::vector<double> scores, const Options& options);

  std::unique_ptr<ModelScratch> NewScratch() const override;
  std::string_view kind() const override { return "Unigram"; }
  bool Tokenize(std::string_view piece, ModelScratch* scratch,
                std::vector<ModelToken>& tokens) const override;

 private:
  struct Scratch;
  struct Node;

  bool FindBestPath(std::string_view piece, std::vector<Node>& nodes) const;
  void AddUnknown(std::string_view piece, uint32_t begin, uint32_t end,
                  std::vector<ModelToken>& tokens) const;

  Trie trie_;
  std::vector<double> scores_;
  double unknown_score_;
  Options options_;
  std::array<TokenId, 256> byte_ids_;  // Of "<0x..>".
  bool all_bytes_ = true;              // None of them is missing.
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_TOKENIZER_UNIGRAM_H_
