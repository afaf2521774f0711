#include "base/name_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace gannet::base {

std::string ListNames(std::span<const std::string_view> names) {
  constexpr size_t kMost = 20;
  if (names.empty()) return "none";
  const size_t listed = std::min(names.size(), kMost);
  std::string list = fmt::format("{}", fmt::join(names.first(listed), ", "));
  if (listed < names.size()) list += fmt::format(" and {} more", names.size() - listed);
  return list;
}

}  // namespace gannet::base
