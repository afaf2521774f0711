#ifndef GANNET_CLI_TERM_MODEL_H_
#define GANNET_CLI_TERM_MODEL_H_

#include <CLI/CLI.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "encoder/score/term_encoder.h"
#include "indexer/collection.h"

// The model whose term representations (PreTTR) a collection keeps, as a user names it.
namespace gannet::cli {

// What is empty or 0 is as the collection has it, or by default.
struct TermFlags {
  std::string model = {};
  size_t join_layer = 0;
  size_t query_slots = 0;
  std::string format = {};
  std::string precision = {};
};

// The options --PREFIXlayer, --PREFIXformat, --PREFIXquery-length and --PREFIXprecision.
void AddTermOptions(CLI::App& command, const std::string& prefix, TermFlags& flags);

struct TermModel {
  std::unique_ptr<const encoder::TermEncoder> encoder;
  indexer::TermSchema schema;  // Of a collection that keeps its terms.
};
// Where a collection keeps terms already (`kept`), their model is opened as it was then, and flags
// that say something else are refused.
absl::StatusOr<TermModel> OpenTermModel(const TermFlags& flags,
                                        const std::optional<indexer::TermSchema>& kept);

}  // namespace gannet::cli

#endif  // GANNET_CLI_TERM_MODEL_H_
