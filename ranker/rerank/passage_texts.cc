#include "ranker/rerank/passage_texts.h"

#include <fmt/format.h>

namespace gannet::ranker {

std::string PassageText(const Candidate& candidate, std::string_view text) {
  if (candidate.title.empty()) return std::string(text);
  return fmt::format("{} {}", candidate.title, text);
}

PassageTexts CutCandidates(std::span<const Candidate> candidates,
                           const std::optional<WindowOptions>& windows) {
  PassageTexts passages;
  for (const Candidate& candidate : candidates) {
    const std::string_view text = candidate.text;
    const TextWindow whole{.index = 0, .count = 1, .first_byte = 0, .bytes = text.size()};
    const std::vector<TextWindow> cut =
        windows ? CutText(text, *windows) : std::vector<TextWindow>{whole};
    for (const TextWindow& window : cut) {
      passages.texts.push_back(
          PassageText(candidate, text.substr(window.first_byte, window.bytes)));
      passages.windows.push_back(window);
    }
    passages.begins.push_back(passages.texts.size());
  }
  return passages;
}

}  // namespace gannet::ranker
