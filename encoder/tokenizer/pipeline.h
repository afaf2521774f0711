#ifndef GANNET_ENCODER_TOKENIZER_PIPELINE_H_
#define GANNET_ENCODER_TOKENIZER_PIPELINE_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "encoder/tokenizer/added_tokens.h"
#include "encoder/tokenizer/model.h"
#include "encoder/tokenizer/normalizer.h"
#include "encoder/tokenizer/post_processor.h"
#include "encoder/tokenizer/pre_tokenizer.h"
#include "encoder/tokenizer/tokenizer.h"
#include "encoder/tokenizer/truncation.h"

namespace gannet::encoder {

// What a tokenizer is made of, in the order in which a text passes.
struct PipelineParts {
  AddedTokenFinder added_tokens;                      // Looked for in the raw text.
  std::unique_ptr<const Normalizer> normalizer;       // May be null.
  AddedTokenFinder normalized_added_tokens;           // Looked for in the normalized text.
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // May be null: the text is one piece.
  std::unique_ptr<const TokenModel> model;
  PostProcessor post_processor;
  std::vector<EdgeSpaces> edge_spaces;  // By id; empty when no offsets are trimmed.
  size_t vocabulary_size = 0;
};

class Pipeline : public Tokenizer {
 public:
  explicit Pipeline(PipelineParts parts);
  ~Pipeline() override;

  absl::Status Encode(std::string_view text, const EncodeOptions& options,
                      Encoding& encoding) const override;
  absl::Status EncodePair(std::string_view first, std::string_view second,
                          const EncodeOptions& options, Encoding& encoding) const override;
  size_t vocabulary_size() const override { return parts_.vocabulary_size; }
  std::string_view kind() const override { return parts_.model->kind(); }

 private:
  struct Scratch;
  class BorrowedScratch;

  absl::Status Tokenize(std::string_view text, Scratch& scratch, TokenSequence& sequence) const;
  absl::Status TokenizeStretch(const Piece& stretch, Scratch& scratch,
                               TokenSequence& sequence) const;
  void Add(TokenId id, ByteSpan offsets, TokenSequence& sequence) const;
  void AddAdded(TokenId id, ByteSpan offsets, std::string_view matched,
                TokenSequence& sequence) const;
  absl::Status Finish(const TokenSequence& first, const TokenSequence* second,
                      const EncodeOptions& options, Scratch& scratch, Encoding& encoding) const;
  void FillOverflow(const TokenSequence& first, const TokenSequence* second,
                    const EncodeOptions& options, const Scratch& scratch, Encoding& encoding) const;

  PipelineParts parts_;
  // Memory of past calls, one set per call that ran at the same time.
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Scratch>> idle_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_TOKENIZER_PIPELINE_H_
