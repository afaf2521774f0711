#ifndef GANNET_CLI_END_SIGNALS_H_
#define GANNET_CLI_END_SIGNALS_H_

#include <string_view>

namespace gannet::cli {

// SIGTERM and SIGINT, for commands that end where they want to: while this lives the first of them
// is remembered, whichever thread it meets, and the work goes on. A second Ctrl-C, and any signal
// afterwards, ends the process as it always does. There may be one such object at a time.
class EndSignals {
 public:
  EndSignals();
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  ~EndSignals() { Release(); }

  // The name of the signal that came; empty while none has.
  std::string_view received() const;

  // Waits for a signal and returns its name.
  std::string_view Wait() const;

  void Release();
};

}  // namespace gannet::cli

#endif  // GANNET_CLI_END_SIGNALS_H_
