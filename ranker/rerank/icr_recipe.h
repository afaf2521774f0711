#ifndef GANNET_RANKER_RERANK_ICR_RECIPE_H_
#define GANNET_RANKER_RERANK_ICR_RECIPE_H_

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"

namespace gannet::ranker {

// What surrounds a prompt for a kind of instruction-tuned model. The strings are part of the
// method: the published scores come from exactly these.
struct ChatMarkup {
  std::string_view name;
  std::string_view prefix;
  std::string_view suffix;
  std::string_view separator;  // Between the paragraphs of an ICR prompt.
  // CoRe's reference code ends its spans this many tokens early for the model.
  size_t core_spans_end_early = 0;
};

// "llama3", "mistral", "qwen2.5", "granite", "phi4", and "plain" without markup, for models that
// are not tuned to a chat. Errors name the value and list the known.
absl::StatusOr<const ChatMarkup*> FindMarkup(std::string_view name);

// The sentence between the documents and the query.
struct InstructionSentence {
  std::string_view name;
  std::string_view text;
};

// "find" (information extraction, the default) or "answer" (question answering: for MuSiQue,
// 2WikiMultiHopQA, HotpotQA, trec-covid, fiqa, webis-touche2020, dbpedia-entity and nq).
absl::StatusOr<const InstructionSentence*> FindSentence(std::string_view name);

// Where the best document of the first stage stands in the prompt.
enum class DocumentOrder { kBestFirst, kBestLast };

// How a method writes its prompt and reads the attention.
struct InContextRecipe {
  enum class Marker {
    kBracketed,  // "[1] ", part of the document.
    kNamed,      // "[document 1]", before the document.
  };
  enum class QueryText { kStripped, kAsGiven };
  enum class Title { kShown, kLeftOut };
  // Whose attention counts: from the instruction to the end of the prompt, or to one token after
  // the query.
  enum class Attending { kToTheEnd, kToTheQuery };

  std::string_view name;
  Marker marker = Marker::kBracketed;
  QueryText query_text = QueryText::kStripped;
  Title title = Title::kShown;
  Attending attending = Attending::kToTheEnd;
  DocumentOrder order = DocumentOrder::kBestLast;
  size_t max_words = 300;           // Of a document's text, split at spaces; 0 for all.
  size_t candidates = 100;          // As many documents as its authors re-rank.
  std::string_view separator = "";  // Empty: the markup's.
  size_t tokens_beyond = 0;         // Of a document's span, after its text.
};

// "icr": Chen et al. 2024 (arXiv:2410.02642), all heads. "qrhead": Zhang et al. 2025, with a set of
// heads. "core": Tran et al. 2025, with a set of heads; "core-detection" reads it as the search for
// those heads does.
absl::StatusOr<const InContextRecipe*> FindRecipe(std::string_view name);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_ICR_RECIPE_H_
