#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/format.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "indexer/collection.h"
#include "indexer/collection_files.h"
#include "indexer/filter/filter.h"
#include "indexer/job/job_ledger.h"
#include "indexer/job/merge_shards.h"

namespace gannet::cli {
namespace {

namespace fs = std::filesystem;

struct CollectionFlags {
  fs::path folder;
  fs::path target;  // Of a snapshot or a restored collection.
  std::vector<fs::path> shards;
  std::vector<std::string> ids;
  std::string filter;
  indexer::RecallMeasurement recall;
  bool repair = false;
  bool vectors = false;
  bool json = false;
  bool digest = false;
  int threads = base::AvailableProcessors();
};

std::string Count(uint64_t value) { return base::GroupThousands(value); }

std::string RecallText(const indexer::RecallFigures& figures) {
  return fmt::format("recall@{} {:.4f} in the mean, {:.4f} at worst, over {} queries", figures.k,
                     figures.mean, figures.worst, Count(figures.queries));
}

absl::StatusOr<std::unique_ptr<indexer::Collection>> Open(const fs::path& folder,
                                                          indexer::Access access) {
  return indexer::Collection::Open(folder, {.access = access});
}

// ---- info

struct DescribedCollection {
  const indexer::Collection& collection;
  indexer::CollectionInfo info;
  std::optional<indexer::JobLedger> job;
  std::string digest;  // Empty when it was not asked for.
};

void PrintJob(const indexer::JobLedger& job) {
  const bool whole = job.shard.count == 1;
  fmt::print("last job    {}{}: {} records, {} documents, {} unchanged, {} skipped\n",
             job.finished ? "finished" : "NOT FINISHED (run it again: it goes on)",
             whole ? "" : fmt::format(", shard {}", job.shard.ToString()), Count(job.records),
             Count(job.counts.documents), Count(job.counts.unchanged),
             Count(job.counts.skipped_records));
}

void PrintInfo(const DescribedCollection& described) {
  const indexer::CollectionSchema& schema = described.collection.schema();
  const indexer::CollectionInfo& info = described.info;
  fmt::print("documents   {}, in {} passages\n", Count(info.documents), Count(info.passages));
  fmt::print("model       {} (fingerprint {}), from {}\n", schema.model_name,
             schema.model_fingerprint, schema.model_folder.string());
  fmt::print("vectors     {} values as {}, by {}\n", schema.dimension,
             indexer::VectorFormatName(schema.vector_format),
             encoder::SimilarityName(schema.similarity));
  fmt::print("long texts  {}\n", schema.long_text.ToString());
  fmt::print("index       {}\n", schema.index.empty() ? "chosen by size" : schema.index);
  fmt::print("changes     {}; next key {}\n", Count(info.sequence), info.next_key);
  fmt::print("store       {}\n", base::FormatBytes(info.store_bytes));
  fmt::print("segments    {}, {} passages in none\n", info.segments.size(),
             Count(info.growing_passages));
  for (const indexer::SegmentInfo& segment : info.segments) {
    fmt::print("  {}  {}, {} passages, {} deleted, {}{}\n", segment.file, segment.index,
               Count(segment.passages), Count(segment.deleted_passages),
               base::FormatBytes(segment.file_bytes),
               segment.from_store ? ", FILE MISSING OR DAMAGED: searched exactly" : "");
  }
  if (described.job) PrintJob(*described.job);
  if (info.measured) fmt::print("measured    {}\n", RecallText(*info.measured));
  if (info.self_sampled) fmt::print("sampled     {}\n", RecallText(*info.self_sampled));
  for (const std::string& line : info.open_report) fmt::print("on opening  {}\n", line);
  if (!described.digest.empty()) fmt::print("digest      {}\n", described.digest);
}

nlohmann::ordered_json RecallJson(const indexer::RecallFigures& figures) {
  return {{"queries", figures.queries},
          {"k", figures.k},
          {"mean", figures.mean},
          {"worst", figures.worst}};
}

void PrintInfoJson(const DescribedCollection& described) {
  const indexer::CollectionSchema& schema = described.collection.schema();
  const indexer::CollectionInfo& info = described.info;
  nlohmann::ordered_json json = {
      {"documents", info.documents},
      {"passages", info.passages},
      {"model", {{"name", schema.model_name}, {"fingerprint", schema.model_fingerprint}}},
      {"dimension", schema.dimension},
      {"similarity", encoder::SimilarityName(schema.similarity)},
      {"vectors", indexer::VectorFormatName(schema.vector_format)},
      {"long_text", schema.long_text.ToString()},
      {"index", schema.index},
      {"sequence", info.sequence},
      {"next_key", info.next_key},
      {"store_bytes", info.store_bytes},
      {"growing_passages", info.growing_passages},
      {"segments", nlohmann::ordered_json::array()},
      {"open_report", info.open_report}};
  for (const indexer::SegmentInfo& segment : info.segments) {
    json["segments"].push_back({{"file", segment.file},
                                {"index", segment.index},
                                {"passages", segment.passages},
                                {"deleted_passages", segment.deleted_passages},
                                {"file_bytes", segment.file_bytes},
                                {"from_store", segment.from_store}});
  }
  if (described.job) json["job"] = nlohmann::ordered_json::parse(described.job->ToJson());
  if (info.measured) json["measured_recall"] = RecallJson(*info.measured);
  if (info.self_sampled) json["sampled_recall"] = RecallJson(*info.self_sampled);
  if (!described.digest.empty()) json["digest"] = described.digest;
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

absl::Status Info(const CollectionFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(const auto collection, Open(flags.folder, indexer::Access::kRead));
  DescribedCollection described{.collection = *collection, .info = {}, .job = {}, .digest = {}};
  GANNET_ASSIGN_OR_RETURN(described.info, collection->Info());
  GANNET_ASSIGN_OR_RETURN(const auto ledger,
                          collection->ReadCheckpoint(indexer::JobLedger::kCheckpointName));
  if (ledger.has_value()) {
    GANNET_ASSIGN_OR_RETURN(described.job, indexer::JobLedger::Parse(*ledger));
  }
  if (flags.digest) {
    GANNET_ASSIGN_OR_RETURN(described.digest, collection->Digest());
  }
  if (flags.json) {
    PrintInfoJson(described);
  } else {
    PrintInfo(described);
  }
  return absl::OkStatus();
}

// ---- verify, compact, recall

absl::Status Verify(const CollectionFlags& flags) {
  base::ThreadPool pool(flags.threads);
  GANNET_ASSIGN_OR_RETURN(
      const indexer::VerifyReport report,
      indexer::Verify(flags.folder,
                      flags.repair ? indexer::Repair::kDerivable : indexer::Repair::kNone, pool));
  fmt::print("{} documents, {} passages, {} segments: {}\n", Count(report.documents),
             Count(report.passages), report.segments,
             report.problems == 0 ? "clean" : fmt::format("{} problems", Count(report.problems)));
  for (const std::string& example : report.examples) fmt::print("  {}\n", example);
  if (report.problems > report.examples.size()) fmt::print("  ...\n");
  if (report.repaired > 0) fmt::print("{} were repaired\n", Count(report.repaired));
  if (report.clean()) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}: {} problems{}", flags.folder.string(), report.problems - report.repaired,
                  flags.repair ? " cannot be repaired" : "; --repair mends what can be derived"));
}

