#include "indexer/job/merge_shards.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "base/progress.h"
#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection/copy_files.h"
#include "indexer/job/job_ledger.h"

namespace gannet::indexer {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadAhead = 128;        // Documents of each shard.
constexpr size_t kBlockDocuments = 1024;  // Of one atomic batch,
constexpr size_t kBlockBytes = 16 << 20;  // or so many bytes.

absl::Status Refused(const fs::path& folder, std::string_view why) {
  return absl::FailedPreconditionError(fmt::format("{}: {}", folder.string(), why));
}

// The documents of one shard, in the order of their keys.
class ShardReader {
 public:
  static absl::StatusOr<ShardReader> Open(const fs::path& folder) {
    ShardReader reader;
    reader.folder_ = folder;
    GANNET_ASSIGN_OR_RETURN(reader.collection_, Collection::Open(folder));
    GANNET_ASSIGN_OR_RETURN(const auto state,
                            reader.collection_->ReadCheckpoint(JobLedger::kCheckpointName));
    if (!state.has_value()) return Refused(folder, "not made by an indexing job");
    absl::StatusOr<JobLedger> ledger = JobLedger::Parse(*state);
    if (!ledger.ok()) return base::Annotate(ledger.status(), folder.string());
    if (!ledger->finished) return Refused(folder, "its indexing job is not finished");
    reader.ledger_ = *std::move(ledger);
    return reader;
  }

  // The document that comes next, or nullptr behind the last.
  absl::StatusOr<const StoredDocument*> Peek() {
    if (next_ == documents_.size()) GANNET_RETURN_IF_ERROR(ReadOn());
    return next_ < documents_.size() ? &documents_[next_] : nullptr;
  }
  StoredDocument Take() {
    after_ = documents_[next_].key;
    return std::move(documents_[next_++]);
  }

  const fs::path& folder() const { return folder_; }
  const Collection& collection() const { return *collection_; }
  const JobLedger& ledger() const { return ledger_; }

 private:
  absl::Status ReadOn() {
    documents_.clear();
    next_ = 0;
    GANNET_ASSIGN_OR_RETURN(const auto scanned, collection_->Scan(after_, kReadAhead));
    for (const Collection::ScannedDocument& document : scanned) {
      GANNET_ASSIGN_OR_RETURN(documents_.emplace_back(), collection_->GetStored(document.key));
    }
    return absl::OkStatus();
  }

  fs::path folder_;
  std::unique_ptr<Collection> collection_;
  JobLedger ledger_;
  std::vector<StoredDocument> documents_;
  size_t next_ = 0;
  std::optional<DocumentKey> after_;
};

// Whether `other` is part of the same whole as `first`.
absl::Status CheckFits(const ShardReader& first, const ShardReader& other) {
  const auto differ = [&](std::string_view what, const auto& here, const auto& there) {
    return Refused(other.folder(), fmt::format("its {} is {}, that of {} is {}", what, here,
                                               first.folder().string(), there));
  };
  const CollectionSchema& a = first.collection().schema();
  const CollectionSchema& b = other.collection().schema();
  if (a.model_fingerprint != b.model_fingerprint) {
    return differ("model's fingerprint", b.model_fingerprint, a.model_fingerprint);
  }
  if (a.vector_format != b.vector_format) {
    return differ("vector format", VectorFormatName(b.vector_format),
                  VectorFormatName(a.vector_format));
  }
  if (a.long_text != b.long_text) {
    return differ("treatment of long texts", b.long_text.ToString(), a.long_text.ToString());
  }
  if (a.index != b.index) return differ("index", b.index, a.index);
  const JobLedger& x = first.ledger();
  const JobLedger& y = other.ledger();
  if (x.records != y.records) return differ("number of input records", y.records, x.records);
  if (x.consumed != y.consumed) return differ("input's hash", y.consumed, x.consumed);
  if (x.base_key != y.base_key) return differ("first key", y.base_key, x.base_key);
  if (x.shard.count != y.shard.count)
    return differ("number of shards", y.shard.count, x.shard.count);
  return absl::OkStatus();
}

absl::Status CheckComplete(const std::vector<ShardReader>& shards) {
  const Shard whole = shards.front().ledger().shard;
  std::vector<const ShardReader*> there(whole.count);
  for (const ShardReader& shard : shards) {
    GANNET_RETURN_IF_ERROR(CheckFits(shards.front(), shard));
    const ShardReader*& place = there[shard.ledger().shard.index];
    if (place != nullptr) {
      return Refused(shard.folder(),
                     fmt::format("shard {}, as {} is", shard.ledger().shard.ToString(),
                                 place->folder().string()));
    }
    place = &shard;
  }
  for (uint32_t i = 0; i < whole.count; ++i) {
    if (there[i] == nullptr) {
      return absl::FailedPreconditionError(fmt::format("shard {}/{} is missing", i, whole.count));
    }
  }
  return absl::OkStatus();
}

// What the ledger of the unsharded job would say.
JobLedger WholeLedger(const std::vector<ShardReader>& shards) {
  JobLedger whole = shards.front().ledger();
  whole.shard = {};
  whole.counts = {};
  for (const ShardReader& shard : shards) {
    const IndexCounts& counts = shard.ledger().counts;
    whole.counts.documents += counts.documents;
    whole.counts.unchanged += counts.unchanged;
    whole.counts.empty_texts += counts.empty_texts;
    whole.counts.cut_texts += counts.cut_texts;
    whole.counts.tokens_read += counts.tokens_read;
    // Every shard sees every record: those that are unreadable are bad in each of them.
    whole.counts.replaced_sequences = counts.replaced_sequences;
  }
  whole.counts.skipped_records = whole.records - whole.counts.documents;
  whole.counts.skipped_examples = shards.front().ledger().counts.skipped_examples;
  return whole;
}

class Merge {
 public:
  Merge(std::vector<ShardReader> shards, Collection& target, ProgressDisplay progress)
      : shards_(std::move(shards)), target_(target) {
    if (progress == ProgressDisplay::kNone) return;
    uint64_t documents = 0;
    for (const ShardReader& shard : shards_) documents += shard.collection().size();
    progress_.emplace(
        base::Progress::Options{.label = "merging", .unit = "documents", .total = documents});
  }

