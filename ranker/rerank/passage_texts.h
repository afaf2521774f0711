#ifndef GANNET_RANKER_RERANK_PASSAGE_TEXTS_H_
#define GANNET_RANKER_RERANK_PASSAGE_TEXTS_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ranker/rerank/rerank_stage.h"
#include "ranker/rerank/word_windows.h"

namespace gannet::ranker {

// What a model reads of candidates: passages [begins[i], begins[i + 1]) are those of candidate i,
// at least one.
struct PassageTexts {
  std::vector<std::string> texts;
  std::vector<TextWindow> windows;  // [texts]
  std::vector<size_t> begins = {0};

  size_t count(size_t candidate) const { return begins[candidate + 1] - begins[candidate]; }
};

// Title, where there is one, a space and text.
std::string PassageText(const Candidate& candidate, std::string_view text);

// The windows of each candidate's text, each with the title, or the whole text in one.
PassageTexts CutCandidates(std::span<const Candidate> candidates,
                           const std::optional<WindowOptions>& windows);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_PASSAGE_TEXTS_H_
