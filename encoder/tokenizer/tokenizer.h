#ifndef GANNET_ENCODER_TOKENIZER_TOKENIZER_H_
#define GANNET_ENCODER_TOKENIZER_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gannet::encoder {

using TokenId = int32_t;

// A half-open range of bytes of the original text.
struct ByteSpan {
  uint32_t begin = 0;
  uint32_t end = 0;
  friend bool operator==(const ByteSpan&, const ByteSpan&) = default;
};

// The tokens of one text, or of one pair of texts. The first four vectors have one entry per token.
struct Encoding {
  std::vector<TokenId> ids;
  std::vector<uint8_t> type_ids;             // Segment of the token: 0, or 1 in the second text.
  std::vector<uint8_t> special_tokens_mask;  // 1 where the post-processor added the token.
  std::vector<ByteSpan> offsets;             // Into the text the token comes from; special: {0, 0}.
  size_t tokens_total = 0;                   // Tokens before truncation, special tokens included.
  std::vector<Encoding> overflow;  // What truncation cut off, when EncodeOptions asks for it.
};

// Which text of a pair gives way when the two are too long; of a single text it is that text.
enum class TruncationStrategy {
  kLongestFirst,  // The longer one, until both are as long; then both.
  kOnlyFirst,
  kOnlySecond,
};

// The end of the text that truncation cuts off.
enum class TruncationSide { kRight, kLeft };

struct EncodeOptions {
  bool add_special_tokens = true;
  // Most tokens to keep, special tokens included; 0 keeps all. The limits that tokenizer.json
  // itself carries are not applied: the model folder decides (see ModelFolder).
  size_t max_tokens = 0;
  TruncationStrategy truncation_strategy = TruncationStrategy::kLongestFirst;
  TruncationSide truncation_side = TruncationSide::kRight;
  // Whether Encoding::overflow receives the windows that truncation leaves out.
  bool keep_overflow = false;
  size_t stride = 0;  // Tokens that neighbouring windows of the overflow share.
};

// How a tokenizer is opened.
struct TokenizerOptions {
  // Whether tokens of the control kind that stand in a text are tokens, or are read like any text.
  // Of GGUF files alone, whose programs differ in it: `tokenizers` always finds them.
  enum class ControlTokens { kAsText, kFound } gguf_control_tokens = ControlTokens::kAsText;
};

// Text to token ids, exactly as the Hugging Face `tokenizers` library does for the same folder.
// Immutable; safe to use from several threads.
class Tokenizer {
 public:
  // Reads the tokenizer of a model folder: the first it has of tokenizer.json, vocab.json with
  // merges.txt, spiece.model or tokenizer.model (SentencePiece), vocab.txt (with
  // tokenizer_config.json where there is one), or one GGUF file; or a GGUF file itself. Errors name
  // the file and the path inside it.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Open(
      const std::filesystem::path& folder, const TokenizerOptions& options = {});

  virtual ~Tokenizer() = default;

  // Replaces `encoding` by the tokens of `text` (well-formed UTF-8; ill-formed input is an error).
  // Storage of `encoding` is reused, so a loop over texts does not allocate per text.
  virtual absl::Status Encode(std::string_view text, const EncodeOptions& options,
                              Encoding& encoding) const = 0;

  // The same for a pair of texts, such as a query and a passage. Truncation that cannot be done as
  // asked (no token of the text would be left, a stride as long as the window) is an error.
  virtual absl::Status EncodePair(std::string_view first, std::string_view second,
                                  const EncodeOptions& options, Encoding& encoding) const = 0;

  // Number of ids: every id is below it.
  virtual size_t vocabulary_size() const = 0;

  // How pieces of text become tokens: "BPE", "Unigram", "WordPiece" or "WordLevel".
  virtual std::string_view kind() const = 0;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_TOKENIZER_TOKENIZER_H_
