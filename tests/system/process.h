#ifndef GANNET_TESTS_SYSTEM_PROCESS_H_
#define GANNET_TESTS_SYSTEM_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/testing/shared_data.h"

namespace gannet::testing {

// A child process that runs the gannet binary. Killed, if it still runs, when the object goes.
class Process {
 public:
  // Starts "gannet arguments..." with the file `input` as its standard input.
  explicit Process(const std::vector<std::string>& arguments,
                   const std::string& input = "/dev/null");
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  // Waits for the next line on standard output, and returns it without its end; empty at the end of
  // the output.
  std::string ReadLine();

  void Signal(int signal) const;

  // Waits for the end and returns the exit code, or minus the signal that ended the process.
  int Wait();

  // What was written to standard error so far.
  std::string ErrorOutput() const;

 private:
  TemporaryFolder folder_;
  int output_ = -1;  // Reading end of the pipe that is the child's standard output.
  pid_t id_ = -1;
};

// What a process that ran to its end has left.
struct Outcome {
  int exit_code = 0;
  std::string output;
  std::string errors;
};

// Runs "gannet arguments..." to its end. Its output ends at the first blank line.
Outcome RunGannet(const std::vector<std::string>& arguments,
                  const std::string& input = "/dev/null");

}  // namespace gannet::testing

#endif  // GANNET_TESTS_SYSTEM_PROCESS_H_
