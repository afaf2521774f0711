#include "cli/embedder_flags.h"

#include "base/status.h"

namespace gannet::cli {

void AddEmbedderFlags(CLI::App& command, EmbedderFlags& flags) {
  command
      .add_option("--precision", flags.precision,
                  "How the model multiplies: fp32, bf16, int8, or auto for the machine's choice")
      ->capture_default_str();
  command
      .add_option("--temperature", flags.temperature,
                  "Scores of attention are divided by it (TempScale; below 1 for long texts)")
      ->check(CLI::Range(0.01, 100.0))
      ->capture_default_str();
  CLI::Option* const dimension =
      command
          .add_option(
              "--dimension", flags.dimension,
              "Keep the first so many values of a vector, of models made for it (Matryoshka)")
          ->check(CLI::PositiveNumber);
  command
      .add_option("--truncation", flags.truncation,
                  "What else is done to a shortened vector: brought to length 1 (unit), nothing "
                  "(plain), or normalised over all values first (layer-norm, as nomic v1.5)")
      ->check(CLI::IsMember({"unit", "plain", "layer-norm"}))
      ->needs(dimension)
      ->capture_default_str();
}

absl::StatusOr<encoder::ModelOptions> ParseEmbedderFlags(const EmbedderFlags& flags) {
  encoder::ModelOptions options;
  GANNET_ASSIGN_OR_RETURN(options.precision, encoder::ParsePrecision(flags.precision));
  GANNET_ASSIGN_OR_RETURN(options.truncation, encoder::ParseTruncation(flags.truncation));
  options.temperature = flags.temperature;
  options.dimension = flags.dimension;
  return options;
}

}  // namespace gannet::cli
