#include "base/status.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace gannet::base {

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), fmt::format("{}: {}", context, Message(status)));
}

std::string_view Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

absl::Status ErrnoStatus(int error_number, std::string_view context) {
  return absl::ErrnoToStatus(error_number, {context.data(), context.size()});
}

}  // namespace gannet::base