absl::Status Compact(const CollectionFlags& flags) {
  base::ThreadPool pool(flags.threads);
  GANNET_ASSIGN_OR_RETURN(const auto collection, Open(flags.folder, indexer::Access::kWrite));
  GANNET_ASSIGN_OR_RETURN(const indexer::MaintenanceReport report, collection->Compact(pool));
  fmt::print("{} passages went into a segment, {} segments were merged, {} rewritten\n",
             Count(report.sealed_passages), report.merged_segments, report.rewritten_segments);
  return absl::OkStatus();
}

absl::Status MeasureRecall(const CollectionFlags& flags) {
  base::ThreadPool pool(flags.threads);
  GANNET_ASSIGN_OR_RETURN(const auto collection, Open(flags.folder, indexer::Access::kWrite));
  GANNET_ASSIGN_OR_RETURN(const indexer::RecallFigures figures,
                          collection->MeasureRecall(flags.recall, pool));
  fmt::print("{}\n", RecallText(figures));
  return absl::OkStatus();
}

// ---- snapshot, restore, merge

absl::Status Snapshot(const CollectionFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(const auto collection, Open(flags.folder, indexer::Access::kWrite));
  GANNET_RETURN_IF_ERROR(collection->Snapshot(flags.target));
  fmt::print("{} documents in {}\n", Count(collection->size()), flags.target.string());
  return absl::OkStatus();
}

