#ifndef GANNET_ENCODER_CODE_COMMENTS_H_
#define GANNET_ENCODER_CODE_COMMENTS_H_

#include <string>
#include <string_view>

namespace gannet::encoder {

// The code without its comments, docstrings and blank lines, as GraphCodeBERT (Guo et al. 2021,
// arXiv:2009.08366) prepares it for search, and SEA with it. `language` is a grammar's name:
//   python: as its own `tokenize` module reads it; a string that begins a line is taken for a
//     docstring. Code that the module refuses (unbalanced, badly indented) stays as it is.
//   java, javascript, go, php, and typescript, tsx, c, cpp: // and /* */ outside quotes become a
//     space.
//   Others (ruby, rust) stay as they are.
std::string StripComments(std::string_view code, std::string_view language);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CODE_COMMENTS_H_
