#ifndef GANNET_CLI_LONG_TEXT_FLAGS_H_
#define GANNET_CLI_LONG_TEXT_FLAGS_H_

#include <CLI/CLI.hpp>
#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/embed/embedder.h"

namespace gannet::cli {

// What `gannet index` and `gannet eval` are told about long texts.
struct LongTextFlags {
  std::string strategy;
  std::string unit = "tokens";
  size_t size = 0;
  size_t stride = 0;
  bool sentences = false;
};

// Adds --long-text and what says of windows to a command; `flags` must outlive it.
void AddLongTextFlags(CLI::App& command, LongTextFlags& flags);

// What the flags say; nullopt where they say nothing.
absl::StatusOr<std::optional<encoder::LongTextOptions>> ParseLongTextFlags(
    const LongTextFlags& flags);

// Whether the model has an answer to the options, before anything is made with them.
absl::Status CheckLongText(const encoder::Embedder& model, const encoder::LongTextOptions& options,
                           base::ThreadPool& pool);

}  // namespace gannet::cli

#endif  // GANNET_CLI_LONG_TEXT_FLAGS_H_
