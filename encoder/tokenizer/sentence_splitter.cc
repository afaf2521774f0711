#include "encoder/tokenizer/sentence_splitter.h"

#include <fmt/format.h>
#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/utext.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "base/utf8.h"

namespace gannet::encoder {
namespace {

struct UTextCloser {
  void operator()(UText* text) const { utext_close(text); }
};

// The text with a space for each line break between two lines that are not blank: annex 29 ends a
// sentence at every line break. Every byte keeps its place.
std::string JoinLines(std::string_view text) {
  std::string joined(text);
  bool blank = true;  // The line before.
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const bool next_blank = base::StripWhiteSpace(text.substr(begin, end - begin)).empty();
    if (!blank && !next_blank) {
      joined[begin - 1] = ' ';
      if (begin > 1 && joined[begin - 2] == '\r') joined[begin - 2] = ' ';
    }
    blank = next_blank;
    begin = end + 1;
  }
  return joined;
}

absl::Status Failure(UErrorCode error) {
  return absl::InternalError(fmt::format("splitting sentences: {}", u_errorName(error)));
}

}  // namespace

absl::StatusOr<std::vector<ByteSpan>> SplitSentences(std::string_view text) {
  if (text.size() > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        fmt::format("{} bytes are too long a text for splitting sentences", text.size()));
  }
  if (!base::IsValidUtf8(text)) return absl::InvalidArgumentError("not well-formed UTF-8");
  const std::string joined = JoinLines(text);
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<UText, UTextCloser> utext(
      utext_openUTF8(nullptr, joined.data(), static_cast<int64_t>(joined.size()), &error));
  const std::unique_ptr<icu::BreakIterator> breaks(
      icu::BreakIterator::createSentenceInstance(icu::Locale::getRoot(), error));
  if (U_FAILURE(error)) return Failure(error);
  breaks->setText(utext.get(), error);
  if (U_FAILURE(error)) return Failure(error);

  std::vector<ByteSpan> sentences;
  size_t begin = 0;
  for (int32_t end = breaks->next(); end != icu::BreakIterator::DONE; end = breaks->next()) {
    const std::string_view sentence =
        base::StripWhiteSpace(text.substr(begin, static_cast<size_t>(end) - begin));
    if (!sentence.empty()) {
      const auto first = static_cast<uint32_t>(sentence.data() - text.data());
      sentences.push_back({first, first + static_cast<uint32_t>(sentence.size())});
    }
    begin = static_cast<size_t>(end);
  }
  return sentences;
}

}  // namespace gannet::encoder
