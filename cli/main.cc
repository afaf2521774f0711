#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>

#include "base/log.h"
#include "base/status.h"
#include "cli/commands.h"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

using gannet::base::LogLevel;

void AddLogLevelOption(CLI::App& app) {
  static const std::map<std::string, LogLevel> kLevels = {{"debug", LogLevel::kDebug},
                                                          {"info", LogLevel::kInfo},
                                                          {"warning", LogLevel::kWarning},
                                                          {"error", LogLevel::kError},
                                                          {"off", LogLevel::kOff}};
  app.add_option_function<std::string>(
         "--log-level",
         [](const std::string& name) { gannet::base::SetLogLevel(kLevels.at(name)); },
         "Lowest level of the log on standard error: debug, info, warning, error, off")
      ->check(CLI::IsMember(kLevels))
      ->default_str("info");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Gannet: retrieval and re-ranking search", "gannet");
  app.set_version_flag("--version", "gannet " GANNET_VERSION);
  app.require_subcommand(1);
  AddLogLevelOption(app);

  gannet::cli::Action action;
  gannet::cli::AddIndexCommand(app, action);
  gannet::cli::AddSearchCommand(app, action);
  gannet::cli::AddServeCommand(app, action);
  gannet::cli::AddEvalCommand(app, action);
  gannet::cli::AddRerankCommand(app, action);
  gannet::cli::AddCollectionCommand(app, action);
  gannet::cli::AddModelCommand(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }

  const absl::Status status = action();
  if (status.ok()) return 0;
  fmt::print(stderr, "gannet: error: {}\n", gannet::base::Message(status));
  return kFailed;
}
