#ifndef GANNET_CLI_EMBEDDER_FLAGS_H_
#define GANNET_CLI_EMBEDDER_FLAGS_H_

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "encoder/layers/model_options.h"

namespace gannet::cli {

// How `gannet index` and `gannet eval` are told to open an embedder.
struct EmbedderFlags {
  std::string precision = "fp32";
  float temperature = 1;
  size_t dimension = 0;
  std::string truncation = "unit";
};

// Adds --precision, --temperature and what says of shortened vectors to a command; `flags` must
// outlive it.
void AddEmbedderFlags(CLI::App& command, EmbedderFlags& flags);

absl::StatusOr<encoder::ModelOptions> ParseEmbedderFlags(const EmbedderFlags& flags);

}  // namespace gannet::cli

#endif  // GANNET_CLI_EMBEDDER_FLAGS_H_
