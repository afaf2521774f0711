#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/format.h"
#include "base/log.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/end_signals.h"
#include "cli/model_location.h"
#include "cli/pipeline_file.h"
#include "service/address.h"
#include "service/catalog.h"
#include "service/pipeline_catalog.h"
#include "service/server.h"

namespace gannet::cli {
namespace {

struct ServeFlags {
  std::vector<std::string> collections;  // NAME=DIR
  std::vector<std::string> models;
  std::vector<std::string> pipelines;  // NAME=FILE
  service::ServerOptions server;
  service::PipelineLimits pipeline_limits;
  std::string listen = service::FormatAddress(server.listen);
  int threads = base::AvailableProcessors();
  int drain_seconds = 30;
};

// Flags of the form NAME=PATH; `expected` says so to people.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseNamed(
    std::string_view option, const std::vector<std::string>& flags, std::string_view expected) {
  std::vector<std::pair<std::string, std::string>> named;
  for (const std::string& flag : flags) {
    const size_t equals = flag.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == flag.size()) {
      return absl::InvalidArgumentError(
          fmt::format("{} \"{}\": expected {}", option, flag, expected));
    }
    named.emplace_back(flag.substr(0, equals), flag.substr(equals + 1));
  }
  return named;
}

absl::StatusOr<service::Catalog> OpenCollections(const ServeFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(const auto named,
                          ParseNamed("--collection", flags.collections, "NAME=DIR"));
  std::vector<service::Catalog::Source> sources;
  sources.reserve(named.size());
  for (const auto& [name, folder] : named) sources.push_back({.name = name, .folder = folder});
  std::vector<std::filesystem::path> models;
  for (const std::string& spec : flags.models) {
    GANNET_ASSIGN_OR_RETURN(models.emplace_back(), ResolveModel(spec));
  }
  return service::Catalog::Open(sources, models);
}

absl::Status OpenPipelines(const ServeFlags& flags, service::PipelineCatalog& pipelines) {
  GANNET_ASSIGN_OR_RETURN(const auto named,
                          ParseNamed("--pipeline", flags.pipelines, "NAME=FILE.json"));
  for (const auto& [name, file] : named) {
    GANNET_ASSIGN_OR_RETURN(const ranker::PipelineSpec spec, ReadPipelineFile(file));
    GANNET_RETURN_IF_ERROR(pipelines.Add(name, spec));
  }
  return absl::OkStatus();
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
  options.rerank.max_query_bytes = options.search.max_query_bytes;
  EndSignals signals;
  base::ThreadPool pool(flags.threads);
  GANNET_ASSIGN_OR_RETURN(const service::Catalog catalog, OpenCollections(flags));
  ranker::ModelRegistry models(ModelsByFolderOrCache());
  service::PipelineLimits limits = flags.pipeline_limits;
  limits.max_depth = options.search.max_k;
  service::PipelineCatalog pipelines(models, limits);
  GANNET_RETURN_IF_ERROR(OpenPipelines(flags, pipelines));
  GANNET_ASSIGN_OR_RETURN(const std::unique_ptr<service::Server> server,
                          service::Server::Start(options, catalog, pipelines, pool));
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
  CLI::App* const serve = app.add_subcommand("serve", "Answer searches and re-rankings over gRPC");
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
  serve
      ->add_option("--pipeline", flags->pipelines,
                   "Ranking that requests may name, as NAME=FILE.json (docs/pipelines.md); may be "
                   "given several times")
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
      ->add_option("--max-passages", flags->server.rerank.max_passages,
                   "Most passages that a request may have re-ranked")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  serve
      ->add_option("--max-stage-texts", flags->pipeline_limits.max_stage_texts,
                   "Most texts that a stage of a request's own pipeline may read")
      ->check(CLI::Range(1, 100'000'000))
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
