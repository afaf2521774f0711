#include "ranker/rerank/icr_recipe.h"

#include <fmt/format.h>

#include <string>

#include "base/status.h"

namespace gannet::ranker {
namespace {

constexpr ChatMarkup kMarkups[] = {
    {.name = "llama3",
     .prefix = "<|start_header_id|>user<|end_header_id|>",
     .suffix = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>",
     .separator = " \n\n"},
    {.name = "mistral",
     .prefix = "[INST]",
     .suffix = "[/INST]",
     .separator = "\n\n",
     .core_spans_end_early = 1},
    {.name = "qwen2.5",
     .prefix = "<|im_start|>user",
     .suffix = "<|im_end|>\n<|im_start|>assistant",
     .separator = "\n\n"},
    {.name = "granite",
     .prefix = "<|start_of_role|>user<|end_of_role|>",
     .suffix = "<|end_of_text|><|start_of_role|>assistant<|end_of_role|>",
     .separator = "\n\n"},
    {.name = "phi4",
     .prefix = "<|im_start|>user<|im_sep|>",
     .suffix = "<|im_end|><|im_start|>assistant<|im_sep|>",
     .separator = "\n\n"},
    {.name = "plain", .prefix = "", .suffix = "", .separator = "\n\n"}};

constexpr InstructionSentence kSentences[] = {
    {"find",
     "Please find information that are relevant to the following query in the paragraphs above."},
    {"answer",
     "Please answer the following question based on the information in the paragraphs above."}};

constexpr InContextRecipe kRecipes[] = {{.name = "icr"},
                                        {.name = "qrhead",
                                         .query_text = InContextRecipe::QueryText::kAsGiven,
                                         .max_words = 400,
                                         .candidates = 200},
                                        {.name = "core",
                                         .marker = InContextRecipe::Marker::kNamed,
                                         .query_text = InContextRecipe::QueryText::kAsGiven,
                                         .title = InContextRecipe::Title::kLeftOut,
                                         .attending = InContextRecipe::Attending::kToTheQuery,
                                         .order = DocumentOrder::kBestFirst,
                                         .candidates = 40,
                                         .separator = "\n\n",
                                         .tokens_beyond = 1},
                                        {.name = "core-detection",
                                         .marker = InContextRecipe::Marker::kNamed,
                                         .query_text = InContextRecipe::QueryText::kAsGiven,
                                         .title = InContextRecipe::Title::kLeftOut,
                                         .attending = InContextRecipe::Attending::kToTheQuery,
                                         .order = DocumentOrder::kBestFirst,
                                         .candidates = 40,
                                         .separator = "\n\n"}};

template <typename Entry, size_t kSize>
absl::StatusOr<const Entry*> Find(const Entry (&entries)[kSize], std::string_view kind,
                                  std::string_view name) {
  std::string known;
  for (const Entry& entry : entries) {
    if (entry.name == name) return &entry;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
  }
  return absl::InvalidArgumentError(fmt::format("{}: \"{}\" is not among {}", kind, name, known));
}

}  // namespace

absl::StatusOr<const ChatMarkup*> FindMarkup(std::string_view name) {
  return Find(kMarkups, "markup", name);
}

absl::StatusOr<const InstructionSentence*> FindSentence(std::string_view name) {
  return Find(kSentences, "sentence", name);
}

absl::StatusOr<const InContextRecipe*> FindRecipe(std::string_view name) {
  return Find(kRecipes, "recipe", name);
}

}  // namespace gannet::ranker
