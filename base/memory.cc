#include "base/memory.h"

#include <fstream>
#include <string>

namespace gannet::base {

uint64_t OwnMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string field; status >> field;) {
    uint64_t kilobytes = 0;
    if (field == "RssAnon:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

}  // namespace gannet::base
