#include "ranker/rerank/icr_prompt.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/status.h"
#include "base/utf8.h"

namespace gannet::ranker {
namespace {

constexpr std::string_view kIntroduction = " Here are some paragraphs:";

struct CutText {
  std::string_view text;
  size_t words_cut = 0;
};

// The first words of a text as Python's " ".join(text.split(" ")[:most]) leaves them.
CutText FirstWords(std::string_view text, size_t most) {
  if (most == 0) return {text};
  size_t end = 0;
  for (size_t words = 0; words < most; ++words) {
    if (words > 0) ++end;  // The space.
    end = text.find(' ', end);
    if (end == std::string_view::npos) return {text};
  }
  const auto spaces = std::count(text.begin() + static_cast<ptrdiff_t>(end), text.end(), ' ');
  return {text.substr(0, end), static_cast<size_t>(spaces)};
}

void WriteDocument(const PromptForm& form, const InContextPassage& passage, size_t number,
                   PromptText& prompt) {
  const bool named = form.recipe->marker == InContextRecipe::Marker::kNamed;
  if (form.numbers == PromptForm::Numbers::kAllOne) number = 1;
  DocumentPlace place{.begin = prompt.text.size()};
  prompt.text += named ? fmt::format("[document {}]", number) : fmt::format("[{}] ", number);
  if (named) {
    place.begin = prompt.text.size();
    prompt.text += ' ';
  }
  place.title_begin = prompt.text.size();
  const CutText cut = FirstWords(passage.text, form.max_words);
  place.text_read = cut.text.size();
  place.words_cut = cut.words_cut;
  const bool titled =
      form.recipe->title == InContextRecipe::Title::kShown && !passage.title.empty();
  const std::string joined =
      fmt::format("{}{}{}", titled ? passage.title : "", titled ? "\n" : "", cut.text);
  const size_t title_bytes = joined.size() - cut.text.size();
  const std::string_view stripped = base::StripWhiteSpace(joined);
  const auto skipped =
      stripped.empty() ? joined.size() : static_cast<size_t>(stripped.data() - joined.data());
  place.stripped = skipped > title_bytes ? skipped - title_bytes : 0;
  place.title_stripped = std::min(skipped, title_bytes);
  place.text_begin = prompt.text.size() + (title_bytes > skipped ? title_bytes - skipped : 0);
  prompt.text += stripped;
  place.end = prompt.text.size();
  place.text_begin = std::min(place.text_begin, place.end);
  const size_t title_left =
      titled && passage.title.size() > skipped ? passage.title.size() - skipped : 0;
  place.title_end = std::min(place.title_begin + title_left, place.end);
  prompt.documents.push_back(place);
}

// The tokens that have a byte of [begin, end), from token `first` on.
TokenSpan TokensOf(std::span<const encoder::ByteSpan> offsets, size_t begin, size_t end,
                   size_t first) {
  TokenSpan span{first, first};
  while (span.begin < offsets.size() && offsets[span.begin].end <= begin) ++span.begin;
  span.end = span.begin;
  while (span.end < offsets.size() && offsets[span.end].begin < end) ++span.end;
  return span;
}

}  // namespace

PromptText WritePrompt(const PromptForm& form, std::span<const InContextPassage> passages,
                       std::string_view query) {
  const std::string_view separator =
      form.recipe->separator.empty() ? form.markup->separator : form.recipe->separator;
  if (form.recipe->query_text == InContextRecipe::QueryText::kStripped) {
    query = base::StripWhiteSpace(query);
  }
  PromptText prompt;
  prompt.text = fmt::format("{}{}", form.markup->prefix, kIntroduction);
  for (size_t i = 0; i < passages.size(); ++i) {
    const size_t block_begin = prompt.text.size();
    prompt.text += separator;
    WriteDocument(form, passages[i], i + 1, prompt);
    prompt.documents.back().block_begin = block_begin;
  }
  prompt.text += separator;
  prompt.instruction = prompt.text.size();
  prompt.text += fmt::format("{}{}Query: {}", form.sentence->text, separator, query);
  prompt.query_end = prompt.text.size();
  prompt.text += form.markup->suffix;
  return prompt;
}

absl::StatusOr<TokenizedPrompt> TokenizePrompt(const encoder::Tokenizer& tokenizer,
                                               const PromptForm& form, const PromptText& prompt) {
  encoder::Encoding encoding;
  GANNET_RETURN_IF_ERROR(tokenizer.Encode(prompt.text, {}, encoding));
  TokenizedPrompt tokens{.ids = std::move(encoding.ids), .offsets = std::move(encoding.offsets)};
  // Special tokens that follow the text are no part of what stands before them.
  const auto size = static_cast<uint32_t>(prompt.text.size());
  for (size_t i = tokens.ids.size(); i-- > 0 && encoding.special_tokens_mask[i] != 0;) {
    tokens.offsets[i] = {size, size};
  }
  const InContextRecipe& recipe = *form.recipe;
  const bool named = recipe.marker == InContextRecipe::Marker::kNamed;
  const size_t early = named ? form.markup->core_spans_end_early : 0;

  size_t at = 0;
  for (const DocumentPlace& place : prompt.documents) {
    const TokenSpan block = TokensOf(tokens.offsets, place.block_begin, place.end, at);
    if (tokens.documents.empty()) tokens.first_block = block.begin;
    // A token that ends in the text belongs to the document whole.
    TokenSpan span = TokensOf(tokens.offsets, place.begin, place.end, block.begin);
    const size_t end =
        std::max(span.begin, span.end + recipe.tokens_beyond - std::min(early, span.end));
    tokens.documents.push_back({span.begin, end});
    tokens.block_ends.push_back(block.end);
    at = block.end;
  }
  const TokenSpan query = TokensOf(tokens.offsets, prompt.instruction, prompt.query_end, at);
  tokens.attending = {query.begin, tokens.ids.size()};
  // Where nothing separates the last document from the instruction there is no token beyond it.
  for (TokenSpan& document : tokens.documents) {
    document.end = std::min(document.end, tokens.attending.begin);
  }
  if (recipe.attending == InContextRecipe::Attending::kToTheQuery) {
    tokens.attending.end = std::min(query.end + 1 - early, tokens.ids.size());
  }
  return tokens;
}

}  // namespace gannet::ranker
