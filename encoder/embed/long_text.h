#ifndef GANNET_ENCODER_EMBED_LONG_TEXT_H_
#define GANNET_ENCODER_EMBED_LONG_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "encoder/run/token_count.h"

namespace gannet::encoder {

// How a text that may be longer than its model reads at once becomes vectors. A text of one window
// has the vector that Embedder::Embed gives it, byte for byte.
struct LongTextOptions {
  enum class Strategy {
    kTruncate,      // One vector of the beginning, up to the model's limit.
    kWindows,       // One vector for each window; a search scores the best of them (MaxP).
    kLateChunking,  // The same, but the token vectors of a window are made with what stands around
                    // it in view, and pooled window by window (Guenther et al. 2024,
                    // arXiv:2409.04701).
    kMean,          // One vector of the windows' vectors: their mean,
    kMax,           // or the largest value of each component,
    kFirst,         // or that of the first window, and no other is read,
    kAttention,     // or their sum by the softmax of their inner products with their mean.
  };
  enum class Unit { kTokens, kWords };
  enum class Ends { kAnywhere, kSentences };

  Strategy strategy = Strategy::kWindows;
  Unit unit = Unit::kTokens;

  // Most units of a window; 0: the model's whole input, or 150 words. A window of late chunking has
  // a quarter of the input then, but at most 256 tokens.
  size_t size = 0;

  // Units from the beginning of a full window to that of the next; the others are in both. 0: seven
  // eighths of the size, or half of it in words, or all of it in late chunking. What an end cuts in
  // two, up to an eighth of a window (a sentence or two), is whole in the next window, and the
  // model has 8/7 of the work.
  size_t stride = 0;

  // Whether windows of tokens end and begin with sentences, where one ends in the second half.
  Ends ends = Ends::kAnywhere;

  // Whether a text of several windows has one vector.
  bool one_vector() const {
    return strategy != Strategy::kWindows && strategy != Strategy::kLateChunking;
  }

  // kInvalidArgument for what does not go together, whatever the model.
  absl::Status Check() const;

  // For people: "windows of 128 tokens, every 96, ending with sentences".
  std::string ToString() const;

  friend bool operator==(const LongTextOptions&, const LongTextOptions&) = default;
};

// "truncate", "windows", "late-chunking", "mean", "max", "first", "attention".
std::string_view StrategyName(LongTextOptions::Strategy strategy);
absl::StatusOr<LongTextOptions::Strategy> ParseStrategy(std::string_view name);

// "tokens", "words".
std::string_view UnitName(LongTextOptions::Unit unit);
absl::StatusOr<LongTextOptions::Unit> ParseUnit(std::string_view name);

// The part of a text that a vector is of. Special tokens and prompt are no part of it.
struct TextSpan {
  uint64_t first_byte = 0;
  uint64_t bytes = 0;
  uint64_t first_token = 0;
  uint64_t tokens = 0;

  friend bool operator==(const TextSpan&, const TextSpan&) = default;
};

inline constexpr size_t kMaxTextWindows = 65'536;

// The vectors of one text.
struct TextVectors {
  absl::Status status;          // Why it has none.
  TokenCount tokens;            // Of the text as one; a token is read when a window has it.
  size_t windows = 0;           // That were read: 1 for a text that its model reads at once.
  std::vector<TextSpan> spans;  // Of each vector, from the beginning of the text to its end.
  std::vector<float> values;    // [spans, dimension], row-major.
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_LONG_TEXT_H_
