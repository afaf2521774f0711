#ifndef GANNET_ENCODER_RUN_PREPARED_TEXT_H_
#define GANNET_ENCODER_RUN_PREPARED_TEXT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/model_folder.h"

namespace gannet::encoder {

// The text as the folder's tokenizer is to see it: without white space around it, lower-cased where
// the folder says so. Lives as long as `text` and `room`. Ill-formed UTF-8 is an error.
absl::StatusOr<std::string_view> PrepareText(const ModelFolder& folder, std::string_view text,
                                             std::string& room);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_RUN_PREPARED_TEXT_H_
