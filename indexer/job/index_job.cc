#include "indexer/job/index_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/checksum.h"
#include "base/format.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/status.h"
#include "indexer/filter/document_set.h"

namespace gannet::indexer {
namespace {

constexpr size_t kMaxSkippedExamples = 5;
constexpr size_t kMaxBlockRecords = 16'384;  // Those that need no encoding included.
constexpr size_t kMaxBlockBytes = 64 << 20;  // Begun; the last document may go beyond.
constexpr size_t kBytesPerToken = 4;         // As English has; only to size blocks.

// Of blocks whose size is left to the job.
constexpr double kBlockSeconds = 0.025;
constexpr size_t kMinBlockTokensPerThread = 512;
constexpr size_t kMaxBlockTokens = 65'536;

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The hash over all records so far, with one more: a document, or nullptr for a bad record.
std::string ConsumeRecord(const std::string& consumed, const Document* document) {
  base::Fingerprinter fingerprint;
  fingerprint.UpdateField(consumed);
  if (document != nullptr) {
    for (const std::string* field :
         {&document->id, &document->title, &document->text, &document->metadata_json}) {
      fingerprint.UpdateField(*field);
    }
  }
  return fingerprint.HexDigest();
}

// One record of the input on its way through a block.
struct Record {
  enum class Kind { kNew, kUnchanged, kOtherShard, kBad };

  Kind kind = Kind::kNew;
  Document document;     // kNew
  bool empty = false;    // Neither title nor text.
  std::string place;     // kNew
  absl::Status problem;  // kBad
  std::string consumed;  // Hash over the records up to this one.
};

class IndexJob {
 public:
  IndexJob(const encoder::Embedder& model, Collection& collection, const IndexJobOptions& options,
           base::ThreadPool& pool, CorpusReader reader)
      : model_(model),
        collection_(collection),
        options_(options),
        pool_(pool),
        reader_(std::move(reader)),
        block_tokens_(options.block_tokens != 0 ? options.block_tokens
                                                : MinBlockTokens(pool.threads())) {}

  absl::StatusOr<IndexReport> Run();

 private:
  // What a read of the input gave: a document, a bad record (problem), or the end (neither).
  struct Read {
    std::optional<Document> document;
    absl::Status problem;

    bool at_end() const { return !document.has_value() && problem.ok(); }
  };

  absl::Status Begin();
  absl::Status BeginAnew(std::string notice);
  // Passes over the records that earlier runs are done with. False, with a notice for BeginAnew,
  // when they are not what they were.
  absl::StatusOr<bool> SkipConsumed(std::string& notice);

  absl::Status IndexAll();
  absl::StatusOr<Read> ReadRecord();
  // Fills block_ with the next records. False at the end of the input.
  absl::StatusOr<bool> ReadBlock();
  absl::StatusOr<Record> Classify(Read read);
  // Whether a record before this one in the same input brought the id. `known` is the key that the
  // id has in the collection.
  bool IsRepeated(std::optional<DocumentKey> known);

  absl::Status StoreBlock();
  // Takes more or less into the next block, after one that took so long.
  void AdaptBlocks(double seconds);
  static size_t MinBlockTokens(int threads) {
    return kMinBlockTokensPerThread * static_cast<size_t>(threads);
  }
  // What of the block is to be encoded.
  std::vector<std::string> NewTexts() const;
  absl::StatusOr<std::vector<encoder::TextVectors>> EmbedBlock(
      std::span<const std::string_view> texts);
  // What was computed for a new record.
  struct NewVectors {
    encoder::TextVectors* vectors = nullptr;
    absl::StatusOr<std::string>* terms = nullptr;  // Null where no terms are kept.
  };
  // Counts a record and, where it is to be stored, adds it to `good`. An error ends the block.
  absl::Status Settle(Record& record, const NewVectors& encoded,
                      std::vector<EmbeddedDocument>& good);
  absl::Status SettleNew(Record& record, const NewVectors& encoded,
                         std::vector<EmbeddedDocument>& good);
  absl::Status SettleBad(const absl::Status& problem);
  absl::Status PutWithLedger(std::span<const EmbeddedDocument> documents);
  absl::Status Finish();

