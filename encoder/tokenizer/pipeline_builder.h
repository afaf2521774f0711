#ifndef GANNET_ENCODER_TOKENIZER_PIPELINE_BUILDER_H_
#define GANNET_ENCODER_TOKENIZER_PIPELINE_BUILDER_H_

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "encoder/tokenizer/pipeline.h"
#include "encoder/tokenizer/vocabulary.h"

namespace gannet::encoder {

// Collects what a file says about a tokenizer; the readers of the several formats share it.
class PipelineBuilder {
 public:
  Vocabulary vocabulary;
  std::unique_ptr<const Normalizer> normalizer;
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  std::unique_ptr<const TokenModel> model;
  std::vector<TemplatePiece> single_template;  // Empty: the text alone.
  std::vector<TemplatePiece> pair_template;
  std::vector<PrefixSpace> trims;

  // Adds a token that is looked for in the text. Its id is that of the vocabulary, or the next free
  // one. A content that was added before is refused.
  absl::Status AddToken(AddedToken token);

  bool HasAdded(const std::string& content) const { return added_ids_.contains(content); }

  // Adds a token of the vocabulary that is looked for in the normalized text as it stands.
  void AddSymbol(std::string content, TokenId id);

  // The id of a token of the vocabulary or an added one; Vocabulary::kNone when there is none.
  TokenId Find(std::string_view token) const;

  // Uses up the builder. Fails where normalizing makes added tokens empty or equal.
  absl::StatusOr<std::unique_ptr<const Tokenizer>> Build() &&;

 private:
  std::vector<EdgeSpaces> CountSpaces() const;
  absl::StatusOr<std::vector<AddedToken>> NormalizeAdded() const;

  std::vector<AddedToken> added_;
  std::vector<AddedToken> symbols_;
  std::unordered_map<std::string, TokenId> added_ids_;
  TokenId new_ids_ = 0;  // Added tokens that the vocabulary does not have.
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_TOKENIZER_PIPELINE_BUILDER_H_
