#include <fmt/format.h>
#include <gannet/v1/gannet.pb.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/thread_pool.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/model_location.h"
#include "cli/search_answer.h"
#include "encoder/embed/embedder.h"
#include "indexer/collection.h"
#include "indexer/filter/filter.h"
#include "ranker/searcher.h"
#include "service/address.h"
#include "service/client.h"

namespace gannet::cli {
namespace {

struct SearchFlags {
  std::string collection;  // A folder, or with --server a name there.
  std::string query;
  size_t k = 10;
  std::string filter;
  bool exact = false;
  size_t effort = 0;
  std::string model;
  std::string server;
  int deadline_ms = 10'000;
  bool json = false;
  int threads = base::AvailableProcessors();
};

// The model a collection was made with: where the user says, else where it was then.
absl::StatusOr<std::unique_ptr<const encoder::Embedder>> OpenModelOf(
    const indexer::Collection& collection, const std::string& model) {
  const std::filesystem::path& recorded = collection.schema().model_folder;
  if (model.empty() && !std::filesystem::exists(recorded)) {
    return absl::NotFoundError(fmt::format(
        "{}: the collection's model {} is no longer there; say where it is with --model",
        recorded.string(), collection.schema().model_name));
  }
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path folder,
                          model.empty() ? recorded : ResolveModel(model));
  return encoder::Embedder::Open(folder, collection.schema().model_options);
}

uint64_t Microseconds(double seconds) { return static_cast<uint64_t>(seconds * 1e6); }

absl::StatusOr<SearchAnswer> SearchFolder(const SearchFlags& flags) {
  std::optional<indexer::Filter> filter;
  if (!flags.filter.empty()) {
    GANNET_ASSIGN_OR_RETURN(filter, indexer::Filter::Parse(flags.filter));
  }
  GANNET_ASSIGN_OR_RETURN(const auto collection, indexer::Collection::Open(flags.collection));
  GANNET_ASSIGN_OR_RETURN(const auto model, OpenModelOf(*collection, flags.model));
  GANNET_ASSIGN_OR_RETURN(const auto searcher, ranker::Searcher::Make(*model, *collection));
  base::ThreadPool pool(flags.threads);
  const indexer::CollectionSearch search{
      .k = flags.k,
      .filter = filter ? &*filter : nullptr,
      .effort = flags.effort,
      .mode = flags.exact ? indexer::SearchMode::kExact : indexer::SearchMode::kAutomatic};

  const std::string_view query = flags.query;
  const auto start = std::chrono::steady_clock::now();
  GANNET_ASSIGN_OR_RETURN(const auto results, searcher.Search(std::span(&query, 1), search, pool));
  const ranker::SearchResult& result = results.front();
  GANNET_RETURN_IF_ERROR(base::Annotate(result.status, "query"));
  SearchAnswer answer{.query = flags.query,
                      .collection = flags.collection,
                      .model_name = model->name(),
                      .model_fingerprint = model->fingerprint(),
                      .hits = {},
                      .query_tokens = result.query_tokens,
                      .query_windows = result.query_windows,
                      .encode_us = Microseconds(result.timings.encode_seconds),
                      .retrieve_us = Microseconds(result.timings.retrieve_seconds)};
  for (const ranker::Hit& hit : result.hits) {
    GANNET_ASSIGN_OR_RETURN(indexer::Document document, collection->Get(hit.key));
    GANNET_ASSIGN_OR_RETURN(const ranker::FoundPassage passage,
                            ranker::LocatePassage(*collection, hit, document));
    answer.hits.push_back({std::move(document), hit.score, hit.stage_scores, passage});
  }
  answer.total_us =
      Microseconds(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return answer;
}

// Of a server that knows no passages yet: the whole text.
ranker::FoundPassage PassageOf(const v1::Hit& hit) {
  if (!hit.has_passage()) return {.bytes = hit.text().size()};
  return {.index = hit.passage().index(),
          .count = hit.passage().count(),
          .first_byte = hit.passage().first_byte(),
          .bytes = hit.passage().bytes()};
}

absl::StatusOr<SearchAnswer> SearchServer(const SearchFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(service::Address address, service::ParseAddress(flags.server));
  service::Client client(
      {.server = address, .deadline = std::chrono::milliseconds(flags.deadline_ms)});
  v1::SearchRequest request;
  request.set_collection(flags.collection);
  request.set_query(flags.query);
  request.set_k(static_cast<uint32_t>(flags.k));
  request.set_view(v1::DOCUMENT_VIEW_FULL);
  GANNET_ASSIGN_OR_RETURN(const v1::SearchResponse response, client.Search(request));

  SearchAnswer answer{.query = flags.query,
                      .collection = response.collection(),
                      .model_name = response.model().name(),
                      .model_fingerprint = response.model().fingerprint(),
                      .hits = {},
                      .query_tokens = {.total = response.query_tokens().total(),
                                       .read = response.query_tokens().read()},
                      .query_windows = response.query_tokens().windows(),
                      .encode_us = response.timings().encode_us(),
                      .retrieve_us = response.timings().retrieve_us(),
                      .total_us = response.timings().total_us()};
  for (const v1::Hit& hit : response.hits()) {
    SearchAnswer::ShownHit shown{
        {hit.id(), hit.title(), hit.text(), hit.metadata_json()}, hit.score(), {}, PassageOf(hit)};
    for (const v1::StageScore& stage : hit.stage_scores()) {
      shown.stage_scores.push_back({stage.stage(), stage.score()});
    }
    answer.hits.push_back(std::move(shown));
  }
  return answer;
}

size_t TerminalColumns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 100;
}

absl::Status Search(const SearchFlags& flags) {
  if (base::StripWhiteSpace(flags.query).empty()) {
    return absl::InvalidArgumentError("the query is empty");
  }
  GANNET_ASSIGN_OR_RETURN(const SearchAnswer answer,
                          flags.server.empty() ? SearchFolder(flags) : SearchServer(flags));
  const std::string text = flags.json ? RenderJson(answer) : RenderTable(answer, TerminalColumns());
  std::fwrite(text.data(), 1, text.size(), stdout);
  return absl::OkStatus();
}

}  // namespace

