#include "tests/system/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

namespace gannet::testing {
namespace {

// The child's side of the fork: only calls that are safe there.
[[noreturn]] void Become(char* const arguments[], const char* input_path, int output,
                         const char* error_path) {
  const int input = ::open(input_path, O_RDONLY);
  const int error = ::open(error_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(error, STDERR_FILENO);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, const std::string& input) {
  std::vector<std::string> words = {GANNET_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const std::string error_path = folder_.path() / "stderr";
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) {
    ADD_FAILURE() << "no pipe";
    return;
  }
  output_ = pipe_ends[0];
  id_ = ::fork();
  if (id_ == 0) Become(pointers.data(), input.c_str(), pipe_ends[1], error_path.c_str());
  ::close(pipe_ends[1]);
}

Process::~Process() {
  if (id_ > 0) {
    Signal(SIGKILL);
    Wait();
  }
  ::close(output_);
}

std::string Process::ReadLine() {
  std::string line;
  char character = 0;
  while (::read(output_, &character, 1) == 1 && character != '\n') line += character;
  return line;
}

void Process::Signal(int signal) const { ::kill(id_, signal); }

int Process::Wait() {
  int status = 0;
  ::waitpid(id_, &status, 0);
  id_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string Process::ErrorOutput() const {
  std::ifstream file(folder_.path() / "stderr");
  return {std::istreambuf_iterator<char>(file), {}};
}

Outcome RunGannet(const std::vector<std::string>& arguments, const std::string& input) {
  Process process(arguments, input);
  Outcome outcome;
  for (std::string line = process.ReadLine(); !line.empty(); line = process.ReadLine()) {
    outcome.output += line + "\n";
  }
  outcome.exit_code = process.Wait();
  outcome.errors = process.ErrorOutput();
  return outcome;
}

}  // namespace gannet::testing
