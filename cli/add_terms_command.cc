#include "cli/add_terms_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "base/format.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/end_signals.h"
#include "cli/term_model.h"
#include "indexer/collection.h"
#include "indexer/job/term_job.h"

namespace gannet::cli {
namespace {

struct AddTermsFlags {
  std::filesystem::path folder;
  TermFlags terms;
  int threads = base::AvailableProcessors();
};

void PrintTermReport(const indexer::TermJobReport& report, const indexer::CollectionInfo& info) {
  fmt::print(
      "{} documents of {} tokens got terms in {}; {} of {} have some, in {} ({:.0f} bytes a "
      "term)\n",
      base::GroupThousands(report.documents), base::GroupThousands(report.tokens),
      base::FormatMinutes(report.seconds), base::GroupThousands(info.terms.documents),
      base::GroupThousands(info.documents), base::FormatBytes(info.terms.bytes),
      info.terms.bytes_per_term());
  if (report.without == 0) return;
  fmt::print("{} documents can have none:\n", base::GroupThousands(report.without));
  for (const std::string& example : report.examples) fmt::print("  {}\n", example);
  if (report.without > report.examples.size()) fmt::print("  ...\n");
}

absl::Status AddTerms(const AddTermsFlags& flags) {
  indexer::CollectionSchema schema;
  {
    GANNET_ASSIGN_OR_RETURN(const auto collection, indexer::Collection::Open(flags.folder));
    schema = collection->schema();
  }
  const absl::StatusOr<TermModel> model = OpenTermModel(flags.terms, schema.terms);
  if (!model.ok()) return base::Annotate(model.status(), flags.folder.string());
  schema.terms = model->schema;
  GANNET_ASSIGN_OR_RETURN(const auto collection,
                          indexer::Collection::OpenOrCreate(
                              flags.folder, schema, {.access = indexer::Access::kIndexing}));
  base::ThreadPool pool(flags.threads);
  const EndSignals signals;
  GANNET_ASSIGN_OR_RETURN(
      const indexer::TermJobReport report,
      indexer::RunTermJob(*model->encoder, *collection,
                          {.progress = indexer::ProgressDisplay::kStandardError,
                           .stop = [&signals] { return !signals.received().empty(); }},
                          pool));
  GANNET_ASSIGN_OR_RETURN(const indexer::CollectionInfo info, collection->Info());
  PrintTermReport(report, info);
  if (!report.stopped) return absl::OkStatus();
  return absl::CancelledError(
      fmt::format("stopped by {} (running again goes on from there)", signals.received()));
}

}  // namespace

void AddAddTermsCommand(CLI::App& collection, Action& action) {
  const auto flags = std::make_shared<AddTermsFlags>();
  CLI::App* command = collection.add_subcommand(
      "add-terms",
      "Give documents the term representations of a cross-encoder (PreTTR); goes on where it was "
      "stopped");
  command->add_option("folder", flags->folder, "Folder of the collection")->required();
  command->add_option("--model", flags->terms.model,
                      "BERT cross-encoder: a folder, or a name in the cache; else that of the "
                      "terms that are there");
  AddTermOptions(*command, "", flags->terms);
  command->add_option("--threads", flags->threads, "Threads that work")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  command->callback([flags, &action] { action = [flags] { return AddTerms(*flags); }; });
}

}  // namespace gannet::cli
