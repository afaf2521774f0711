#include "encoder/run/prepared_text.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/edits.h>

#include "base/utf8.h"

namespace gannet::encoder {
namespace {

// Out of memory is the one error there is.
void LowerCase(std::string_view text, std::string& lowered, icu::Edits* edits) {
  UErrorCode error = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&lowered);
  icu::CaseMap::utf8ToLower("", 0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())),
                            sink, edits, error);
}

}  // namespace

absl::StatusOr<std::string_view> PrepareText(const ModelFolder& folder, std::string_view text,
                                             std::string& room) {
  if (!base::IsValidUtf8(text)) return absl::InvalidArgumentError("not well-formed UTF-8");
  text = base::StripWhiteSpace(text);
  if (!folder.lower_case) return text;
  room.clear();
  LowerCase(text, room, nullptr);
  return room;
}

TextOrigin TextOrigin::Of(const ModelFolder& folder, std::string_view text) {
  TextOrigin origin;
  const std::string_view stripped = base::StripWhiteSpace(text);
  origin.stripped_ = stripped.empty() ? 0 : static_cast<size_t>(stripped.data() - text.data());
  if (!folder.lower_case) return origin;
  std::string lowered;
  icu::Edits edits;
  LowerCase(stripped, lowered, &edits);
  UErrorCode error = U_ZERO_ERROR;
  for (auto change = edits.getFineIterator(); change.next(error);) {
    for (int32_t i = 0; i < change.newLength(); ++i) {
      const int32_t within = change.hasChange() ? 0 : i;
      origin.lowered_.push_back(static_cast<uint32_t>(change.sourceIndex() + within));
    }
  }
  origin.lowered_.push_back(static_cast<uint32_t>(stripped.size()));
  return origin;
}

}  // namespace gannet::encoder
