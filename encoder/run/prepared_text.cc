#include "encoder/run/prepared_text.h"

#include <unicode/locid.h>
#include <unicode/unistr.h>

#include "base/utf8.h"

namespace gannet::encoder {
namespace {

std::string LowerCase(std::string_view text) {
  std::string lowered;
  icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())))
      .toLower(icu::Locale::getRoot())
      .toUTF8String(lowered);
  return lowered;
}

}  // namespace

absl::StatusOr<std::string_view> PrepareText(const ModelFolder& folder, std::string_view text,
                                             std::string& room) {
  if (!base::IsValidUtf8(text)) return absl::InvalidArgumentError("not well-formed UTF-8");
  text = base::StripWhiteSpace(text);
  if (!folder.lower_case) return text;
  room = LowerCase(text);
  return room;
}

}  // namespace gannet::encoder
