#ifndef GANNET_ENCODER_SCORE_SEGMENT_TOKENS_H_
#define GANNET_ENCODER_SCORE_SEGMENT_TOKENS_H_

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/run/model_input.h"
#include "encoder/run/text_model.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// Inputs put together by hand, for models whose texts are each cut to a length of its own:
//   [CLS] segment 0 [SEP] segment 1 [SEP] ...
// with the number of a segment as the type of its tokens and of its [SEP].
class SegmentTokens {
 public:
  // An empty text shows what the tokenizer puts around one; other than two tokens are an error. The
  // text model must outlive the object.
  static absl::StatusOr<SegmentTokens> Make(const TextModel& text_model);

  // At most `limit` tokens of a text, none of them special, and how many it has.
  absl::StatusOr<std::vector<TokenId>> Tokens(std::string_view text, size_t limit,
                                              TokenCount& count) const;

  // The input of segments; what the model cannot read of it is its status.
  ModelInput Join(std::initializer_list<std::span<const TokenId>> segments) const;

  TokenId first() const { return first_; }          // [CLS]
  TokenId separator() const { return separator_; }  // [SEP]

 private:
  SegmentTokens(const TextModel& text_model, TokenId first, TokenId separator)
      : text_model_(&text_model), first_(first), separator_(separator) {}

  const TextModel* text_model_;
  TokenId first_;
  TokenId separator_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_SCORE_SEGMENT_TOKENS_H_
