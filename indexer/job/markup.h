#ifndef GANNET_INDEXER_JOB_MARKUP_H_
#define GANNET_INDEXER_JOB_MARKUP_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// As much of SGML and HTML as test collections take: names of elements in any case, elements that
// are not closed, characters that only look like markup.
namespace gannet::indexer {

// Where a tag lies in a text: text[begin, end). When there is none both are the text's size.
struct Tag {
  size_t begin = 0;
  size_t end = 0;

  bool found() const { return begin < end; }
};

// The first tag of that name ("doc", "/doc"), in lower case, at or behind `from`.
Tag FindTag(std::string_view text, std::string_view name, size_t from = 0);

struct Element {
  std::string name;          // In lower case; empty for what lies between elements.
  std::string_view content;  // With the markup inside it.
};

// The elements of a text, in order, and what lies between them (unless it is blank). An element
// reaches to the first tag that closes its name; a tag that is never closed is part of the text.
std::vector<Element> ChildElements(std::string_view text);

// The content of the first element of that name; empty when there is none.
std::string_view ContentOf(std::string_view name, std::string_view text);

// The text without tags, comments, scripts and styles, with the usual character references resolved
// and without white space at its ends.
std::string PlainText(std::string_view text);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_JOB_MARKUP_H_
