#ifndef GANNET_ENCODER_EMBED_CODE_OPTIONS_H_
#define GANNET_ENCODER_EMBED_CODE_OPTIONS_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/code/code_splitter.h"
#include "encoder/embed/block_fusion.h"
#include "encoder/embed/embedder.h"

namespace gannet::encoder {

// What gannet.json says of a SEA model; the defaults are the paper's best configuration, in the
// unbiased form. docs/long_context.md lists the fields.
struct CodeOptions {
  CodeSplitOptions split;
  std::optional<FusionKind> fusion;  // Nothing: as the tensors have it.
  FusionForm form = FusionForm::kUnbiased;
  Pooling pooling = Pooling::kPooler;  // Or kCls or kMean.
  Similarity similarity = Similarity::kDot;
  size_t code_tokens = 0;                    // Most of a block, special tokens included.
  size_t query_tokens = 0;                   // Most of a query, special tokens included.
  std::vector<Assumption> assumptions = {};  // What the file does not say.

  // Errors name the file, the field and the value; a field that is none is an error, too.
  static absl::StatusOr<CodeOptions> Read(const ConfigFile& file);
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_CODE_OPTIONS_H_
