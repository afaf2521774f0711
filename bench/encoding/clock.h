#ifndef GANNET_BENCH_ENCODING_CLOCK_H_
#define GANNET_BENCH_ENCODING_CLOCK_H_

#include <chrono>

namespace gannet::bench {

using Clock = std::chrono::steady_clock;

inline double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace gannet::bench

#endif  // GANNET_BENCH_ENCODING_CLOCK_H_
