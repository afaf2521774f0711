#include "cli/long_text_flags.h"

#include "base/status.h"

namespace gannet::cli {

void AddLongTextFlags(CLI::App& command, LongTextFlags& flags) {
  command.add_option(
      "--long-text", flags.strategy,
      "What becomes of texts longer than the model reads: windows (default; a vector "
      "for each, the best one counts), late-chunking (the same, pooled from token "
      "vectors of the whole), mean, max, first or attention (one vector of the "
      "windows), truncate (docs/long_context.md)");
  command.add_option("--window-size", flags.size,
                     "Most tokens or words of a window; 0: as many as the model reads");
  command.add_option("--window-stride", flags.stride,
                     "Tokens or words from one window to the next; 0: an eighth is shared");
  command
      .add_option("--window-unit", flags.unit,
                  "tokens, or words (by default 150 of them, every 75)")
      ->capture_default_str();
  command.add_flag("--sentence-windows", flags.sentences,
                   "Windows end with sentences where one ends nearby");
}

absl::StatusOr<std::optional<encoder::LongTextOptions>> ParseLongTextFlags(
    const LongTextFlags& flags) {
  encoder::LongTextOptions options{.size = flags.size, .stride = flags.stride};
  if (!flags.strategy.empty()) {
    GANNET_ASSIGN_OR_RETURN(options.strategy, encoder::ParseStrategy(flags.strategy));
  }
  GANNET_ASSIGN_OR_RETURN(options.unit, encoder::ParseUnit(flags.unit));
  if (flags.sentences) options.ends = encoder::LongTextOptions::Ends::kSentences;
  GANNET_RETURN_IF_ERROR(options.Check());
  const bool given = !flags.strategy.empty() || options != encoder::LongTextOptions{};
  return given ? std::optional(options) : std::nullopt;
}

absl::Status CheckLongText(const encoder::Embedder& model, const encoder::LongTextOptions& options,
                           base::ThreadPool& pool) {
  return model.EmbedLong({}, encoder::TextRole::kDocument, options, pool).status();
}

}  // namespace gannet::cli
