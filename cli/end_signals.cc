#include "cli/end_signals.h"

#include <pthread.h>

#include <ctime>

namespace gannet::cli {
namespace {

std::string_view NameOf(int signal) {
  if (signal <= 0) return "";
  return signal == SIGTERM ? "SIGTERM" : "SIGINT";
}

}  // namespace

EndSignals::EndSignals() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
}

std::string_view EndSignals::Wait() {
  sigwait(&signals_, &received_);
  return NameOf(received_);
}

std::string_view EndSignals::Poll() {
  constexpr timespec kAtOnce = {};
  if (received_ <= 0) received_ = sigtimedwait(&signals_, nullptr, &kAtOnce);
  return NameOf(received_);
}

void EndSignals::Release() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

}  // namespace gannet::cli
