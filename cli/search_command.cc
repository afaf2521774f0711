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

#include "base/file.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/model_location.h"
#include "cli/pipeline_file.h"
#include "cli/search_answer.h"
#include "encoder/embed/embedder.h"
#include "indexer/collection.h"
#include "indexer/filter/filter.h"
#include "ranker/found_passage.h"
#include "ranker/pipeline/pipeline.h"
#include "ranker/searcher.h"
#include "service/address.h"
#include "service/client.h"
#include "service/pipeline_message.h"

namespace gannet::cli {
namespace {

struct SearchFlags {
  std::string collection;  // A folder, or with --server a name there.
  std::string query;
  size_t k = 10;
  std::string filter;
  std::string pipeline;  // A file, or with --server a name there.
  bool explain = false;
  int time_budget_ms = 0;  // 0: none.
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

// A collection with its model, open for one search.
struct OpenCollection {
  std::unique_ptr<const indexer::Collection> collection;
  std::unique_ptr<const encoder::Embedder> model;
  ranker::Searcher searcher;
};

absl::StatusOr<OpenCollection> OpenFolder(const SearchFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(auto collection, indexer::Collection::Open(flags.collection));
  GANNET_ASSIGN_OR_RETURN(auto model, OpenModelOf(*collection, flags.model));
  GANNET_ASSIGN_OR_RETURN(const auto searcher, ranker::Searcher::Make(*model, *collection));
  return OpenCollection{std::move(collection), std::move(model), searcher};
}

void TakeTimings(const ranker::SearchTimings& timings, SearchAnswer& answer) {
  answer.encode_us = Microseconds(timings.encode_seconds);
  answer.retrieve_us = Microseconds(timings.retrieve_seconds);
}

// Adds the hits whose vectors are nearest.
absl::Status SearchVectors(const SearchFlags& flags, const OpenCollection& open,
                           const indexer::CollectionSearch& search, base::ThreadPool& pool,
                           SearchAnswer& answer) {
  const std::string_view query = flags.query;
  GANNET_ASSIGN_OR_RETURN(const auto results,
                          open.searcher.Search(std::span(&query, 1), search, pool));
  const ranker::SearchResult& result = results.front();
  GANNET_RETURN_IF_ERROR(base::Annotate(result.status, "query"));
  answer.query_tokens = result.query_tokens;
  answer.query_windows = result.query_windows;
  TakeTimings(result.timings, answer);
  for (const ranker::Hit& hit : result.hits) {
    GANNET_ASSIGN_OR_RETURN(indexer::Document document, open.collection->Get(hit.key));
    GANNET_ASSIGN_OR_RETURN(const ranker::TextWindow passage,
                            ranker::LocatePassage(*open.collection, hit, document));
    answer.hits.push_back({.document = std::move(document),
                           .score = hit.score,
                           .stage_scores = hit.stage_scores,
                           .passage = passage});
  }
  return absl::OkStatus();
}

// Adds the hits of a pipeline. Its models are opened before its time begins.
absl::Status SearchByPipeline(const SearchFlags& flags, const OpenCollection& open,
                              const indexer::CollectionSearch& search,
                              const ranker::Pipeline& pipeline, base::ThreadPool& pool,
                              SearchAnswer& answer) {
  using Request = ranker::PipelineRequest;
  Request request{.query = flags.query,
                  .k = flags.k,
                  .explain = flags.explain ? Request::Explain::kYes : Request::Explain::kNo,
                  .search = search};
  if (flags.time_budget_ms > 0) {
    request.deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(flags.time_budget_ms);
  }
  GANNET_ASSIGN_OR_RETURN(ranker::PipelineAnswer found,
                          pipeline.Search(open.searcher, request, pool));
  answer.query_tokens = found.query_tokens;
  answer.query_windows = found.query_windows;
  TakeTimings(found.timings, answer);
  answer.stages = std::move(found.stages);
  for (ranker::Candidate& hit : found.hits) {
    answer.hits.push_back({{hit.id, hit.title, hit.text, hit.metadata_json},
                           hit.score,
                           std::move(hit.stage_scores),
                           std::move(hit.explanations),
                           std::string(base::Message(hit.status)),
                           hit.passage.value_or(ranker::TextWindow{.bytes = hit.text.size()})});
  }
  return absl::OkStatus();
}

absl::StatusOr<SearchAnswer> SearchFolder(const SearchFlags& flags) {
  std::optional<indexer::Filter> filter;
  if (!flags.filter.empty()) {
    GANNET_ASSIGN_OR_RETURN(filter, indexer::Filter::Parse(flags.filter));
  }
  ranker::ModelRegistry models(ModelsByFolderOrCache());
  std::unique_ptr<const ranker::Pipeline> pipeline;
  if (!flags.pipeline.empty()) {
    GANNET_ASSIGN_OR_RETURN(const auto spec, ReadPipelineFile(flags.pipeline));
    GANNET_ASSIGN_OR_RETURN(pipeline,
                            ranker::Pipeline::Make(spec, models, ranker::ModelAccess::kOpen));
  }
  GANNET_ASSIGN_OR_RETURN(const OpenCollection open, OpenFolder(flags));
  base::ThreadPool pool(flags.threads);
  const indexer::CollectionSearch search{
      .k = flags.k,
      .filter = filter ? &*filter : nullptr,
      .effort = flags.effort,
      .mode = flags.exact ? indexer::SearchMode::kExact : indexer::SearchMode::kAutomatic};
  SearchAnswer answer{.query = flags.query,
                      .collection = flags.collection,
                      .model_name = open.model->name(),
                      .model_fingerprint = open.model->fingerprint(),
                      .hits = {},
                      .query_tokens = {}};
  const auto start = std::chrono::steady_clock::now();
  GANNET_RETURN_IF_ERROR(pipeline == nullptr
                             ? SearchVectors(flags, open, search, pool, answer)
                             : SearchByPipeline(flags, open, search, *pipeline, pool, answer));
  answer.total_us =
      Microseconds(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return answer;
}

// With a file of that name the pipeline goes along, otherwise it is one of the server's.
absl::Status AddPipeline(const SearchFlags& flags, v1::SearchRequest& request) {
  if (flags.pipeline.empty()) return absl::OkStatus();
  request.set_explain(flags.explain);
  if (flags.time_budget_ms > 0) {
    request.set_time_budget_ms(static_cast<uint32_t>(flags.time_budget_ms));
  }
  std::error_code ignored;
  if (!std::filesystem::exists(flags.pipeline, ignored)) {
    request.set_pipeline_name(flags.pipeline);
    return absl::OkStatus();
  }
  GANNET_ASSIGN_OR_RETURN(const std::string json, base::ReadFile(flags.pipeline));
  absl::StatusOr<v1::Pipeline> pipeline = service::WritePipeline(json);
  if (!pipeline.ok()) return base::Annotate(pipeline.status(), flags.pipeline);
  *request.mutable_pipeline() = *std::move(pipeline);
  return absl::OkStatus();
}

// Of a server that knows no passages yet: the whole text.
ranker::TextWindow PassageOf(const v1::Hit& hit) {
  if (!hit.has_passage()) return {.bytes = hit.text().size()};
  return service::ReadWindow(hit.passage());
}

SearchAnswer::ShownHit ReadHit(const v1::Hit& hit) {
  SearchAnswer::ShownHit shown{
      {hit.id(), hit.title(), hit.text(), hit.metadata_json()}, hit.score(), {}};
  for (const v1::StageScore& stage : hit.stage_scores()) {
    shown.stage_scores.push_back({stage.stage(), stage.score()});
  }
  for (const v1::Explanation& explanation : hit.explanations()) {
    shown.explanations.push_back(service::ReadExplanation(explanation));
  }
  shown.error = hit.error();
  shown.passage = PassageOf(hit);
  return shown;
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
  GANNET_RETURN_IF_ERROR(AddPipeline(flags, request));
  GANNET_ASSIGN_OR_RETURN(const v1::SearchResponse response, client.Search(request));

  SearchAnswer answer{.query = flags.query,
                      .collection = response.collection(),
                      .model_name = response.model().name(),
                      .model_fingerprint = response.model().fingerprint(),
                      .hits = {},
                      .query_tokens = {.total = response.query_tokens().total(),
                                       .read = response.query_tokens().read(),
                                       .blocks = response.query_tokens().blocks()},
                      .query_windows = response.query_tokens().windows(),
                      .encode_us = response.timings().encode_us(),
                      .retrieve_us = response.timings().retrieve_us(),
                      .total_us = response.timings().total_us()};
  for (const v1::Hit& hit : response.hits()) answer.hits.push_back(ReadHit(hit));
  for (const v1::StageReport& report : response.stages()) {
    answer.stages.push_back(service::ReadReport(report));
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
  CLI::Option* const pipeline = search->add_option(
      "--pipeline", flags->pipeline,
      "JSON file of stages that rank (docs/pipelines.md); with --server also a name there");
  search
      ->add_flag("--explain", flags->explain,
                 "Say which window, or which tokens, made the scores of a hit")
      ->needs(pipeline);
  search
      ->add_option("--time-budget-ms", flags->time_budget_ms,
                   "Skip stages that would take longer than this in all")
      ->check(CLI::Range(1, 3'600'000))
      ->needs(pipeline);
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
