#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/embedder_flags.h"
#include "cli/long_text_flags.h"
#include "cli/model_location.h"
#include "cli/pipeline_file.h"
#include "encoder/embed/embedder.h"
#include "eval/dataset.h"
#include "eval/metrics.h"
#include "eval/pipeline_retrieval.h"
#include "eval/report.h"
#include "eval/retrieve.h"
#include "eval/run_file.h"
#include "indexer/collection.h"
#include "indexer/job/index_job.h"
#include "ranker/searcher.h"

namespace gannet::cli {
namespace {

// The largest cutoff among the metrics: fewer documents would make them other metrics.
constexpr size_t kLeastDepth = 100;
constexpr size_t kMostDepth = 1'000'000;

const std::vector<eval::Metric>& Metrics() {
  static const std::vector<eval::Metric> kMetrics = {{eval::Measure::kNdcg, 10},
                                                     {eval::Measure::kRecall, 100},
                                                     {eval::Measure::kAveragePrecision, 100},
                                                     {eval::Measure::kReciprocalRank, 10}};
  return kMetrics;
}

struct EvalFlags {
  std::string dataset;
  std::string split = "test";
  std::string task;
  std::string model;
  EmbedderFlags embedder;
  std::string collection;  // Empty: a temporary one.
  std::string run;         // Empty: not written.
  std::string pipeline;    // Empty: the nearest vectors are the ranking.
  LongTextFlags long_text;
  size_t depth = kLeastDepth;
  int threads = base::AvailableProcessors();
  bool keep_identical_ids = false;
  bool json = false;
};

// Where the collection is kept: the folder that the user names, or one that is removed at the end.
class CollectionFolder {
 public:
  static absl::StatusOr<CollectionFolder> Make(const std::string& named) {
    if (!named.empty()) return CollectionFolder(named, Lifetime::kKept);
    std::error_code error;
    const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
    if (error) return base::ErrnoStatus(error.value(), "no folder for temporary files (TMPDIR)");
    std::string pattern = (parent / "gannet-eval-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) return base::ErrnoStatus(errno, pattern);
    return CollectionFolder(pattern, Lifetime::kRemoved);
  }

  CollectionFolder(CollectionFolder&& other) noexcept
      : path_(std::move(other.path_)), lifetime_(std::exchange(other.lifetime_, Lifetime::kKept)) {}
  CollectionFolder& operator=(CollectionFolder&&) = delete;
  ~CollectionFolder() {
    std::error_code ignored;
    if (lifetime_ == Lifetime::kRemoved) std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  enum class Lifetime { kKept, kRemoved };

  CollectionFolder(std::filesystem::path path, Lifetime lifetime)
      : path_(std::move(path)), lifetime_(lifetime) {}

  std::filesystem::path path_;
  Lifetime lifetime_;
};

// Indexes the corpus; a collection that holds anything else would give figures of another corpus.
absl::StatusOr<indexer::IndexReport> IndexCorpus(const encoder::Embedder& model,
                                                 indexer::Collection& collection,
                                                 const eval::Dataset& dataset,
                                                 base::ThreadPool& pool) {
  GANNET_ASSIGN_OR_RETURN(
      const indexer::IndexReport report,
      indexer::RunIndexJob(
          model, collection,
          {.corpus = eval::CorpusOf(dataset), .progress = indexer::ProgressDisplay::kStandardError},
          pool));
  if (collection.size() != report.counts.documents) {
    return absl::FailedPreconditionError(
        fmt::format("the collection holds {} documents, but {} has {}: evaluate with a collection "
                    "of this corpus alone",
                    collection.size(), dataset.CorpusPlace().string(), report.counts.documents));
  }
  return report;
}

// The pipeline of a file with its models.
struct OpenPipeline {
  std::unique_ptr<ranker::ModelRegistry> models;
  std::unique_ptr<const ranker::Pipeline> pipeline;  // Null where no file is named.
};

absl::StatusOr<OpenPipeline> OpenPipelineFile(const std::string& file) {
  OpenPipeline open{.models = std::make_unique<ranker::ModelRegistry>(ModelsByFolderOrCache()),
                    .pipeline = nullptr};
  if (file.empty()) return open;
  GANNET_ASSIGN_OR_RETURN(const ranker::PipelineSpec spec, ReadPipelineFile(file));
  GANNET_ASSIGN_OR_RETURN(open.pipeline,
                          ranker::Pipeline::Make(spec, *open.models, ranker::ModelAccess::kOpen));
  return open;
}

absl::StatusOr<eval::PipelineRetrieval> AnswerQueries(const ranker::Searcher& searcher,
                                                      const OpenPipeline& open,
                                                      const eval::Dataset& dataset,
                                                      const eval::RetrieveOptions& options,
                                                      base::ThreadPool& pool) {
  const uint64_t total = dataset.queries.size();
  base::Progress progress({.label = "searching", .unit = "queries", .total = total});
  const auto observe = [&](uint64_t queries) { progress.Update(queries, queries); };
  eval::PipelineRetrieval result;
  if (open.pipeline == nullptr) {
    GANNET_ASSIGN_OR_RETURN(result.retrieval,
                            eval::Retrieve(searcher, dataset.queries, options, pool, observe));
  } else {
    GANNET_ASSIGN_OR_RETURN(
        result, eval::RetrieveByPipeline(*open.pipeline, searcher, dataset.queries, options, pool,
                                         observe));
  }
  progress.Finish();
  result.retrieval.run.tag = "gannet";
  for (size_t i = 1; i < result.stages.size(); ++i) {
    GANNET_ASSIGN_OR_RETURN(result.stages[i].model_fingerprint,
                            open.models->Fingerprint(open.pipeline->spec().stages[i].method));
  }
  return result;
}

// The name of a folder, also where its path ends in a slash or is ".".
std::string FolderName(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::canonical(folder, error);
  return error ? folder.string() : canonical.filename().string();
}

absl::StatusOr<eval::Provenance> DescribeInputs(const EvalFlags& flags,
                                                const eval::Dataset& dataset,
                                                const encoder::Embedder& model) {
  eval::Provenance provenance;
  provenance.dataset = FolderName(dataset.folder);
  GANNET_ASSIGN_OR_RETURN(provenance.dataset_fingerprint, eval::Fingerprint(dataset));
  provenance.split = dataset.task.empty() ? dataset.split : dataset.task;
  provenance.left_out_queries = dataset.left_out_queries;
  provenance.queries = dataset.queries.size();
  provenance.model = model.name();
  provenance.model_fingerprint = model.fingerprint();
  provenance.max_tokens = model.max_tokens();
  provenance.similarity = encoder::SimilarityName(model.similarity());
  provenance.precision = encoder::PrecisionName(model.options().precision);
  provenance.depth = flags.depth;
  if (flags.keep_identical_ids) provenance.rules.identical_ids = eval::IdenticalIds::kKeep;
  return provenance;
}

// LoCo's folders have documents where BEIR's have a corpus.
absl::StatusOr<eval::Dataset> OpenDataset(const EvalFlags& flags) {
  const bool loco = !flags.task.empty() || eval::HoldsLocoRows(flags.dataset);
  return loco ? eval::OpenLocoTask(flags.dataset, flags.split, flags.task)
              : eval::OpenDataset(flags.dataset, flags.split);
}

absl::StatusOr<std::unique_ptr<indexer::Collection>> OpenCollection(const EvalFlags& flags,
                                                                    const CollectionFolder& folder,
                                                                    const encoder::Embedder& model,
                                                                    base::ThreadPool& pool) {
  indexer::CollectionSchema schema = indexer::CollectionSchema::Of(model);
  GANNET_ASSIGN_OR_RETURN(const auto long_text, ParseLongTextFlags(flags.long_text));
  schema.long_text = long_text.value_or(schema.long_text);
  GANNET_RETURN_IF_ERROR(CheckLongText(model, schema.long_text, pool));
  return indexer::Collection::OpenOrCreate(folder.path(), schema,
                                           {.access = indexer::Access::kIndexing});
}

absl::StatusOr<eval::Report> Evaluate(const EvalFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(const eval::Dataset dataset, OpenDataset(flags));
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path model_folder, ResolveModel(flags.model));
  GANNET_ASSIGN_OR_RETURN(const encoder::ModelOptions model_options,
                          ParseEmbedderFlags(flags.embedder));
  GANNET_ASSIGN_OR_RETURN(const auto model, encoder::Embedder::Open(model_folder, model_options));
  fmt::print(stderr, "{}: {}\n", model->name(), model->ComputePath());
  GANNET_ASSIGN_OR_RETURN(const OpenPipeline open, OpenPipelineFile(flags.pipeline));
  eval::Report report;
  GANNET_ASSIGN_OR_RETURN(report.provenance, DescribeInputs(flags, dataset, *model));

  base::ThreadPool pool(flags.threads);
  GANNET_ASSIGN_OR_RETURN(const CollectionFolder folder, CollectionFolder::Make(flags.collection));
  GANNET_ASSIGN_OR_RETURN(const auto collection, OpenCollection(flags, folder, *model, pool));
  GANNET_ASSIGN_OR_RETURN(const indexer::IndexReport indexed,
                          IndexCorpus(*model, *collection, dataset, pool));
  const eval::EvaluationRules& rules = report.provenance.rules;
  GANNET_ASSIGN_OR_RETURN(const auto searcher, ranker::Searcher::Make(*model, *collection));
  GANNET_ASSIGN_OR_RETURN(
      eval::PipelineRetrieval answers,
      AnswerQueries(searcher, open, dataset,
                    {.depth = flags.depth, .identical_ids = rules.identical_ids}, pool));
  const eval::Retrieval& retrieval = answers.retrieval;
  report.stages = std::move(answers.stages);
  if (!flags.run.empty()) GANNET_RETURN_IF_ERROR(eval::WriteRun(retrieval.run, flags.run));

  report.provenance.documents = indexed.counts.documents;
  report.provenance.long_text = collection->schema().long_text.ToString();
  report.provenance.documents_read = {.in_windows = indexed.counts.long_texts,
                                      .cut = indexed.counts.cut_texts,
                                      .windows = indexed.counts.windows,
                                      .blocks = indexed.counts.blocks,
                                      .tokens_total = indexed.counts.tokens_total,
                                      .tokens_read = indexed.counts.tokens_read};
  report.provenance.documents_stored_before = indexed.counts.unchanged;
  report.provenance.queries_read = retrieval.queries;
  report.provenance.replaced_sequences =
      indexed.counts.replaced_sequences + dataset.replaced_sequences;
  report.index_seconds = indexed.seconds;
  report.encode_queries_seconds = retrieval.encode_seconds;
  report.retrieve_seconds = retrieval.retrieve_seconds;
  report.evaluation = eval::Evaluate(retrieval.run, dataset.qrels, Metrics(), rules);
  return report;
}

absl::Status PrintEvaluation(const EvalFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(const eval::Report report, Evaluate(flags));
  fmt::print("{}", flags.json ? eval::ReportJson(report) : eval::ReportText(report));
  return absl::OkStatus();
}

}  // namespace

void AddEvalCommand(CLI::App& app, Action& action) {
  const auto flags = std::make_shared<EvalFlags>();
  CLI::App* command = app.add_subcommand(
      "eval", "Measure a model on a dataset in BEIR's or LoCo's layout, by exact search");
  command->add_option("--dataset", flags->dataset, "Folder of corpus, queries and qrels")
      ->required();
  command->add_option("--split", flags->split, "Which qrels, or which shards of LoCo's rows")
      ->capture_default_str();
  command->add_option(
      "--task", flags->task,
      "Which task of a folder with rows of LoCo (documents and queries, .jsonl or .parquet)");
  command->add_option("--model", flags->model, "Model folder, or the name of a model in the cache")
      ->required();
  AddEmbedderFlags(*command, flags->embedder);
  command->add_option(
      "--collection", flags->collection,
      "Keep the index in this folder, and use what it holds (else a temporary one)");
  AddLongTextFlags(*command, flags->long_text);
  command->add_option("--run", flags->run, "Write what was retrieved to this TREC run file");
  command->add_option("--pipeline", flags->pipeline,
                      "JSON file of stages that rank (docs/pipelines.md)");
  command->add_option("-k,--k", flags->depth, "Documents to retrieve per query")
      ->check(CLI::Range(kLeastDepth, kMostDepth))
      ->capture_default_str();
  command->add_option("--threads", flags->threads, "Threads to work with")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--keep-identical-ids", flags->keep_identical_ids,
                    "Keep documents whose id is the query's; BEIR drops them, MTEB keeps them on "
                    "most datasets");
  command->add_flag("--json", flags->json, "Print JSON");
  command->callback([flags, &action] { action = [flags] { return PrintEvaluation(*flags); }; });
}

}  // namespace gannet::cli
