#ifndef GANNET_BASE_NAME_LIST_H_
#define GANNET_BASE_NAME_LIST_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gannet::base {

// Names for the message of an error, which travels in an HTTP/2 header, whose size is limited:
// "a, b", "a, b and 7 more" of more than 20, "none".
std::string ListNames(std::span<const std::string_view> names);

// The same with the keys of a map.
template <typename Map>
std::string ListKeys(const Map& map) {
  std::vector<std::string_view> names;
  names.reserve(map.size());
  for (const auto& [name, value] : map) names.push_back(name);
  return ListNames(names);
}

}  // namespace gannet::base

#endif  // GANNET_BASE_NAME_LIST_H_
