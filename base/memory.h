#ifndef GANNET_BASE_MEMORY_H_
#define GANNET_BASE_MEMORY_H_

#include <cstdint>

namespace gannet::base {

// Bytes of this process in memory that belong to no file; 0 where the system does not say.
uint64_t OwnMemory();

}  // namespace gannet::base

#endif  // GANNET_BASE_MEMORY_H_
