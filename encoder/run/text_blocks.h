#ifndef GANNET_ENCODER_RUN_TEXT_BLOCKS_H_
#define GANNET_ENCODER_RUN_TEXT_BLOCKS_H_

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/models/hierarchical.h"
#include "encoder/run/model_input.h"
#include "encoder/run/token_count.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// The tokens of the blocks that sentences fill, without special tokens: all of them, uncut. Empty
// sentences are passed over.
std::vector<std::vector<TokenId>> FillBlocks(std::span<const std::vector<TokenId>> sentences,
                                             const BlockShape& shape);

// A text as blocks that the block encoder reads.
struct BlockedText {
  std::vector<ModelInput> blocks;  // At most BlockShape::blocks, none longer than its tokens.
  TokenCount count;
  absl::Status status;  // Why the model cannot read it.
};

// Cuts texts into blocks: [CLS] tokens [SEP], with as many [SEP] as the shape says.
class BlockSplitter {
 public:
  // An empty text shows what the tokenizer puts around one; other than two tokens are an error.
  // Tokenizer and model must outlive the object.
  static absl::StatusOr<BlockSplitter> Make(const Tokenizer& tokenizer,
                                            const HierarchicalModel& model);

  // The sentences of a text (see SplitSentences) in blocks.
  BlockedText Split(std::string_view text) const;

  // The whole text as one block, whatever its sentences.
  BlockedText Whole(std::string_view text) const;

 private:
  BlockSplitter(const Tokenizer& tokenizer, const HierarchicalModel& model, TokenId first,
                TokenId separator)
      : tokenizer_(&tokenizer), model_(&model), first_(first), separator_(separator) {}

  absl::StatusOr<std::vector<TokenId>> TokensOf(std::string_view text) const;
  // What the model reads of the blocks.
  BlockedText Read(std::span<const std::vector<TokenId>> blocks) const;
  ModelInput Wrap(std::span<const TokenId> tokens) const;

  const Tokenizer* tokenizer_;
  const HierarchicalModel* model_;
  TokenId first_;      // [CLS]
  TokenId separator_;  // [SEP]
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_RUN_TEXT_BLOCKS_H_
