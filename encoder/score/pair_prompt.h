#ifndef GANNET_ENCODER_SCORE_PAIR_PROMPT_H_
#define GANNET_ENCODER_SCORE_PAIR_PROMPT_H_

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gannet::encoder {

// How a decoder is asked whether a passage answers a query. The parts are tokenised each on its
// own; only `pair` is cut when the whole is too long.
struct PairPrompt {
  std::string before;       // "<|im_start|>system\n..."
  std::string pair;         // With {instruction}, {query} and {document} in their places.
  std::string after;        // "<|im_end|>\n<|im_start|>assistant\n..."
  std::string instruction;  // What {instruction} becomes unless the caller says otherwise.
  std::string yes, no;      // The two answers, one token each.
  size_t max_tokens = 0;    // Most tokens of the whole; 0 for what the model reads.

  // `pair` with its places filled in.
  std::string Fill(std::string_view query, std::string_view document) const;

  // That of the folder's pair_prompt.json (an object of the fields above, max_tokens optional),
  // else the one that a model of this type was published with; nullopt when there is none.
  static absl::StatusOr<std::optional<PairPrompt>> Find(const std::filesystem::path& folder,
                                                        std::string_view model_type);
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_SCORE_PAIR_PROMPT_H_
