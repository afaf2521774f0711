#include "cli/end_signals.h"

#include <semaphore.h>

#include <atomic>
#include <cerrno>
#include <csignal>

namespace gannet::cli {
namespace {

// A signal handler reaches nothing but static storage. Blocking the signals and waiting for them
// would do without, if libraries did not start threads before main that let them through.
std::atomic<int> first_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free);
sem_t came;

extern "C" void RememberSignal(int signal) {
  const int error = errno;
  first_signal = signal;
  sem_post(&came);
  errno = error;
}

}  // namespace

EndSignals::EndSignals() {
  first_signal = 0;
  sem_init(&came, /*pshared=*/0, 0);
  struct sigaction action = {};
  action.sa_handler = RememberSignal;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

std::string_view EndSignals::received() const {
  const int signal = first_signal;
  if (signal == 0) return "";
  return signal == SIGTERM ? "SIGTERM" : "SIGINT";
}

std::string_view EndSignals::Wait() const {
  while (received().empty()) sem_wait(&came);  // Also returns when interrupted.
  return received();
}

void EndSignals::Release() {
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace gannet::cli