void AddSearchCommand(CLI::App& app, Action& action) {
  const auto flags = std::make_shared<SearchFlags>();
  CLI::App* const search = app.add_subcommand("search", "Find the documents nearest to a query");
  search
      ->add_option("--collection", flags->collection,
                   "Folder of the collection; with --server its name there")
      ->required();
  search->add_option("query", flags->query, "What to look for")->required();
  search->add_option("-k", flags->k, "How many hits to show")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  search->add_option("--model", flags->model,
                     "Model folder or pulled model, when it is not where it was at indexing");
  CLI::Option* const server =
      search->add_option("--server", flags->server, "Ask a running server, as HOST:PORT");
  search
      ->add_option("--filter", flags->filter,
                   "Only documents whose metadata this holds for, as JSON: {\"field\": \"lang\", "
                   "\"equals\": \"en\"} (docs/collections.md)")
      ->excludes(server);
  search->add_flag("--exact", flags->exact, "Compare with every vector instead of by the index")
      ->excludes(server);
  search
      ->add_option("--effort", flags->effort,
                   "How far an approximate search looks (efSearch or nprobe); 0: the default")
      ->excludes(server);
  search
      ->add_option("--deadline-ms", flags->deadline_ms,
                   "Give up on the server after this many milliseconds")
      ->capture_default_str()
      ->check(CLI::Range(1, 3'600'000))
      ->needs(server);
  search->add_flag("--json", flags->json, "Print one JSON object");
  search->add_option("--threads", flags->threads, "Threads that work")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  search->callback([flags, &action] { action = [flags] { return Search(*flags); }; });
}

}  // namespace gannet::cli
