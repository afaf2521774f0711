#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "base/format.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/model_location.h"
#include "encoder/embed/embedder.h"
#include "indexer/collection.h"
#include "indexer/job/index_job.h"

namespace gannet::cli {
namespace {

struct IndexFlags {
  std::filesystem::path collection;
  std::string model;
  std::string precision = "fp32";
  std::filesystem::path input;
  bool skip_bad_lines = false;
  int threads = base::AvailableProcessors();
};

void PrintReport(const indexer::IndexReport& report, const encoder::Embedder& model,
                 const indexer::Collection& collection) {
  const auto count = [](uint64_t value) { return base::GroupThousands(value); };
  fmt::print("{} documents read in {}: {} encoded, {} unchanged; the collection holds {}\n",
             count(report.documents), base::FormatMinutes(report.seconds),
             count(report.documents - report.unchanged), count(report.unchanged),
             count(collection.size()));
  if (report.tokens_read > 0 && report.seconds > 0) {
    const double rate = static_cast<double>(report.tokens_read) / report.seconds;
    fmt::print("{} tokens with {}, {} tokens/s\n", count(report.tokens_read), model.name(),
               count(static_cast<uint64_t>(rate)));
  }
  if (report.cut_texts > 0) {
    fmt::print("{} documents are longer than the model's {} tokens and were read up to there\n",
               count(report.cut_texts), model.max_tokens());
  }
  if (report.empty_texts > 0) {
    fmt::print("{} documents have neither title nor text\n", count(report.empty_texts));
  }
  if (report.replaced_bytes > 0) {
    fmt::print("{} ill-formed UTF-8 sequences were replaced by U+FFFD\n",
               count(report.replaced_bytes));
  }
  if (report.skipped_lines > 0) {
    fmt::print("{} bad lines were skipped:\n", count(report.skipped_lines));
    for (const std::string& example : report.skipped_examples) fmt::print("  {}\n", example);
    if (report.skipped_lines > report.skipped_examples.size()) fmt::print("  ...\n");
  }
}

absl::Status Index(const IndexFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path model_folder, ResolveModel(flags.model));
  GANNET_ASSIGN_OR_RETURN(const encoder::Precision precision,
                          encoder::ParsePrecision(flags.precision));
  GANNET_ASSIGN_OR_RETURN(const auto model,
                          encoder::Embedder::Open(model_folder, {.precision = precision}));
  GANNET_ASSIGN_OR_RETURN(
      const auto collection,
      indexer::Collection::OpenOrCreate(flags.collection, indexer::CollectionSchema::Of(*model)));
  fmt::print(stderr, "{}: {}\n", model->name(), model->ComputePath());
  base::ThreadPool pool(flags.threads);
  const indexer::IndexJobOptions options{.input = flags.input,
                                         .bad_lines = flags.skip_bad_lines
                                                          ? indexer::BadLinePolicy::kSkip
                                                          : indexer::BadLinePolicy::kStop,
                                         .progress = indexer::ProgressDisplay::kStandardError};
  const absl::StatusOr<indexer::IndexReport> report =
      indexer::RunIndexJob(*model, *collection, options, pool);
  if (!report.ok()) {
    return absl::Status(
        report.status().code(),
        fmt::format("{}\n(the collection holds {} documents; running again goes on from there)",
                    base::Message(report.status()), base::GroupThousands(collection->size())));
  }
  PrintReport(*report, *model, *collection);
  return absl::OkStatus();
}

}  // namespace

void AddIndexCommand(CLI::App& app, Action& action) {
  const auto flags = std::make_shared<IndexFlags>();
  CLI::App* const index =
      app.add_subcommand("index", "Encode a corpus and keep it in a collection");
  index->add_option("--collection", flags->collection, "Folder of the collection; made when new")
      ->required();
  index->add_option("--model", flags->model, "Model folder, or the id of a pulled model")
      ->required();
  index
      ->add_option("--input", flags->input,
                   "Corpus in BEIR JSONL: _id, title, text; other fields are kept as metadata")
      ->required();
  index
      ->add_option("--precision", flags->precision,
                   "How the model multiplies: fp32, bf16, int8, or auto for the machine's choice")
      ->capture_default_str();
  index->add_flag("--skip-bad-lines", flags->skip_bad_lines,
                  "Count and report lines that are no documents, or that the model cannot embed, "
                  "instead of stopping");
  index->add_option("--threads", flags->threads, "Threads that work")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  index->callback([flags, &action] { action = [flags] { return Index(*flags); }; });
}

}  // namespace gannet::cli
