#ifndef GANNET_ENCODER_RUN_PREPARED_TEXT_H_
#define GANNET_ENCODER_RUN_PREPARED_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/model_folder.h"

namespace gannet::encoder {

// The text as the folder's tokenizer is to see it: without white space around it, lower-cased where
// the folder says so. Lives as long as `text` and `room`. Ill-formed UTF-8 is an error.
absl::StatusOr<std::string_view> PrepareText(const ModelFolder& folder, std::string_view text,
                                             std::string& room);

// Where the bytes of a prepared text stand in the text that it was made from.
class TextOrigin {
 public:
  // Of what PrepareText makes of a well-formed text.
  static TextOrigin Of(const ModelFolder& folder, std::string_view text);

  // Of byte `position` of the prepared text, or of its end.
  size_t operator()(size_t position) const {
    return stripped_ + (lowered_.empty() ? position : lowered_[position]);
  }

 private:
  size_t stripped_ = 0;            // Bytes of white space in front.
  std::vector<uint32_t> lowered_;  // Of each byte and the end, where lower-casing moved any.
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_RUN_PREPARED_TEXT_H_
