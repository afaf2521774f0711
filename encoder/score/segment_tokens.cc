#include "encoder/score/segment_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/status.h"
#include "encoder/run/prepared_text.h"

namespace gannet::encoder {

absl::StatusOr<SegmentTokens> SegmentTokens::Make(const TextModel& text_model) {
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(text_model.tokenizer->Encode("", {}, encoding));
  if (encoding.ids.size() == 2) {
    return SegmentTokens(text_model, encoding.ids[0], encoding.ids[1]);
  }
  return absl::InvalidArgumentError(fmt::format(
      "{}: the tokenizer puts {} special tokens around a text, expected [CLS] and [SEP]",
      text_model.folder.path.string(), encoding.ids.size()));
}

absl::StatusOr<std::vector<TokenId>> SegmentTokens::Tokens(std::string_view text, size_t limit,
                                                           TokenCount& count) const {
  std::string room;
  GANNET_ASSIGN_OR_RETURN(text, PrepareText(text_model_->folder, text, room));
  Encoding encoding;
  GANNET_RETURN_IF_ERROR(
      text_model_->tokenizer->Encode(text, {.add_special_tokens = false}, encoding));
  count = {.total = encoding.ids.size(), .read = std::min(encoding.ids.size(), limit)};
  encoding.ids.resize(count.read);
  return std::move(encoding.ids);
}

ModelInput SegmentTokens::Join(std::initializer_list<std::span<const TokenId>> segments) const {
  ModelInput input;
  input.ids.push_back(first_);
  uint8_t type = 0;
  for (const std::span<const TokenId> segment : segments) {
    input.ids.insert(input.ids.end(), segment.begin(), segment.end());
    input.ids.push_back(separator_);
    input.type_ids.resize(input.ids.size(), type++);
  }
  input.count = {.total = input.ids.size(), .read = input.ids.size()};
  input.status = text_model_->model->Check(input.ids, input.type_ids);
  return input;
}

}  // namespace gannet::encoder
