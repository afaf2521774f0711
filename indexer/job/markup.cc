#include "indexer/job/markup.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "base/utf8.h"

namespace gannet::indexer {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool StartsWithName(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() &&
         std::equal(lower_case.begin(), lower_case.end(), text.begin(),
                    [](char a, char b) { return a == Lower(b); });
}

// The name of the tag at the beginning of `text`, which is behind "<"; empty when none is there.
std::string NameAt(std::string_view text) {
  std::string name;
  if (text.empty() || !IsLetter(text.front())) return name;
  for (const char c : text) {
    if (!IsLetter(c) && !IsDigit(c) && c != '-' && c != '_' && c != ':' && c != '.') break;
    name += Lower(c);
  }
  return name;
}

// A text and where its last comment ends.
struct Markup {
  explicit Markup(std::string_view text_in) : text(text_in) {
    const size_t last = text.rfind("-->");
    if (last != std::string_view::npos) comments_end = last + 3;
  }

  // The end of the tag, comment or declaration that begins with the "<" at `begin`; `begin` itself
  // when it is a mere character. A tag ends before the next one begins.
  size_t EndOf(size_t begin) const {
    const std::string_view rest = text.substr(begin);
    if (rest.starts_with("<!--") && begin + 4 < comments_end) {
      return begin + rest.find("-->", 4) + 3;
    }
    if (rest.size() < 3) return begin;
    if (!IsLetter(rest[1]) && rest[1] != '!' && rest[1] != '?' &&
        !(rest[1] == '/' && IsLetter(rest[2]))) {
      return begin;
    }
    const size_t end = rest.find_first_of("<>", 1);
    return end != std::string_view::npos && rest[end] == '>' ? begin + end + 1 : begin;
  }

  std::string_view text;
  size_t comments_end = 0;
};

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// Resolves the reference at the beginning of `text` ("&amp;", "&#233;", "&#xE9;") and returns its
// length; 0 when it is none that is known.
size_t AppendReference(std::string_view text, std::string& out) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kNamed = {
      {{"&amp;", "&"},
       {"&lt;", "<"},
       {"&gt;", ">"},
       {"&quot;", "\""},
       {"&apos;", "'"},
       {"&nbsp;", " "}}};
  for (const auto& [name, character] : kNamed) {
    if (!text.starts_with(name)) continue;
    out += character;
    return name.size();
  }
  if (!text.starts_with("&#")) return 0;
  const bool hexadecimal = text.size() > 2 && Lower(text[2]) == 'x';
  const char* const first = text.data() + (hexadecimal ? 3 : 2);
  const char* const last = text.data() + text.size();
  uint32_t code = 0;
  if (first >= last) return 0;
  const auto [end, error] = std::from_chars(first, last, code, hexadecimal ? 16 : 10);
  const bool character = code != 0 && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
  if (error != std::errc() || end == last || *end != ';' || !character) return 0;
  AppendUtf8(code, out);
  return static_cast<size_t>(end + 1 - text.data());
}

}  // namespace

Tag FindTag(std::string_view text, std::string_view name, size_t from) {
  for (size_t begin = text.find('<', from); begin != std::string_view::npos;
       begin = text.find('<', begin + 1)) {
    const std::string_view rest = text.substr(begin + 1);
    if (!StartsWithName(rest, name) || rest.size() == name.size()) continue;
    if (rest[name.size()] != '>' && !IsSpace(rest[name.size()])) continue;
    const size_t end = text.find('>', begin);
    if (end == std::string_view::npos) break;
    return {begin, end + 1};
  }
  return {text.size(), text.size()};
}

std::vector<Element> ChildElements(std::string_view text) {
  std::vector<Element> elements;
  const auto add_between = [&](size_t begin, size_t end) {
    const std::string_view between = text.substr(begin, end - begin);
    if (!std::ranges::all_of(between, IsSpace)) elements.push_back({"", between});
  };
  const Markup markup(text);
  std::set<std::string> never_closed;  // From here on.
  size_t behind = 0;                   // The last element.
  for (size_t begin = text.find('<'); begin != std::string_view::npos;) {
    const std::string name = NameAt(text.substr(begin + 1));
    const size_t end = markup.EndOf(begin);
    const bool tag = !name.empty() && end > begin && !never_closed.contains(name);
    const Tag close = tag ? FindTag(text, "/" + name, end) : Tag{};
    if (!close.found()) {
      if (tag) never_closed.insert(name);
      begin = text.find('<', std::max(end, begin + 1));
      continue;
    }
    add_between(behind, begin);
    elements.push_back({name, text.substr(end, close.begin - end)});
    behind = close.end;
    begin = text.find('<', behind);
  }
  add_between(behind, text.size());
  return elements;
}

std::string_view ContentOf(std::string_view name, std::string_view text) {
  const Tag open = FindTag(text, name);
  const Tag close = FindTag(text, "/" + std::string(name), open.end);
  return open.found() && close.found() ? text.substr(open.end, close.begin - open.end)
                                       : std::string_view();
}

std::string PlainText(std::string_view text) {
  const Markup markup(text);
  std::string plain;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '&') {
      const size_t length = AppendReference(text.substr(i), plain);
      if (length == 0) plain += '&';
      i += std::max<size_t>(length, 1);
      continue;
    }
    const size_t end = text[i] == '<' ? markup.EndOf(i) : i;
    if (end == i) {
      plain += text[i++];
      continue;
    }
    const std::string name = NameAt(text.substr(i + 1));
    i = end;
    if (name == "script" || name == "style") i = FindTag(text, "/" + name, end).end;
    if (!plain.empty() && !IsSpace(plain.back())) plain += ' ';
  }
  return std::string(base::StripWhiteSpace(plain));
}

}  // namespace gannet::indexer
