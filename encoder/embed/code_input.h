#ifndef GANNET_ENCODER_EMBED_CODE_INPUT_H_
#define GANNET_ENCODER_EMBED_CODE_INPUT_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "encoder/code/code_splitter.h"
#include "encoder/run/model_input.h"
#include "encoder/run/text_model.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// The inputs of a model for code, as GraphCodeBERT (Guo et al. 2021, arXiv:2009.08366) makes them:
// each token of the code is tokenised alone, the first as it stands, every other as what follows a
// space: what remains of "@ TOKEN" without the token of the "@".
class CodeInputs {
 public:
  // An error where the tokenizer does not keep "@" as a token of its own. The model must outlive
  // the object. `limit`: most tokens of an input, special tokens included.
  static absl::StatusOr<CodeInputs> Make(const TextModel& model, size_t limit);

  // One input for each block. `count` is of the first block, the whole code: a token of it is read
  // where any block has it.
  absl::StatusOr<std::vector<ModelInput>> Of(const SplitCode& split, TokenCount& count) const;

 private:
  enum class Place { kFirst, kBehind };   // Of a token in its block.
  enum class Extent { kAll, kWhatFits };  // Which tokens of a block are tokenised.

  struct Block {
    ModelInput input;
    std::vector<size_t> sizes;  // The ids of each of its tokens, those that do not fit as well.
  };

  explicit CodeInputs(const TextModel& model) : model_(&model) {}

  absl::Status Tokenize(std::string_view token, Place place, Encoding& encoding) const;
  absl::StatusOr<Block> Encode(const CodeBlock& tokens, Extent extent) const;

  const TextModel* model_;
  std::vector<TokenId> before_ = {}, after_ = {};  // The special tokens around a text.
  size_t room_ = 0;                                // For tokens of code between them.
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_CODE_INPUT_H_
