#ifndef GANNET_TESTS_DURABILITY_ENVIRONMENT_H_
#define GANNET_TESTS_DURABILITY_ENVIRONMENT_H_

#include <cstdint>
#include <cstdlib>

namespace gannet::testing {

// The number in an environment variable, for tests that run longer by hand.
inline uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

}  // namespace gannet::testing

#endif  // GANNET_TESTS_DURABILITY_ENVIRONMENT_H_
