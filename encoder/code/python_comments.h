#ifndef GANNET_ENCODER_CODE_PYTHON_COMMENTS_H_
#define GANNET_ENCODER_CODE_PYTHON_COMMENTS_H_

#include <optional>
#include <string>
#include <string_view>

namespace gannet::encoder {

// Python code without comments and without the strings that begin a line (docstrings), its tokens
// kept apart by as many spaces as there was white space. Nothing where Python's `tokenize` module
// raises an error: a string, bracket or continued line that does not end, or indentation that
// matches no line above.
std::optional<std::string> StripPythonComments(std::string_view code);

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_CODE_PYTHON_COMMENTS_H_
