#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/format.h"
#include "base/log.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/end_signals.h"
#include "cli/model_location.h"
#include "service/address.h"
#include "service/catalog.h"
#include "service/server.h"

namespace gannet::cli {
namespace {

struct ServeFlags {
  std::vector<std::string> collections;  // NAME=DIR
  std::vector<std::string> models;
  service::ServerOptions server;
  std::string listen = service::FormatAddress(server.listen);
  int threads = base::AvailableProcessors();
  int drain_seconds = 30;
};

absl::StatusOr<std::vector<service::Catalog::Source>> ParseCollections(
    const std::vector<std::string>& flags) {
  std::vector<service::Catalog::Source> sources;
  for (const std::string& flag : flags) {
    const size_t equals = flag.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == flag.size()) {
      return absl::InvalidArgumentError(
          fmt::format("--collection \"{}\": expected NAME=DIR", flag));
    }
    sources.push_back({.name = flag.substr(0, equals), .folder = flag.substr(equals + 1)});
  }
  return sources;
}

// The line that says the server is ready: the only one on standard output.
void PrintReady(const service::Server& server, const service::Catalog& catalog) {
  std::string line = fmt::format("listening on {}:", service::FormatAddress(server.address()));
  std::string_view separator = " ";
  for (const auto& [name, entry] : catalog.entries()) {
    line += fmt::format("{}{} ({} documents)", separator, name,
                        base::GroupThousands(entry.collection->size()));
    separator = ", ";
  }
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

absl::Status Serve(const ServeFlags& flags) {
  service::ServerOptions options = flags.server;
  GANNET_ASSIGN_OR_RETURN(options.listen, service::ParseAddress(flags.listen));
  GANNET_ASSIGN_OR_RETURN(const std::vector<service::Catalog::Source> sources,
                          ParseCollections(flags.collections));
  EndSignals signals;
  base::ThreadPool pool(flags.threads);
  std::vector<std::filesystem::path> models;
  for (const std::string& spec : flags.models) {
    GANNET_ASSIGN_OR_RETURN(models.emplace_back(), ResolveModel(spec));
  }
  GANNET_ASSIGN_OR_RETURN(const service::Catalog catalog, service::Catalog::Open(sources, models));
  GANNET_ASSIGN_OR_RETURN(const std::unique_ptr<service::Server> server,
                          service::Server::Start(options, catalog, pool));
  PrintReady(*server, catalog);
  base::LogInfo(fmt::format("{}: answering the calls in flight, for at most {} s", signals.Wait(),
                            flags.drain_seconds));
  signals.Release();
  server->Stop(std::chrono::seconds(flags.drain_seconds));
  base::LogInfo("stopped");
  return absl::OkStatus();
}

}  // namespace

void AddServeCommand(CLI::App& app, Action& action) {
  const auto flags = std::make_shared<ServeFlags>();
  CLI::App* const serve = app.add_subcommand("serve", "Answer search queries over gRPC");
  serve
      ->add_option("--collection", flags->collections,
                   "Collection to serve, as NAME=DIR; may be given several times")
      ->required()
      ->allow_extra_args(false);
  serve
      ->add_option("--model", flags->models,
                   "Model folder, where it is no longer the one that a collection was made from; "
                   "may be given several times, each collection finds its own")
      ->allow_extra_args(false);
  serve->add_option("--listen", flags->listen, "HOST:PORT; port 0 takes a free one")
      ->capture_default_str();
  serve->add_option("--threads", flags->threads, "Searches, and threads, that work at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  serve
      ->add_option("--max-in-flight", flags->server.max_in_flight,
                   "Most searches admitted and not yet answered; the next is refused")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  serve->add_option("--max-k", flags->server.search.max_k, "Most hits that a search may ask for")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  serve
      ->add_option("--max-query-bytes", flags->server.search.max_query_bytes,
                   "Longest query, in bytes of UTF-8")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  serve
      ->add_option("--max-message-bytes", flags->server.max_message_bytes,
                   "Largest request, in bytes")
      ->check(CLI::Range(1, std::numeric_limits<int>::max()))
      ->capture_default_str();
  serve
      ->add_option("--drain-seconds", flags->drain_seconds,
                   "After SIGTERM or SIGINT, how long calls in flight may take to end")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  serve->callback([flags, &action] { action = [flags] { return Serve(*flags); }; });
}

}  // namespace gannet::cli
