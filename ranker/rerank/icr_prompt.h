#ifndef GANNET_RANKER_RERANK_ICR_PROMPT_H_
#define GANNET_RANKER_RERANK_ICR_PROMPT_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/tokenizer/tokenizer.h"
#include "ranker/rerank/icr_recipe.h"

namespace gannet::ranker {

// A passage to be ranked; both parts are well-formed UTF-8.
struct InContextPassage {
  std::string_view title = "";
  std::string_view text;
};

// What a prompt is written with; see FindRecipe, FindMarkup and FindSentence.
struct PromptForm {
  const InContextRecipe* recipe = nullptr;
  const ChatMarkup* markup = nullptr;
  const InstructionSentence* sentence = nullptr;
  size_t max_words = 0;  // Of a passage's text, split at spaces; 0 for all.
  // The number that each document bears: its place in the prompt, or 1 for all, so that the keys of
  // a document are the same wherever it stands.
  enum class Numbers { kByPlace, kAllOne } numbers = Numbers::kByPlace;
};

// Tokens [begin, end).
struct TokenSpan {
  size_t begin = 0;
  size_t end = 0;

  size_t size() const { return end - begin; }
  friend bool operator==(const TokenSpan&, const TokenSpan&) = default;
};

// One document in the text of a prompt: bytes [begin, end), of which [text_begin, end) are its
// text.
struct DocumentPlace {
  size_t block_begin = 0;  // Where what belongs to it begins: after the end of the one before.
  size_t begin = 0;        // Of the span that is scored.
  size_t title_begin = 0;  // After the marker,
  size_t title_end = 0;    // before the line end that separates it from the text.
  size_t text_begin = 0;
  size_t end = 0;
  size_t stripped = 0;        // Bytes at the beginning of the text that are not in the prompt,
  size_t title_stripped = 0;  // and of the title.
  size_t text_read = 0;       // Bytes of the text before the words that max_words has left out,
  size_t words_cut = 0;       // and how many these are.
};

// The text of a prompt.
struct PromptText {
  std::string text;
  std::vector<DocumentPlace> documents;  // In the order in which they stand.
  size_t instruction = 0;                // Where the instruction begins,
  size_t query_end = 0;                  // and the query ends.
};

// PREFIX + " Here are some paragraphs:" + SEPARATOR + "[1] " + title + "\n" + text + SEPARATOR ...
// + sentence + SEPARATOR + "Query: " + query + SUFFIX; `passages` in the order of the prompt.
PromptText WritePrompt(const PromptForm& form, std::span<const InContextPassage> passages,
                       std::string_view query);

// A prompt as the model reads it, all from one tokenisation of the whole text.
struct TokenizedPrompt {
  std::vector<encoder::TokenId> ids = {};
  std::vector<encoder::ByteSpan> offsets = {};  // Into the text of the prompt.
  std::vector<TokenSpan> documents = {};        // What is scored of each.
  std::vector<size_t> block_ends = {};          // Where the block of each ends.
  size_t first_block = 0;                       // Where the first block begins.
  TokenSpan attending = {};                     // The tokens whose attention counts.
};

// Errors are those of the tokenizer.
absl::StatusOr<TokenizedPrompt> TokenizePrompt(const encoder::Tokenizer& tokenizer,
                                               const PromptForm& form, const PromptText& prompt);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_ICR_PROMPT_H_
