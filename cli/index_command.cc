#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/format.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/embedder_flags.h"
#include "cli/end_signals.h"
#include "cli/long_text_flags.h"
#include "cli/model_location.h"
#include "cli/term_model.h"
#include "encoder/embed/embedder.h"
#include "indexer/collection.h"
#include "indexer/job/index_job.h"

namespace gannet::cli {
namespace {

struct IndexFlags {
  std::filesystem::path collection;
  std::string model;
  EmbedderFlags embedder;
  std::vector<std::filesystem::path> inputs;
  std::string format;
  bool tsv_header = false;
  std::string shard = "0/1";
  std::string index;
  std::string vectors;
  TermFlags terms;
  LongTextFlags long_text;
  bool skip_bad_lines = false;
  int threads = base::AvailableProcessors();
};

std::string Count(uint64_t value) { return base::GroupThousands(value); }

void PrintSkipped(const indexer::IndexCounts& counts) {
  if (counts.skipped_records == 0) return;
  fmt::print("{} bad records were skipped:\n", Count(counts.skipped_records));
  for (const std::string& example : counts.skipped_examples) fmt::print("  {}\n", example);
  if (counts.skipped_records > counts.skipped_examples.size()) fmt::print("  ...\n");
}

void PrintReport(const indexer::IndexReport& report, const encoder::Embedder& model,
                 const indexer::CollectionSchema& schema, const indexer::CollectionInfo& info) {
  const indexer::IndexCounts& counts = report.counts;
  fmt::print("{} documents read ({}) in {}: {} encoded, {} unchanged; the collection holds {}\n",
             Count(counts.documents), indexer::CorpusFormatName(report.format),
             base::FormatMinutes(report.seconds), Count(report.encoded), Count(counts.unchanged),
             Count(info.documents));
  if (report.resumed_records > 0) {
    fmt::print("went on behind {} records of an earlier run\n", Count(report.resumed_records));
  }
  if (counts.other_shards > 0) {
    fmt::print("{} records belong to other shards\n", Count(counts.other_shards));
  }
  if (counts.long_texts > 0) {
    fmt::print("{} documents were read in {} windows, {} of {} tokens of all documents ({})\n",
               Count(counts.long_texts),
               Count(counts.windows - (counts.documents - counts.unchanged - counts.long_texts)),
               Count(counts.tokens_read), Count(counts.tokens_total), schema.long_text.ToString());
  }
  if (counts.blocks > 0) {
    fmt::print("{} documents were read in {} blocks, {} of {} tokens\n",
               Count(counts.documents - counts.unchanged), Count(counts.blocks),
               Count(counts.tokens_read), Count(counts.tokens_total));
  }
  if (report.encoded_tokens > 0 && report.seconds > 0) {
    const double rate = static_cast<double>(report.encoded_tokens) / report.seconds;
    fmt::print("{} tokens with {}, {} tokens/s; vector indexes in {}\n",
               Count(report.encoded_tokens), model.name(), Count(static_cast<uint64_t>(rate)),
               base::FormatMinutes(report.publish_seconds));
  }
  if (counts.cut_texts > 0) {
    fmt::print(
        "{} documents were not read to the end: {} of {} tokens of all documents were ({})\n",
        Count(counts.cut_texts), Count(counts.tokens_read), Count(counts.tokens_total),
        schema.long_text.ToString());
  }
  if (counts.empty_texts > 0) {
    fmt::print("{} documents have neither title nor text\n", Count(counts.empty_texts));
  }
  if (counts.replaced_sequences > 0) {
    fmt::print("{} ill-formed UTF-8 sequences were replaced by U+FFFD\n",
               Count(counts.replaced_sequences));
  }
  const indexer::TermTotals& terms = info.terms;
  if (terms.documents > 0) {
    fmt::print("{} terms of {} documents in {}, {:.0f} bytes each\n", Count(terms.terms),
               Count(terms.documents), base::FormatBytes(terms.bytes), terms.bytes_per_term());
  }
  PrintSkipped(counts);
}

// What the flags say of a collection that is there already has to be what it was made with.
absl::Status CheckSchema(const IndexFlags& flags,
                         const std::optional<encoder::LongTextOptions>& long_text,
                         const indexer::CollectionSchema& schema) {
  if (flags.terms.model.empty() && schema.terms) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: keeps terms of model {} (from {}): name it with --terms", flags.collection.string(),
        schema.terms->model_name, schema.terms->model_folder.string()));
  }
  if (!flags.terms.model.empty() && !schema.terms) {
    return absl::FailedPreconditionError(
        fmt::format("{}: was made without terms; `gannet collection add-terms` adds them",
                    flags.collection.string()));
  }
  if (long_text && *long_text != schema.long_text) {
    return absl::FailedPreconditionError(
        fmt::format("{}: made with long texts as {}, not as {}", flags.collection.string(),
                    schema.long_text.ToString(), long_text->ToString()));
  }
  const std::string_view format = indexer::VectorFormatName(schema.vector_format);
  if (!flags.vectors.empty() && flags.vectors != format) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: keeps vectors as {}, not as {}", flags.collection.string(), format, flags.vectors));
  }
  if (!flags.index.empty() && flags.index != schema.index) {
    return absl::FailedPreconditionError(
        fmt::format("{}: made with index \"{}\", not with \"{}\"", flags.collection.string(),
                    schema.index.empty() ? "chosen by size" : schema.index, flags.index));
  }
  return absl::OkStatus();
}

