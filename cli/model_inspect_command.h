#ifndef GANNET_CLI_MODEL_INSPECT_COMMAND_H_
#define GANNET_CLI_MODEL_INSPECT_COMMAND_H_

#include "cli/commands.h"

namespace gannet::cli {

// `gannet model inspect`: what a model is, and what was assumed that its folder does not say; see
// encoder::InspectModel.
void AddModelInspectCommand(CLI::App& model, Action& action);

}  // namespace gannet::cli

#endif  // GANNET_CLI_MODEL_INSPECT_COMMAND_H_
