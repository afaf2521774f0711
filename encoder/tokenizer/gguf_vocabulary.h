#ifndef GANNET_ENCODER_TOKENIZER_GGUF_VOCABULARY_H_
#define GANNET_ENCODER_TOKENIZER_GGUF_VOCABULARY_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// The tokenizer inside a GGUF file: "llama" (SentencePiece BPE), "gpt2" (byte-level BPE) or "bert"
// (WordPiece); of byte-level pre-tokenizers those of GPT-2, GPT-NeoX, Llama 3 and Qwen 2. Errors
// name the metadata key.
absl::StatusOr<std::unique_ptr<const Tokenizer>> ReadGgufVocabulary(
    std::string_view file, const TokenizerOptions& options = {});

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_TOKENIZER_GGUF_VOCABULARY_H_
