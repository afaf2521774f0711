#include "encoder/embed/text_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/status.h"
#include "encoder/embed/token_windows.h"
#include "encoder/embed/word_windows.h"
#include "encoder/run/prepared_text.h"
#include "encoder/tokenizer/sentence_splitter.h"

namespace gannet::encoder {
namespace {

using Strategy = LongTextOptions::Strategy;

constexpr size_t kDefaultWords = 150;    // Dai & Callan 2019.
constexpr size_t kMaxChunkTokens = 256;  // Of chunks whose size is left to us, as in the paper.

// Whether windows may be shorter than a text that the model reads at once.
bool CutsWhatFits(const LongTextOptions& options) {
  return options.size > 0 || options.unit == LongTextOptions::Unit::kWords ||
         options.strategy == Strategy::kLateChunking;
}

size_t Appended(const TextModel& model) { return model.folder.appended_token ? 1 : 0; }

// The tokens that are not the post-processor's.
WindowRange WithoutSpecialTokens(const Encoding& encoding) {
  const std::vector<uint8_t>& special = encoding.special_tokens_mask;
  const auto first = std::ranges::find(special, 0);
  if (first == special.end()) return {special.size(), special.size()};
  const auto last = std::find(special.rbegin(), special.rend(), 0);
  return {static_cast<size_t>(first - special.begin()), static_cast<size_t>(special.rend() - last)};
}

bool IsWithinCharacter(std::string_view text, size_t byte) {
  return byte < text.size() && (static_cast<unsigned char>(text[byte]) & 0xC0) == 0x80;
}

// Tokens of bytes may begin and end within a character.
ByteSpan WholeCharacters(std::string_view text, ByteSpan span) {
  while (IsWithinCharacter(text, span.begin)) --span.begin;
  while (IsWithinCharacter(text, span.end)) ++span.end;
  return span;
}

// The tokens `encoding.offsets[own]` as bytes of `text`, which the tokenizer saw behind a prompt of
// `prompt_bytes` and after `origin`.
std::vector<ByteSpan> BytesOf(std::string_view text, const Encoding& encoding, WindowRange own,
                              const TextOrigin& origin, size_t prompt_bytes) {
  const auto in_text = [&](size_t position) {
    const size_t at = origin(position);
    return static_cast<uint32_t>(at - std::min(at, prompt_bytes));
  };
  std::vector<ByteSpan> bytes;
  bytes.reserve(own.size());
  ByteSpan before;
  for (size_t t = own.begin; t < own.end; ++t) {
    const ByteSpan offsets = encoding.offsets[t];
    const uint32_t begin = std::max(before.begin, in_text(offsets.begin));
    before = WholeCharacters(text, {begin, std::max({begin, before.end, in_text(offsets.end)})});
    bytes.push_back(before);
  }
  return bytes;
}

// The first token that ends behind `byte`.
size_t TokenBehind(const std::vector<ByteSpan>& bytes, size_t byte) {
  const auto found = std::ranges::upper_bound(bytes, byte, {}, &ByteSpan::end);
  return static_cast<size_t>(found - bytes.begin());
}

TextSpan SpanOf(const std::vector<ByteSpan>& bytes, WindowRange range) {
  const uint32_t first = bytes[range.begin].begin;
  return {.first_byte = first,
          .bytes = bytes[range.end - 1].end - first,
          .first_token = range.begin,
          .tokens = range.size()};
}

// Tokens that are in one of the ranges, which ascend.
size_t Covered(const std::vector<WindowRange>& ranges) {
  size_t covered = 0, end = 0;
  for (const WindowRange& range : ranges) {
    covered += range.end - std::min(range.end, std::max(range.begin, end));
    end = std::max(end, range.end);
  }
  return covered;
}

}  // namespace

absl::Status TextPlanner::Plan(std::string_view text, Encoding& encoding, TextPlan& plan) const {
  std::string prompted, room;
  std::string_view given = text;
  if (!prompt_.empty()) {
    prompted = fmt::format("{}{}", prompt_, text);
    given = prompted;
  }
  GANNET_ASSIGN_OR_RETURN(const std::string_view prepared, PrepareText(model_.folder, given, room));
  GANNET_RETURN_IF_ERROR(model_.tokenizer->Encode(prepared, {}, encoding));
  const size_t max_tokens = model_.folder.max_tokens;
  const size_t total = encoding.ids.size() + Appended(model_);
  plan.text.tokens = {.total = total, .read = total};
  if (total == 0) {
    return absl::InvalidArgumentError("has no token: the model cannot embed it");
  }
  const bool fits = max_tokens == 0 || total <= max_tokens;
  const bool whole = fits && !CutsWhatFits(options_);
  Tokens tokens{.own = WithoutSpecialTokens(encoding), .bytes = {}, .budget = 0};
  if (!whole || !prompt_.empty()) Locate(text, given, encoding, tokens);
  if (whole) {
    PlanWhole(text, encoding, tokens, plan);
    return absl::OkStatus();
  }
  return PlanParts(text, encoding, fits, tokens, plan);
}

void TextPlanner::Locate(std::string_view text, std::string_view given, const Encoding& encoding,
                         Tokens& tokens) const {
  const TextOrigin origin = TextOrigin::Of(model_.folder, given);
  WindowRange& own = tokens.own;
  while (!prompt_.empty() && own.size() > 0 &&
         origin(encoding.offsets[own.begin].end) <= prompt_.size()) {
    ++own.begin;
  }
  tokens.bytes = BytesOf(text, encoding, own, origin, prompt_.size());
}

absl::Status TextPlanner::PlanParts(std::string_view text, const Encoding& encoding, bool fits,
                                    Tokens& tokens, TextPlan& plan) const {
  const size_t max_tokens = model_.folder.max_tokens;
  const size_t around = plan.text.tokens.total - tokens.own.size();
  tokens.budget = max_tokens == 0 ? std::numeric_limits<size_t>::max()
                                  : max_tokens - std::min(max_tokens, around);
  if (!fits && tokens.budget == 0) {
    return absl::InvalidArgumentError(fmt::format(
        "the model reads {} tokens, special tokens and the prompt are {}", max_tokens, around));
  }
  GANNET_ASSIGN_OR_RETURN(const std::vector<WindowRange> windows, Cut(text, tokens));
  if (windows.empty() || windows.front().size() == tokens.own.size()) {
    PlanWhole(text, encoding, tokens, plan);
    return absl::OkStatus();
  }
  if (windows.size() > kMaxTextWindows) {
    return absl::InvalidArgumentError(
        fmt::format("{} windows, expected at most {}", windows.size(), kMaxTextWindows));
  }
  plan.text.tokens.read = around + Covered(windows);
  plan.text.windows = windows.size();
  for (const WindowRange& window : windows) {
    plan.text.spans.push_back(SpanOf(tokens.bytes, window));
  }
  if (options_.strategy == Strategy::kLateChunking) {
    PlanChunks(encoding, tokens, windows, plan);
  } else {
    for (const WindowRange& window : windows) {
      plan.runs.push_back({InputOf(encoding, tokens, window), {}});
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<WindowRange>> TextPlanner::Cut(std::string_view text,
                                                          const Tokens& tokens) const {
  const bool words = options_.unit == LongTextOptions::Unit::kWords;
  std::vector<WindowRange> windows;
  if (words) {
    windows = CutByWords(text, tokens);
  } else {
    GANNET_ASSIGN_OR_RETURN(windows, CutByTokens(text, tokens));
  }
  if (options_.strategy == Strategy::kFirst && windows.size() > 1) windows.resize(1);
  return windows;
}

absl::StatusOr<std::vector<WindowRange>> TextPlanner::CutByTokens(std::string_view text,
                                                                  const Tokens& tokens) const {
  const bool late = options_.strategy == Strategy::kLateChunking;
  const size_t budget = tokens.budget;
  size_t size = options_.size;
  if (size > budget) {
    return absl::InvalidArgumentError(
        fmt::format("window size {}: the model reads at most {} tokens of a text", size, budget));
  }
  if (size == 0) size = late ? std::clamp<size_t>(budget / 4, 1, kMaxChunkTokens) : budget;
  size_t stride = options_.stride;
  if (stride == 0) stride = late ? size : size - size / 8;
  const size_t count = tokens.own.size();
  if (options_.strategy == Strategy::kTruncate || options_.strategy == Strategy::kFirst) {
    return std::vector<WindowRange>{{0, std::min(count, size)}};
  }
  std::vector<size_t> beginnings;
  if (options_.ends == LongTextOptions::Ends::kSentences && count > size) {
    GANNET_ASSIGN_OR_RETURN(const std::vector<ByteSpan> sentences, SplitSentences(text));
    beginnings.reserve(sentences.size());
    for (const ByteSpan& sentence : sentences) {
      beginnings.push_back(TokenBehind(tokens.bytes, sentence.begin));
    }
  }
  return CutTokens(count, size, stride, beginnings);
}

// A token belongs to the word in which it ends: it may begin with the space before it.
std::vector<WindowRange> TextPlanner::CutByWords(std::string_view text,
                                                 const Tokens& tokens) const {
  const size_t size = options_.size > 0 ? options_.size : kDefaultWords;
  size_t stride = options_.stride;
  if (stride == 0) stride = options_.strategy == Strategy::kLateChunking ? size : (size + 1) / 2;
  const std::vector<size_t> begins = WordBegins(text);
  std::vector<WindowRange> windows;
  for (const WindowRange& words : CutWords(begins.size() - 1, size, stride)) {
    const size_t first = words.begin == 0 ? 0 : TokenBehind(tokens.bytes, begins[words.begin]);
    const size_t end = TokenBehind(tokens.bytes, begins[words.end] - 1);
    const size_t read = end - first > tokens.budget ? first + tokens.budget : end;
    if (first < read) windows.push_back({first, read});
  }
  return windows;
}

ModelInput TextPlanner::InputOf(const Encoding& encoding, const Tokens& tokens,
                                WindowRange range) const {
  const WindowRange own = tokens.own;
  const auto slice = [&](const auto& all, auto& part) {
    const auto at = [&](size_t t) { return all.begin() + static_cast<std::ptrdiff_t>(t); };
    part.assign(all.begin(), at(own.begin));
    part.insert(part.end(), at(own.begin + range.begin), at(own.begin + range.end));
    part.insert(part.end(), at(own.end), all.end());
  };
  ModelInput input;
  slice(encoding.ids, input.ids);
  slice(encoding.type_ids, input.type_ids);
  if (model_.folder.appended_token) {
    input.ids.push_back(*model_.folder.appended_token);
    input.type_ids.push_back(0);
  }
  input.status = model_.model->Check(input.ids, input.type_ids);
  return input;
}

void TextPlanner::PlanWhole(std::string_view text, const Encoding& encoding, const Tokens& tokens,
                            TextPlan& plan) const {
  const size_t count = tokens.own.size();
  plan.text.windows = 1;
  plan.text.spans = {{.first_byte = 0, .bytes = text.size(), .first_token = 0, .tokens = count}};
  plan.runs.push_back({InputOf(encoding, tokens, {0, count}), {}});
}

void TextPlanner::PlanChunks(const Encoding& encoding, const Tokens& tokens,
                             const std::vector<WindowRange>& chunks, TextPlan& plan) const {
  for (const ChunkedInput& packed : PackChunks(tokens.own.size(), chunks, tokens.budget)) {
    TextPlan::Run run{InputOf(encoding, tokens, packed.tokens), {}};
    const auto row_of = [&](size_t token) {
      return tokens.own.begin + token - packed.tokens.begin;
    };
    for (size_t c = packed.first_chunk; c < packed.first_chunk + packed.chunks; ++c) {
      run.rows.push_back({row_of(chunks[c].begin), row_of(chunks[c].end)});
    }
    plan.runs.push_back(std::move(run));
  }
}

}  // namespace gannet::encoder
