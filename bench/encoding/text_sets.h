#ifndef GANNET_BENCH_ENCODING_TEXT_SETS_H_
#define GANNET_BENCH_ENCODING_TEXT_SETS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encoder/tokenizer/tokenizer.h"

namespace gannet::bench {

// Texts, and the number of tokens the model reads of each, special tokens included.
struct TextSet {
  std::vector<std::string> texts;
  std::vector<size_t> lengths;

  void Add(std::string text, size_t length);
  size_t size() const { return texts.size(); }
  size_t tokens() const;          // Σℓ: what linear layers cost.
  size_t squared_tokens() const;  // Σℓ²: what attention costs.
};

// The sets of texts that the workloads embed, all made from one mix of texts. Exceptions say what
// the mix lacks.
class TextSets {
 public:
  // Reads the field "text" of every line of the JSONL files; the model reads up to `max_tokens`.
  TextSets(std::unique_ptr<const encoder::Tokenizer> tokenizer, size_t max_tokens,
           const std::vector<std::string>& paths);

  const TextSet& mixed() const { return mixed_; }

  // The first of the longest texts that have at most 16 tokens.
  TextSet Query() const;

  // The first 100 texts of at least 128 tokens, in the order of length, cut to 128.
  TextSet Pairs() const;

  // `count` texts (all, if there are fewer) in a random order that is the same in every run.
  TextSet Sample(size_t count) const;

  // `count` texts with `tokens` tokens together, whose lengths differ by one at most: beginnings of
  // longer texts, each used more than once where there are too few.
  TextSet OfEqualLengths(size_t count, size_t tokens) const;

 private:
  // The beginning of a text that has exactly `length` tokens, if it can be had.
  std::optional<std::string> Cut(const std::string& text, size_t length) const;

  // One text for each length, cut from the candidates in turn.
  TextSet CutFrom(std::span<const size_t> candidates, std::span<const size_t> lengths) const;

  const std::unique_ptr<const encoder::Tokenizer> tokenizer_;
  TextSet mixed_;
  std::vector<size_t> by_length_;  // Places in mixed_, shortest first.
};

}  // namespace gannet::bench

#endif  // GANNET_BENCH_ENCODING_TEXT_SETS_H_
