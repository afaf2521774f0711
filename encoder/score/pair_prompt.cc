#include "encoder/score/pair_prompt.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/config_file.h"

namespace gannet::encoder {
namespace {

// Qwen3-Reranker (Zhang et al. 2025, arXiv:2506.05176), from its model card.
PairPrompt Qwen3Reranker() {
  return {
      .before =
          "<|im_start|>system\nJudge whether the Document meets the requirements based on the "
          "Query and the Instruct provided. Note that the answer can only be \"yes\" or "
          "\"no\".<|im_end|>\n<|im_start|>user\n",
      .pair = "<Instruct>: {instruction}\n<Query>: {query}\n<Document>: {document}",
      .after = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
      .instruction = "Given a web search query, retrieve relevant passages that answer the query",
      .yes = "yes",
      .no = "no",
      .max_tokens = 8192};
}

absl::StatusOr<PairPrompt> Read(const std::filesystem::path& path) {
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(path));
  PairPrompt prompt;
  GANNET_ASSIGN_OR_RETURN(prompt.before, file.StringOr("before", ""));
  GANNET_ASSIGN_OR_RETURN(prompt.pair, file.String("pair"));
  GANNET_ASSIGN_OR_RETURN(prompt.after, file.StringOr("after", ""));
  GANNET_ASSIGN_OR_RETURN(prompt.instruction, file.StringOr("instruction", ""));
  GANNET_ASSIGN_OR_RETURN(prompt.yes, file.StringOr("yes", "yes"));
  GANNET_ASSIGN_OR_RETURN(prompt.no, file.StringOr("no", "no"));
  GANNET_ASSIGN_OR_RETURN(prompt.max_tokens, file.SizeOr("max_tokens", 0));
  for (const std::string_view place : {"{query}", "{document}"}) {
    if (prompt.pair.find(place) == std::string::npos) {
      return file.Error("pair", fmt::format("\"{}\" has no {}", prompt.pair, place));
    }
  }
  return prompt;
}

}  // namespace

std::string PairPrompt::Fill(std::string_view query, std::string_view document) const {
  const std::pair<std::string_view, std::string_view> places[] = {
      {"{instruction}", instruction}, {"{query}", query}, {"{document}", document}};
  std::string filled;
  std::string_view rest = pair;
  while (!rest.empty()) {
    bool found = false;
    for (const auto& [place, value] : places) {
      if (!rest.starts_with(place)) continue;
      filled += value;
      rest.remove_prefix(place.size());
      found = true;
      break;
    }
    if (found) continue;
    filled += rest.front();
    rest.remove_prefix(1);
  }
  return filled;
}

absl::StatusOr<std::optional<PairPrompt>> PairPrompt::Find(const std::filesystem::path& folder,
                                                           std::string_view model_type) {
  const std::filesystem::path path = folder / "pair_prompt.json";
  std::error_code unreadable;
  if (std::filesystem::exists(path, unreadable)) {
    GANNET_ASSIGN_OR_RETURN(PairPrompt prompt, Read(path));
    return std::optional(std::move(prompt));
  }
  if (model_type == "qwen3") return std::optional(Qwen3Reranker());
  return std::optional<PairPrompt>();
}

}  // namespace gannet::encoder
