#ifndef GANNET_CLI_ONE_LINE_H_
#define GANNET_CLI_ONE_LINE_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace gannet::cli {

// A text on one line of at most `columns` bytes: white space and control characters, which could
// steer a terminal, become single spaces; what does not fit ends in "...".
std::string OneLine(std::string_view text, size_t columns);

}  // namespace gannet::cli

#endif  // GANNET_CLI_ONE_LINE_H_
