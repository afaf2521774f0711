#ifndef GANNET_CLI_MODEL_CHECK_COMMAND_H_
#define GANNET_CLI_MODEL_CHECK_COMMAND_H_

#include "cli/commands.h"

namespace gannet::cli {

// `gannet model check`: an embedder's vectors beside recorded ones.
void AddModelCheckCommand(CLI::App& model, Action& action);

}  // namespace gannet::cli

#endif  // GANNET_CLI_MODEL_CHECK_COMMAND_H_
