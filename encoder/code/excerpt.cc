#include "encoder/code/excerpt.h"

#include <algorithm>
#include <cstdint>

namespace gannet::encoder {

void Excerpt::Append(ByteSpan part) {
  parts_.push_back({text_.size(), part});
  text_ += code_.substr(part.begin, part.end - part.begin);
}

void Excerpt::AppendWithSingleSpaces(ByteSpan part) {
  const auto space = [&](uint32_t i) { return i < part.end && code_[i] == ' '; };
  for (uint32_t begin = part.begin; begin < part.end;) {
    uint32_t end = begin;
    while (end < part.end && !(space(end) && space(end + 1))) ++end;
    Append({begin, std::min(end + 1, part.end)});
    while (space(end)) ++end;
    begin = end;
  }
}

void Excerpt::Append(const Excerpt& other) {
  for (const Part& part : other.parts_) parts_.push_back({text_.size() + part.begin, part.code});
  text_ += other.text_;
}

uint32_t Excerpt::Place(size_t within, size_t byte) const {
  const auto after = std::upper_bound(parts_.begin(), parts_.end(), within,
                                      [](size_t b, const Part& part) { return b < part.begin; });
  if (after == parts_.begin()) return parts_.empty() ? 0 : parts_.front().code.begin;
  const Part& part = *(after - 1);
  return static_cast<uint32_t>(
      std::min<size_t>(part.code.begin + (byte - part.begin), part.code.end));
}

ByteSpan Excerpt::InCode(ByteSpan bytes) const {
  const uint32_t begin = Place(bytes.begin, bytes.begin);
  return {begin, bytes.begin == bytes.end ? begin : Place(bytes.end - 1, bytes.end)};
}

}  // namespace gannet::encoder
