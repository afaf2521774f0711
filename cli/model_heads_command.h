#ifndef GANNET_CLI_MODEL_HEADS_COMMAND_H_
#define GANNET_CLI_MODEL_HEADS_COMMAND_H_

#include "cli/commands.h"

namespace gannet::cli {

// `gannet model heads`: the attention heads of a decoder that tell relevant passages best, found
// from labelled queries; see ranker::DetectHeads.
void AddModelHeadsCommand(CLI::App& model, Action& action);

}  // namespace gannet::cli

#endif  // GANNET_CLI_MODEL_HEADS_COMMAND_H_