  void StartProgress();
  bool MustStop() const { return options_.stop && options_.stop(); }

  const encoder::Embedder& model_;
  Collection& collection_;
  const IndexJobOptions& options_;
  base::ThreadPool& pool_;
  CorpusReader reader_;
  std::optional<base::Progress> progress_;

  JobLedger ledger_;         // As of the last record that was settled.
  std::string stored_json_;  // As it lies in the collection.
  std::string consumed_;     // Hash over the records that were read.
  DocumentSet before_;       // Documents stored before the job whose ids its records brought.
  size_t block_tokens_;      // Of the next block, about.
  std::vector<Record> block_;
  std::unordered_set<std::string> block_ids_;             // Of what the block stores.
  std::vector<absl::StatusOr<std::string>> block_terms_;  // Of its new texts.
  IndexReport report_;
};

absl::StatusOr<IndexReport> IndexJob::Run() {
  const Clock::time_point start = Clock::now();
  GANNET_RETURN_IF_ERROR(Begin());
  if (!report_.stopped) GANNET_RETURN_IF_ERROR(IndexAll());
  report_.seconds = SecondsSince(start);
  if (progress_) progress_->Finish();
  if (!report_.stopped) GANNET_RETURN_IF_ERROR(Finish());
  report_.counts = ledger_.counts;
  report_.format = reader_.format();
  return report_;
}

void IndexJob::StartProgress() {
  if (options_.progress == ProgressDisplay::kNone) return;
  progress_.emplace(base::Progress::Options{.label = "indexing",
                                            .unit = "documents",
                                            .total = reader_.bytes_total(),
                                            .first_position = reader_.bytes_read(),
                                            .first_items = ledger_.counts.documents});
}

// ---- Where to begin.

absl::Status IndexJob::Begin() {
  GANNET_ASSIGN_OR_RETURN(const std::optional<std::string> state,
                          collection_.ReadCheckpoint(JobLedger::kCheckpointName));
  if (!state.has_value()) return BeginAnew("");
  stored_json_ = *state;
  GANNET_ASSIGN_OR_RETURN(ledger_, JobLedger::Parse(*state));
  if (ledger_.shard != options_.shard) {
    return absl::FailedPreconditionError(
        fmt::format("the collection holds shard {} of an input; shard {} needs a folder of its own",
                    ledger_.shard.ToString(), options_.shard.ToString()));
  }
  if (ledger_.finished) return BeginAnew("");
  if (collection_.next_key() > ledger_.base_key + ledger_.records) {
    return BeginAnew("documents were added by others since the unfinished run");
  }
  std::string notice;
  GANNET_ASSIGN_OR_RETURN(const bool same, SkipConsumed(notice));
  if (report_.stopped) return absl::OkStatus();
  if (!same) return BeginAnew(std::move(notice));
  StartProgress();
  return absl::OkStatus();
}

absl::Status IndexJob::BeginAnew(std::string notice) {
  if (!consumed_.empty()) {  // Something was read already.
    GANNET_ASSIGN_OR_RETURN(reader_, CorpusReader::Open(options_.corpus));
  }
  if (!notice.empty()) {
    report_.notice = fmt::format("the job begins anew: {}", notice);
    base::LogWarning(report_.notice);
  }
  report_.resumed_records = 0;
  consumed_.clear();
  before_ = DocumentSet();
  ledger_ = {.shard = options_.shard,
             .base_key = collection_.next_key(),
             .records = 0,
             .consumed = {},
             .first = {},
             .finished = false,
             .counts = {}};
  StartProgress();
  return absl::OkStatus();
}

absl::StatusOr<bool> IndexJob::SkipConsumed(std::string& notice) {
  if (options_.progress != ProgressDisplay::kNone) {
    base::LogInfo(fmt::format("an earlier run is done with {} records: passing over them",
                              base::GroupThousands(ledger_.records)));
  }
  constexpr uint64_t kLookUpEvery = 1024;
  const bool from_standard_input =
      std::ranges::find(options_.corpus.inputs, "-") != options_.corpus.inputs.end();
  for (uint64_t i = 0; i < ledger_.records; ++i) {
    if (i % kLookUpEvery == 0) {
      report_.stopped = MustStop();
      if (report_.stopped) return true;
    }
    GANNET_ASSIGN_OR_RETURN(const Read read, ReadRecord());
    if (!read.at_end()) {
      consumed_ = ConsumeRecord(consumed_, read.document ? &*read.document : nullptr);
    }
    const bool last = i + 1 == ledger_.records;
    const bool same = !read.at_end() && (i > 0 || consumed_ == ledger_.first) &&
                      (!last || consumed_ == ledger_.consumed);
    if (!same) {
      notice = fmt::format(
          "the input is not the one of the unfinished run, or has changed within the {} records "
          "that it was done with",
          base::GroupThousands(ledger_.records));
      if (!from_standard_input) return false;
      return absl::FailedPreconditionError(fmt::format("standard input: {}", notice));
    }
    if (read.document && ledger_.base_key > 0 && options_.shard.Takes(read.document->id)) {
      GANNET_ASSIGN_OR_RETURN(const auto known, collection_.FindKey(read.document->id));
      if (known.has_value() && *known < ledger_.base_key) before_.Add(*known);
    }
  }
  report_.resumed_records = ledger_.records;
  return true;
}

// ---- Reading.

absl::StatusOr<IndexJob::Read> IndexJob::ReadRecord() {
  absl::StatusOr<std::optional<Document>> document = reader_.Next();
  if (document.ok()) return Read{.document = *std::move(document), .problem = {}};
  if (absl::IsInvalidArgument(document.status())) {
    return Read{.document = {}, .problem = document.status()};
  }
  return document.status();
}

absl::Status IndexJob::IndexAll() {
  for (;;) {
    report_.stopped = MustStop();
    if (report_.stopped) return absl::OkStatus();
    const absl::StatusOr<bool> more = ReadBlock();
    // What was read before an error is good: it is stored before the error is reported.
    const Clock::time_point start = Clock::now();
    GANNET_RETURN_IF_ERROR(StoreBlock());
    AdaptBlocks(SecondsSince(start));
    GANNET_RETURN_IF_ERROR(more.status());
    if (progress_) progress_->Update(reader_.bytes_read(), ledger_.counts.documents);
    if (!*more) return absl::OkStatus();
  }
}

void IndexJob::AdaptBlocks(double seconds) {
  if (options_.block_tokens != 0) return;
  // One block says little: the size changes to half or double at most.
  const double ratio = std::clamp(kBlockSeconds / seconds, 0.5, 2.0);
  const auto tokens = static_cast<size_t>(static_cast<double>(block_tokens_) * ratio);
  block_tokens_ = std::clamp(tokens, MinBlockTokens(pool_.threads()), kMaxBlockTokens);
}

absl::StatusOr<bool> IndexJob::ReadBlock() {
  block_.clear();
  const bool truncates =
      collection_.schema().long_text.strategy == encoder::LongTextOptions::Strategy::kTruncate;
  const size_t most_tokens_read =
      std::max(model_.max_tokens(), options_.terms != nullptr ? encoder::kMaxTermTokens : 0);
  const size_t most_text_read =
      truncates && model_.max_tokens() > 0 ? kBytesPerToken * most_tokens_read : kMaxBlockBytes;
  size_t bytes = 0, tokens = 0;
  while (tokens < block_tokens_ && bytes < kMaxBlockBytes && block_.size() < kMaxBlockRecords) {
    GANNET_ASSIGN_OR_RETURN(Read read, ReadRecord());
    if (read.at_end()) return false;
    GANNET_ASSIGN_OR_RETURN(Record record, Classify(std::move(read)));
    const Document& document = record.document;
    const size_t text = document.title.size() + document.text.size();
    bytes += text + document.metadata_json.size();
    if (record.kind == Record::Kind::kNew) {
      tokens += 1 + std::min(text, most_text_read) / kBytesPerToken;
    }
    const bool bad = record.kind == Record::Kind::kBad;
    block_.push_back(std::move(record));
    if (bad && options_.bad_records == BadRecordPolicy::kStop) break;
  }
  return true;
}

absl::StatusOr<Record> IndexJob::Classify(Read read) {
  Record record;
  consumed_ = ConsumeRecord(consumed_, read.document ? &*read.document : nullptr);
  record.consumed = consumed_;
  if (!read.document) {
    record.kind = Record::Kind::kBad;
    record.problem = std::move(read.problem);
    return record;
  }
  Document& document = *read.document;
  if (!options_.shard.Takes(document.id)) {
    record.kind = Record::Kind::kOtherShard;
    return record;
  }
  record.empty = document.title.empty() && document.text.empty();
  record.place = reader_.place();
  GANNET_ASSIGN_OR_RETURN(const auto known, collection_.FindKey(document.id));
  if (IsRepeated(known)) {
    record.kind = Record::Kind::kBad;
    record.problem = absl::InvalidArgumentError(
        fmt::format("{}: id \"{}\" was there before", record.place, document.id));
    return record;
  }
  if (known.has_value()) {
    GANNET_ASSIGN_OR_RETURN(const bool stored, collection_.Contains(document));
    if (stored) {
      record.kind = Record::Kind::kUnchanged;
      return record;
    }
  }
  record.document = std::move(document);
  return record;
}

bool IndexJob::IsRepeated(std::optional<DocumentKey> known) {
  if (!known.has_value()) return false;
  if (*known >= ledger_.base_key || before_.Contains(*known)) return true;
  before_.Add(*known);
  return false;
}

// ---- Storing.

std::vector<std::string> IndexJob::NewTexts() const {
  std::vector<std::string> texts;
  for (const Record& record : block_) {
    if (record.kind == Record::Kind::kNew) texts.push_back(EmbeddedText(record.document));
  }
  return texts;
}

absl::StatusOr<std::vector<encoder::TextVectors>> IndexJob::EmbedBlock(
    std::span<const std::string_view> texts) {
  if (texts.empty()) return std::vector<encoder::TextVectors>();
  base::Log(base::LogLevel::kDebug,
            fmt::format("encoding {} documents, records {} to {}", texts.size(), ledger_.records,
                        ledger_.records + block_.size() - 1));
  report_.encoded += texts.size();
  return model_.EmbedLong(texts, encoder::TextRole::kDocument, collection_.schema().long_text,
                          pool_);
}

absl::Status IndexJob::StoreBlock() {
  if (block_.empty()) return absl::OkStatus();
  const std::vector<std::string> texts = NewTexts();
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  GANNET_ASSIGN_OR_RETURN(std::vector<encoder::TextVectors> vectors, EmbedBlock(views));
  if (options_.terms != nullptr) {
    block_terms_ = encoder::EncodePackedTerms(*options_.terms, views,
                                              collection_.schema().terms->format, pool_);
  }
  std::vector<EmbeddedDocument> good;
  block_ids_.clear();
  size_t next = 0;
  absl::Status status;
  for (Record& record : block_) {
    NewVectors encoded;
    if (record.kind == Record::Kind::kNew) {
      encoded.vectors = &vectors[next];
      if (options_.terms != nullptr) encoded.terms = &block_terms_[next];
      ++next;
    }
    status = Settle(record, encoded, good);
    if (!status.ok()) break;
    if (ledger_.records++ == 0) ledger_.first = record.consumed;
    ledger_.consumed = std::move(record.consumed);
  }
  // Until something is stored, an earlier ledger still says what is.
  if (!good.empty()) GANNET_RETURN_IF_ERROR(PutWithLedger(good));
  return status;
}

absl::Status IndexJob::Settle(Record& record, const NewVectors& encoded,
                              std::vector<EmbeddedDocument>& good) {
  switch (record.kind) {
    case Record::Kind::kOtherShard:
      ++ledger_.counts.other_shards;
      return absl::OkStatus();
    case Record::Kind::kBad:
      return SettleBad(record.problem);
    case Record::Kind::kUnchanged:
      ++ledger_.counts.unchanged;
      ++ledger_.counts.documents;
      if (record.empty) ++ledger_.counts.empty_texts;
      return absl::OkStatus();
    case Record::Kind::kNew:
      return SettleNew(record, encoded, good);
  }
  return absl::OkStatus();
}

absl::Status IndexJob::SettleNew(Record& record, const NewVectors& encoded,
                                 std::vector<EmbeddedDocument>& good) {
  encoder::TextVectors& vectors = *encoded.vectors;
  const std::string& id = record.document.id;
  absl::Status status = vectors.status;
  if (encoded.terms != nullptr) status.Update(encoded.terms->status());
  if (!status.ok()) {
    return SettleBad(base::Annotate(status, fmt::format("{}: document \"{}\"", record.place, id)));
  }
  if (!block_ids_.insert(id).second) {
    return SettleBad(absl::InvalidArgumentError(
        fmt::format("{}: id \"{}\" was there before", record.place, id)));
  }
  IndexCounts& counts = ledger_.counts;
  counts.tokens_total += vectors.tokens.total;
  counts.tokens_read += vectors.tokens.read;
  counts.windows += vectors.windows;
  counts.blocks += vectors.tokens.blocks;
  report_.encoded_tokens += vectors.tokens.read;
  if (vectors.tokens.cut()) ++counts.cut_texts;
  if (vectors.windows > 1) ++counts.long_texts;
  ++counts.documents;
  if (record.empty) ++counts.empty_texts;
  good.push_back({.document = std::move(record.document),
                  .passages = std::move(vectors.spans),
                  .vectors = std::move(vectors.values),
                  .key = ledger_.base_key + ledger_.records,
                  .ordinal = ledger_.records});
  if (encoded.terms != nullptr) good.back().terms = *std::move(*encoded.terms);
  return absl::OkStatus();
}

absl::Status IndexJob::SettleBad(const absl::Status& problem) {
  if (options_.bad_records == BadRecordPolicy::kStop) return problem;
  IndexCounts& counts = ledger_.counts;
  ++counts.skipped_records;
  if (counts.skipped_examples.size() < kMaxSkippedExamples) {
    counts.skipped_examples.emplace_back(base::Message(problem));
  }
  return absl::OkStatus();
}

absl::Status IndexJob::PutWithLedger(std::span<const EmbeddedDocument> documents) {
  ledger_.counts.replaced_sequences = reader_.replaced_sequences();
  const Checkpoint checkpoint{.name = JobLedger::kCheckpointName, .state = ledger_.ToJson()};
  GANNET_RETURN_IF_ERROR(collection_.Put(documents, &checkpoint));
  stored_json_ = checkpoint.state;
  return absl::OkStatus();
}

absl::Status IndexJob::Finish() {
  ledger_.counts.replaced_sequences = reader_.replaced_sequences();
  if (options_.before_publish) options_.before_publish();
  const Clock::time_point start = Clock::now();
  GANNET_RETURN_IF_ERROR(collection_.Publish(pool_).status());
  report_.publish_seconds = SecondsSince(start);
  // A run that found nothing new leaves the ledger of the one before, which says under which keys
  // this input is stored: shards can be merged by it.
  if (!stored_json_.empty()) {
    GANNET_ASSIGN_OR_RETURN(const JobLedger stored, JobLedger::Parse(stored_json_));
    if (stored.finished && stored.consumed == ledger_.consumed) return absl::OkStatus();
  }
  ledger_.finished = true;
  return PutWithLedger({});
}

}  // namespace

absl::StatusOr<IndexReport> RunIndexJob(const encoder::Embedder& model, Collection& collection,
                                        const IndexJobOptions& options, base::ThreadPool& pool) {
  if (collection.schema().model_fingerprint != model.fingerprint()) {
    return absl::FailedPreconditionError(
        fmt::format("made with model {} (fingerprint {}), not with {} (fingerprint {})",
                    collection.schema().model_name, collection.schema().model_fingerprint,
                    model.name(), model.fingerprint()));
  }
  const std::optional<TermSchema>& terms = collection.schema().terms;
  if (options.terms != nullptr) GANNET_RETURN_IF_ERROR(CheckTermModel(terms, *options.terms));
  if (options.terms == nullptr && terms) {
    return absl::FailedPreconditionError(
        fmt::format("keeps terms of model {}, layer {} (fingerprint {}): they are made with its "
                    "documents, by that model",
                    terms->model_name, terms->options.join_layer, terms->model_fingerprint));
  }
  GANNET_ASSIGN_OR_RETURN(CorpusReader reader, CorpusReader::Open(options.corpus));
  return IndexJob(model, collection, options, pool, std::move(reader)).Run();
}

}  // namespace gannet::indexer