// What a job writes to.
struct IndexTarget {
  std::unique_ptr<indexer::Collection> collection;
  std::optional<TermModel> terms;  // Whose terms it keeps.
};

absl::StatusOr<IndexTarget> OpenTarget(const IndexFlags& flags, const encoder::Embedder& model,
                                       base::ThreadPool& pool) {
  GANNET_ASSIGN_OR_RETURN(const std::optional<encoder::LongTextOptions> long_text,
                          ParseLongTextFlags(flags.long_text));
  constexpr indexer::Access kAccess = indexer::Access::kIndexing;
  IndexTarget target;
  absl::StatusOr<std::unique_ptr<indexer::Collection>> existing =
      indexer::Collection::Open(flags.collection, {.access = kAccess});
  if (!existing.ok() && !absl::IsNotFound(existing.status())) return existing.status();
  std::optional<indexer::TermSchema> kept;
  if (existing.ok()) {
    GANNET_RETURN_IF_ERROR(CheckSchema(flags, long_text, (*existing)->schema()));
    kept = (*existing)->schema().terms;
    target.collection = *std::move(existing);
  }
  if (!flags.terms.model.empty()) {
    GANNET_ASSIGN_OR_RETURN(target.terms, OpenTermModel(flags.terms, kept));
  }
  if (target.collection != nullptr) return target;
  indexer::CollectionSchema schema = indexer::CollectionSchema::Of(model);
  schema.index = flags.index;
  schema.long_text = long_text.value_or(schema.long_text);
  GANNET_RETURN_IF_ERROR(CheckLongText(model, schema.long_text, pool));
  if (target.terms) schema.terms = target.terms->schema;
  if (!flags.vectors.empty()) {
    GANNET_ASSIGN_OR_RETURN(schema.vector_format, indexer::ParseVectorFormat(flags.vectors));
  }
  GANNET_ASSIGN_OR_RETURN(target.collection, indexer::Collection::OpenOrCreate(
                                                 flags.collection, schema, {.access = kAccess}));
  return target;
}

absl::StatusOr<indexer::IndexJobOptions> ParseOptions(const IndexFlags& flags) {
  indexer::IndexJobOptions options{
      .corpus = {.inputs = flags.inputs,
                 .tsv_header =
                     flags.tsv_header ? indexer::TsvHeader::kFirstRow : indexer::TsvHeader::kNone},
      .bad_records =
          flags.skip_bad_lines ? indexer::BadRecordPolicy::kSkip : indexer::BadRecordPolicy::kStop,
      .progress = indexer::ProgressDisplay::kStandardError};
  if (!flags.format.empty()) {
    GANNET_ASSIGN_OR_RETURN(options.corpus.format, indexer::ParseCorpusFormat(flags.format));
  }
  GANNET_ASSIGN_OR_RETURN(options.shard, indexer::Shard::Parse(flags.shard));
  return options;
}

