#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "base/format.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/hub/model_cache.h"
#include "cli/hub/pull.h"
#include "cli/hub/settings.h"
#include "cli/model_check_command.h"
#include "cli/model_heads_command.h"
#include "cli/model_inspect_command.h"

namespace gannet::cli {
namespace {

struct ModelFlags {
  PullOptions pull;
  std::string cache;
  bool offline = false;

  HubSettings Settings() const {
    HubSettings settings = HubSettingsFromProcess();
    if (!cache.empty()) settings.cache = cache;
    settings.offline = settings.offline || offline;
    return settings;
  }
};

// The path alone on standard output, so that scripts can take it.
absl::Status PrintSnapshot(const ModelFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path snapshot,
                          PullModel(flags.pull, flags.Settings()));
  fmt::print("{}\n", snapshot.string());
  return absl::OkStatus();
}

absl::Status PrintModels(const ModelFlags& flags) {
  const HubSettings settings = flags.Settings();
  for (const CachedRevision& model : ListCachedModels(settings.cache)) {
    fmt::print("{}  {}  {}  {}\n", model.id, model.revision, base::FormatBytes(model.bytes),
               model.snapshot.string());
  }
  return absl::OkStatus();
}

void AddCacheFlag(CLI::App& command, ModelFlags& flags) {
  command.add_option("--cache", flags.cache,
                     "Folder of the model cache (else HF_HUB_CACHE, HF_HOME/hub, "
                     "~/.cache/huggingface/hub)");
}

void AddModelArguments(CLI::App& command, ModelFlags& flags) {
  command.add_option("id", flags.pull.id, "The model's name on the hub: organisation/name")
      ->required();
  command.add_option("--revision", flags.pull.revision, "Branch, tag or commit")
      ->capture_default_str();
  AddCacheFlag(command, flags);
}

}  // namespace

void AddModelCommand(CLI::App& app, Action& action) {
  const auto flags = std::make_shared<ModelFlags>();
  CLI::App* model = app.add_subcommand("model", "Fetch and examine models");
  model->require_subcommand(1);

  CLI::App* pull = model->add_subcommand(
      "pull",
      "Fetch a model folder into the cache and print its path; goes on where it was broken "
      "off");
  AddModelArguments(*pull, *flags);
  pull->add_flag("--offline", flags->offline, "Look into the cache alone (HF_HUB_OFFLINE)");
  pull->callback([flags, &action] { action = [flags] { return PrintSnapshot(*flags); }; });

  CLI::App* path = model->add_subcommand("path", "Print the path of a model in the cache");
  AddModelArguments(*path, *flags);
  path->callback([flags, &action] {
    flags->offline = true;
    action = [flags] { return PrintSnapshot(*flags); };
  });

  CLI::App* list = model->add_subcommand("list", "List the models in the cache");
  AddCacheFlag(*list, *flags);
  list->callback([flags, &action] { action = [flags] { return PrintModels(*flags); }; });

  AddModelInspectCommand(*model, action);
  AddModelCheckCommand(*model, action);
  AddModelHeadsCommand(*model, action);
}

}  // namespace gannet::cli
