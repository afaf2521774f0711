#ifndef GANNET_CLI_END_SIGNALS_H_
#define GANNET_CLI_END_SIGNALS_H_

#include <csignal>
#include <string_view>

namespace gannet::cli {

// SIGTERM and SIGINT, kept from the thread that makes this and from every thread that starts while
// it lives, so that the process ends where it wants to. Afterwards they end it as they always do: a
// second Ctrl-C does not wait.
class EndSignals {
 public:
  EndSignals();
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  ~EndSignals() { Release(); }

  // Both return the signal's name. Wait waits for one; Poll is empty while none has come, and says
  // the same from then on.
  std::string_view Wait();
  std::string_view Poll();

  void Release();

 private:
  sigset_t signals_;
  sigset_t before_;
  int received_ = 0;
};

}  // namespace gannet::cli

#endif  // GANNET_CLI_END_SIGNALS_H_