absl::Status Restore(const CollectionFlags& flags) {
  base::ThreadPool pool(flags.threads);
  GANNET_RETURN_IF_ERROR(indexer::Restore(flags.folder, flags.target, pool));
  GANNET_ASSIGN_OR_RETURN(const auto collection, Open(flags.target, indexer::Access::kRead));
  fmt::print("{} documents in {}, verified\n", Count(collection->size()), flags.target.string());
  return absl::OkStatus();
}

absl::Status Merge(const CollectionFlags& flags) {
  base::ThreadPool pool(flags.threads);
  GANNET_ASSIGN_OR_RETURN(const indexer::MergeReport report,
                          indexer::MergeShards(flags.folder, flags.shards,
                                               indexer::ProgressDisplay::kStandardError, pool));
  fmt::print("{} documents of {} shards merged in {}\n", Count(report.documents),
             flags.shards.size(), base::FormatMinutes(report.seconds));
  return absl::OkStatus();
}

// ---- export, delete

absl::Status Export(const CollectionFlags& flags) {
  const auto write = [](std::string_view line) {
    const bool written = std::fwrite(line.data(), 1, line.size(), stdout) == line.size();
    return written ? absl::OkStatus() : base::ErrnoStatus(errno, "standard output");
  };
  GANNET_RETURN_IF_ERROR(indexer::Export(
      flags.folder,
      flags.vectors ? indexer::ExportVectors::kInclude : indexer::ExportVectors::kLeaveOut, write));
  if (std::fflush(stdout) != 0) return base::ErrnoStatus(errno, "standard output");
  return absl::OkStatus();
}

absl::Status Delete(const CollectionFlags& flags) {
  if (flags.ids.empty() == flags.filter.empty()) {
    return absl::InvalidArgumentError("say what to delete: either --id or --filter");
  }
  std::optional<indexer::Filter> filter;
  if (!flags.filter.empty()) {
    GANNET_ASSIGN_OR_RETURN(filter, indexer::Filter::Parse(flags.filter));
  }
  GANNET_ASSIGN_OR_RETURN(const auto collection, Open(flags.folder, indexer::Access::kWrite));
  GANNET_ASSIGN_OR_RETURN(const uint64_t deleted, filter ? collection->DeleteWhere(*filter)
                                                         : collection->Delete(flags.ids));
  fmt::print("{} documents deleted; the collection holds {}\n", Count(deleted),
             Count(collection->size()));
  return absl::OkStatus();
}

// ---- The command line.

using Verb = absl::Status (*)(const CollectionFlags&);

// Adds one verb; its first argument is a collection's folder.
CLI::App& AddVerb(CLI::App& command, const std::shared_ptr<CollectionFlags>& flags, Action& action,
                  const char* name, const char* description, Verb verb) {
  CLI::App* const added = command.add_subcommand(name, description);
  added->callback([flags, &action, verb] { action = [flags, verb] { return verb(*flags); }; });
  return *added;
}