absl::Status Index(const IndexFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(indexer::IndexJobOptions options, ParseOptions(flags));
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path model_folder, ResolveModel(flags.model));
  GANNET_ASSIGN_OR_RETURN(const encoder::ModelOptions model_options,
                          ParseEmbedderFlags(flags.embedder));
  GANNET_ASSIGN_OR_RETURN(const auto model, encoder::Embedder::Open(model_folder, model_options));
  fmt::print(stderr, "{}: {}\n", model->name(), model->ComputePath());
  base::ThreadPool pool(flags.threads);
  GANNET_ASSIGN_OR_RETURN(const IndexTarget target, OpenTarget(flags, *model, pool));
  indexer::Collection& collection = *target.collection;
  if (target.terms) options.terms = target.terms->encoder.get();
  EndSignals signals;
  options.stop = [&signals] { return !signals.received().empty(); };
  // Segments are put in place at once or not at all: their making may be ended at any moment.
  options.before_publish = [&signals] { signals.Release(); };
  const absl::StatusOr<indexer::IndexReport> report =
      indexer::RunIndexJob(*model, collection, options, pool);
  const auto goes_on = [&](std::string_view why) {
    return fmt::format("{}\n(the collection holds {} documents; running again goes on from there)",
                       why, Count(collection.size()));
  };
  if (!report.ok()) {
    return absl::Status(report.status().code(), goes_on(base::Message(report.status())));
  }
  if (report->stopped) {
    return absl::CancelledError(goes_on(fmt::format("stopped by {}", signals.received())));
  }
  GANNET_ASSIGN_OR_RETURN(const indexer::CollectionInfo info, collection.Info());
  PrintReport(*report, *model, collection.schema(), info);
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
      ->add_option("--input", flags->inputs,
                   "Corpus: a file, a folder of files, or - for standard input; plain, gzip, xz or "
                   "zstd; may be given several times")
      ->required()
      ->allow_extra_args(false);
  index->add_option(
      "--format", flags->format,
      "jsonl (BEIR), tsv (id, text or id, title, text), trec (<DOC> elements), loco (pid, passage) "
      "or text (a file is a document); else told by name or content. jsonl and loco are lines of "
      "JSON or rows of Parquet");
  index->add_flag("--tsv-header", flags->tsv_header,
                  "The first row of each TSV file names its columns");
  index
      ->add_option("--shard", flags->shard,
                   "I/N: take only the records of shard I (from 0) of N, for `gannet collection "
                   "merge`")
      ->capture_default_str();
  index->add_option("--index", flags->index,
                    "Vector index by its faiss name (Flat, HNSW16, HNSW32,SQ8, OPQ48,IVF1024,PQ48 "
                    "...); else chosen by size");
  index->add_option("--vectors", flags->vectors,
                    "How vectors are kept: fp32 (default), fp16, int8");
  CLI::Option* const terms =
      index->add_option("--terms", flags->terms.model,
                        "BERT cross-encoder whose first layers read each document, for "
                        "`gannet rerank --terms-collection` (PreTTR)");
  AddTermOptions(*index, "terms-", flags->terms);
  index->get_option("--terms-layer")->needs(terms);
  AddLongTextFlags(*index, flags->long_text);
  AddEmbedderFlags(*index, flags->embedder);
  index->add_flag("--skip-bad-lines", flags->skip_bad_lines,
                  "Count and report records that are no documents, or that the model cannot embed, "
                  "instead of stopping");
  index->add_option("--threads", flags->threads, "Threads that work")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  index->callback([flags, &action] { action = [flags] { return Index(*flags); }; });
}

}  // namespace gannet::cli
