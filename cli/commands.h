#ifndef GANNET_CLI_COMMANDS_H_
#define GANNET_CLI_COMMANDS_H_

#include <functional>

#include "absl/status/status.h"

namespace CLI {
class App;
}

namespace gannet::cli {

// What the command line asks for: set by the subcommand that was given, run by main.
using Action = std::function<absl::Status()>;

// Each adds one subcommand with its flags to `app`; when the user gives it, `action` is set.
void AddIndexCommand(CLI::App& app, Action& action);
void AddSearchCommand(CLI::App& app, Action& action);
void AddServeCommand(CLI::App& app, Action& action);
void AddEvalCommand(CLI::App& app, Action& action);
void AddRerankCommand(CLI::App& app, Action& action);
void AddCollectionCommand(CLI::App& app, Action& action);
void AddModelCommand(CLI::App& app, Action& action);

}  // namespace gannet::cli

#endif  // GANNET_CLI_COMMANDS_H_