  absl::StatusOr<MergeReport> Run(base::ThreadPool& pool) {
    const JobLedger ledger = WholeLedger(shards_);
    for (;;) {
      GANNET_ASSIGN_OR_RETURN(ShardReader* const shard, NextShard());
      if (shard == nullptr) break;
      GANNET_RETURN_IF_ERROR(Add(shard->Take()));
    }
    GANNET_RETURN_IF_ERROR(Flush());
    if (progress_) progress_->Finish();
    GANNET_RETURN_IF_ERROR(target_.Publish(pool).status());
    const Checkpoint checkpoint{.name = JobLedger::kCheckpointName, .state = ledger.ToJson()};
    GANNET_RETURN_IF_ERROR(target_.PutStored({}, &checkpoint));
    return report_;
  }

 private:
  // The shard whose next document has the smallest key; nullptr when all are read.
  absl::StatusOr<ShardReader*> NextShard() {
    ShardReader* best = nullptr;
    DocumentKey best_key = 0;
    for (ShardReader& shard : shards_) {
      GANNET_ASSIGN_OR_RETURN(const StoredDocument* const document, shard.Peek());
      if (document == nullptr || (best != nullptr && document->key > best_key)) continue;
      best = &shard;
      best_key = document->key;
    }
    return best;
  }

  absl::Status Add(StoredDocument document) {
    ++report_.documents;
    report_.passages += document.passages.size();
    block_bytes_ += document.document.text.size() + document.vectors.size();
    block_.push_back(std::move(document));
    const bool full = block_.size() == kBlockDocuments || block_bytes_ >= kBlockBytes;
    return full ? Flush() : absl::OkStatus();
  }

  absl::Status Flush() {
    if (!block_.empty()) GANNET_RETURN_IF_ERROR(target_.PutStored(block_));
    block_.clear();
    block_bytes_ = 0;
    if (progress_) progress_->Update(report_.documents, report_.documents);
    return absl::OkStatus();
  }

  std::vector<ShardReader> shards_;
  Collection& target_;
  std::optional<base::Progress> progress_;
  std::vector<StoredDocument> block_;
  size_t block_bytes_ = 0;
  MergeReport report_;
};

absl::StatusOr<MergeReport> MergeInto(const fs::path& folder, std::vector<ShardReader> shards,
                                      ProgressDisplay progress, base::ThreadPool& pool) {
  const CollectionSchema schema = shards.front().collection().schema();
  GANNET_ASSIGN_OR_RETURN(const auto target,
                          Collection::OpenOrCreate(folder, schema, {.access = Access::kIndexing}));
  return Merge(std::move(shards), *target, progress).Run(pool);
}

}  // namespace

absl::StatusOr<MergeReport> MergeShards(const fs::path& folder, const std::vector<fs::path>& shards,
                                        ProgressDisplay progress, base::ThreadPool& pool) {
  const auto start = std::chrono::steady_clock::now();
  if (shards.empty()) return absl::InvalidArgumentError("no shard to merge");
  std::vector<ShardReader> readers;
  for (const fs::path& shard : shards) {
    GANNET_ASSIGN_OR_RETURN(readers.emplace_back(), ShardReader::Open(shard));
  }
  GANNET_RETURN_IF_ERROR(CheckComplete(readers));

  GANNET_ASSIGN_OR_RETURN(NewFolder made, NewFolder::Begin(folder));
  GANNET_ASSIGN_OR_RETURN(MergeReport report,
                          MergeInto(made.path(), std::move(readers), progress, pool));
  GANNET_RETURN_IF_ERROR(made.Finish());
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace gannet::indexer
