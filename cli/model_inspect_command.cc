#include "cli/model_inspect_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/format.h"
#include "base/status.h"
#include "cli/model_location.h"
#include "encoder/inspect/model_inspection.h"

namespace gannet::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InspectFlags {
  std::string model;
  std::string precision = "auto";
  bool json = false;
};

std::string Limit(size_t tokens) {
  return tokens == 0 ? "any length" : fmt::format("{} tokens", base::GroupThousands(tokens));
}

// Prompts may have line ends and spaces at theirs.
std::string Shown(const std::string& about, const std::string& what) {
  if (what.empty()) return "none";
  return about.ends_with("prompt") || about == "instruction" ? Json(what).dump() : what;
}

void Print(const encoder::ModelInspection& model) {
  const encoder::ModelDimensions& dimensions = model.facts.dimensions;
  std::vector<std::pair<std::string, std::string>> rows = {
      {"model", fmt::format("{} ({})", model.name, model.kind)},
      {"folder", model.folder.string()},
      {"family", model.family.empty() ? "table of token vectors" : model.family}};
  if (dimensions.layers != 0) rows.emplace_back("layers", fmt::format("{}", dimensions.layers));
  rows.emplace_back("hidden size", fmt::format("{}", dimensions.hidden));
  if (dimensions.heads != 0) {
    rows.emplace_back("attention heads", fmt::format("{}", dimensions.heads));
  }
  rows.emplace_back("positions", Limit(dimensions.positions));
  rows.emplace_back("parameters",
                    fmt::format("{}, {} on disk", base::GroupThousands(model.parameters),
                                base::FormatBytes(model.weight_bytes)));
  rows.emplace_back("tokenizer", fmt::format("{}, {} entries", model.tokenizer,
                                             base::GroupThousands(model.vocabulary)));
  if (model.kind == "embedder") {
    rows.emplace_back("vector",
                      fmt::format("{} values, {} similarity", model.outputs, model.similarity));
  }
  rows.emplace_back("longest input", Limit(model.max_tokens));
  for (const auto& [about, what] : model.facts.uses) {
    rows.emplace_back(about, Shown(about, what));
  }
  rows.emplace_back("precision", fmt::format("{} ({})", model.precision, model.compute_path));
  rows.emplace_back("memory", base::FormatBytes(model.memory_bytes));
  rows.emplace_back("fingerprint", model.fingerprint);
  for (const auto& [name, value] : rows) fmt::print("{:<16} {}\n", name, value);
  if (model.facts.assumptions.empty()) {
    fmt::print("nothing was assumed: the folder says everything\n");
    return;
  }
  fmt::print("assumed\n");
  size_t width = 14;
  for (const encoder::Assumption& assumption : model.facts.assumptions) {
    width = std::max(width, assumption.about.size());
  }
  for (const encoder::Assumption& assumption : model.facts.assumptions) {
    fmt::print("  {:<{}} {} ({})\n", assumption.about, width, assumption.taken, assumption.because);
  }
}

void PrintJson(const encoder::ModelInspection& model) {
  const encoder::ModelDimensions& dimensions = model.facts.dimensions;
  Json uses = Json::object(), assumptions = Json::array();
  for (const auto& [about, what] : model.facts.uses) uses[about] = what;
  for (const encoder::Assumption& assumption : model.facts.assumptions) {
    assumptions.push_back({{"about", assumption.about},
                           {"taken", assumption.taken},
                           {"because", assumption.because}});
  }
  const Json json = {{"name", model.name},
                     {"folder", model.folder.string()},
                     {"kind", model.kind},
                     {"family", model.family},
                     {"layers", dimensions.layers},
                     {"hidden_size", dimensions.hidden},
                     {"heads", dimensions.heads},
                     {"positions", dimensions.positions},
                     {"parameters", model.parameters},
                     {"weight_bytes", model.weight_bytes},
                     {"tokenizer", model.tokenizer},
                     {"vocabulary", model.vocabulary},
                     {"outputs", model.outputs},
                     {"similarity", model.similarity},
                     {"max_tokens", model.max_tokens},
                     {"uses", uses},
                     {"precision", model.precision},
                     {"compute_path", model.compute_path},
                     {"memory_bytes", model.memory_bytes},
                     {"fingerprint", model.fingerprint},
                     {"assumptions", assumptions}};
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

absl::Status Inspect(const InspectFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path path, ResolveModel(flags.model));
  GANNET_ASSIGN_OR_RETURN(const encoder::Precision precision,
                          encoder::ParsePrecision(flags.precision));
  GANNET_ASSIGN_OR_RETURN(const encoder::ModelInspection model,
                          encoder::InspectModel(path, {.precision = precision}));
  flags.json ? PrintJson(model) : Print(model);
  return absl::OkStatus();
}

}  // namespace

void AddModelInspectCommand(CLI::App& model, Action& action) {
  const auto flags = std::make_shared<InspectFlags>();
  CLI::App* command = model.add_subcommand(
      "inspect", "Open a model and say what it is, and what was assumed about it");
  command->add_option("model", flags->model, "Model folder, GGUF file, or a model in the cache")
      ->required();
  command
      ->add_option("--precision", flags->precision,
                   "How the model multiplies: fp32, bf16, int8, or auto for the machine's choice")
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print JSON");
  command->callback([flags, &action] { action = [flags] { return Inspect(*flags); }; });
}

}  // namespace gannet::cli