void AddFolder(CLI::App& verb, CollectionFlags& flags,
               const char* description = "Folder of the collection") {
  verb.add_option("folder", flags.folder, description)->required();
}

void AddThreads(CLI::App& verb, CollectionFlags& flags) {
  verb.add_option("--threads", flags.threads, "Threads that work")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
}

void AddCopyingVerbs(CLI::App& command, const std::shared_ptr<CollectionFlags>& flags,
                     Action& action) {
  CLI::App& snapshot =
      AddVerb(command, flags, action, "snapshot",
              "Copy it as it is at one moment; files that never change are linked", Snapshot);
  AddFolder(snapshot, *flags);
  snapshot.add_option("target", flags->target, "New folder for the snapshot")->required();

  CLI::App& restore = AddVerb(command, flags, action, "restore",
                              "Verify a snapshot and make a collection of it", Restore);
  AddFolder(restore, *flags, "Folder of the snapshot");
  restore.add_option("target", flags->target, "New folder for the collection")->required();
  AddThreads(restore, *flags);

  CLI::App& merge =
      AddVerb(command, flags, action, "merge",
              "Make one collection of all shards that `gannet index --shard` made", Merge);
  AddFolder(merge, *flags, "New folder for the collection");
  merge.add_option("shards", flags->shards, "Folders of the shards, all of them")->required();
  AddThreads(merge, *flags);

  CLI::App& to_jsonl = AddVerb(command, flags, action, "export",
                               "Write every document as a line of JSON to standard output", Export);
  AddFolder(to_jsonl, *flags);
  to_jsonl.add_flag("--vectors", flags->vectors, "With passages and their vectors");
}

void AddChangingVerbs(CLI::App& command, const std::shared_ptr<CollectionFlags>& flags,
                      Action& action) {
  CLI::App& compact =
      AddVerb(command, flags, action, "compact", "Rewrite what holds deleted documents", Compact);
  AddFolder(compact, *flags);
  AddThreads(compact, *flags);

  CLI::App& remove = AddVerb(command, flags, action, "delete", "Delete documents", Delete);
  AddFolder(remove, *flags);
  remove.add_option("--id", flags->ids, "Id of a document; may be given several times")
      ->allow_extra_args(false);
  remove.add_option("--filter", flags->filter,
                    "All documents whose metadata this holds for, as JSON");
}

void AddLookingVerbs(CLI::App& command, const std::shared_ptr<CollectionFlags>& flags,
                     Action& action) {
  CLI::App& info = AddVerb(command, flags, action, "info", "Say what is in it", Info);
  AddFolder(info, *flags);
  info.add_flag("--json", flags->json, "Print one JSON object");
  info.add_flag("--digest", flags->digest, "Also the hash over all of its content");

  CLI::App& verify = AddVerb(command, flags, action, "verify",
                             "Check every checksum and every cross reference", Verify);
  AddFolder(verify, *flags);
  verify.add_flag("--repair", flags->repair, "Make again what follows from documents and vectors");
  AddThreads(verify, *flags);

  CLI::App& recall =
      AddVerb(command, flags, action, "recall",
              "Compare approximate with exact answers, and keep the figure", MeasureRecall);
  AddFolder(recall, *flags);
  recall.add_option("--queries", flags->recall.queries, "Stored vectors to search for")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000'000));
  recall.add_option("-k", flags->recall.k, "Documents of each answer")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  recall.add_option("--effort", flags->recall.effort,
                    "How far a search looks (efSearch or nprobe); 0: the default");
  AddThreads(recall, *flags);
}

}  // namespace

void AddCollectionCommand(CLI::App& app, Action& action) {
  const auto flags = std::make_shared<CollectionFlags>();
  CLI::App* const command = app.add_subcommand("collection", "What operators do with a collection");
  command->require_subcommand(1);
  AddLookingVerbs(*command, flags, action);
  AddChangingVerbs(*command, flags, action);
  AddCopyingVerbs(*command, flags, action);
}

}  // namespace gannet::cli
