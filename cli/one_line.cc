#include "cli/one_line.h"

namespace gannet::cli {

std::string OneLine(std::string_view text, size_t columns) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool blank = byte <= ' ' || byte == 0x7F;
    if (blank && (line.empty() || line.back() == ' ')) continue;
    line += blank ? ' ' : c;
    if (line.size() > columns + 4) break;
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  if (line.size() <= columns) return line;
  size_t end = columns > 3 ? columns - 3 : 0;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
  return line.substr(0, end) + "...";
}

}  // namespace gannet::cli
