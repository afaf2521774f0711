#ifndef GANNET_CLI_ADD_TERMS_COMMAND_H_
#define GANNET_CLI_ADD_TERMS_COMMAND_H_

#include "cli/commands.h"

namespace gannet::cli {

// `gannet collection add-terms`: gives the documents of a collection term representations; see
// indexer::RunTermJob.
void AddAddTermsCommand(CLI::App& collection, Action& action);

}  // namespace gannet::cli

#endif  // GANNET_CLI_ADD_TERMS_COMMAND_H_
