#include "indexer/job/index_job.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/progress.h"
#include "base/status.h"
#include "indexer/job/corpus_reader.h"

namespace gannet::indexer {
namespace {

constexpr size_t kMaxSkippedExamples = 5;

// One run of the job: reads ahead one block, encodes what is new of it, stores it.
class IndexJob {
 public:
  IndexJob(const encoder::Embedder& model, Collection& collection, const IndexJobOptions& options,
           base::ThreadPool& pool, CorpusReader reader)
      : model_(model),
        collection_(collection),
        options_(options),
        pool_(pool),
        reader_(std::move(reader)) {
    if (options.progress == ProgressDisplay::kStandardError) {
      progress_.emplace(base::Progress::Options{
          .label = "indexing", .unit = "documents", .total = reader_.bytes_total()});
    }
  }

  absl::StatusOr<IndexReport> Run();

 private:
  // Fills block_ with the next documents that are not stored yet. False at the end of the input.
  absl::StatusOr<bool> ReadBlock();
  absl::StatusOr<std::optional<Document>> ReadGoodLine();
  absl::Status Skip(const absl::Status& reason);
  void Count(const Document& document);
  absl::Status StoreBlock();
  absl::StatusOr<encoder::Embeddings> EmbedBlock() const;

  const encoder::Embedder& model_;
  Collection& collection_;
  const IndexJobOptions& options_;
  base::ThreadPool& pool_;
  CorpusReader reader_;
  std::optional<base::Progress> progress_;
  std::unordered_set<std::string> seen_;  // Ids of this input.
  std::vector<Document> block_;
  std::vector<uint64_t> lines_;  // Of the documents in block_.
  IndexReport report_;
};

absl::StatusOr<IndexReport> IndexJob::Run() {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    const absl::StatusOr<bool> more = ReadBlock();
    // What was read before a bad line is good: it is stored before the error is reported.
    GANNET_RETURN_IF_ERROR(StoreBlock());
    GANNET_RETURN_IF_ERROR(more.status());
    if (progress_) progress_->Update(reader_.bytes_read(), report_.documents);
    if (!*more) break;
  }
  if (progress_) progress_->Finish();
  report_.replaced_bytes = reader_.replaced_bytes();
  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report_;
}

absl::StatusOr<bool> IndexJob::ReadBlock() {
  while (block_.size() < options_.block_documents) {
    GANNET_ASSIGN_OR_RETURN(std::optional<Document> document, ReadGoodLine());
    if (!document.has_value()) return false;
    GANNET_ASSIGN_OR_RETURN(const bool stored, collection_.Contains(*document));
    if (stored) {
      ++report_.unchanged;
      Count(*document);
    } else {
      block_.push_back(*std::move(document));
      lines_.push_back(reader_.line());
    }
  }
  return true;
}

// The next document whose `_id` is new in this input, past bad lines when they may be skipped.
absl::StatusOr<std::optional<Document>> IndexJob::ReadGoodLine() {
  for (;;) {
    absl::StatusOr<std::optional<Document>> document = reader_.Next();
    if (absl::IsInvalidArgument(document.status())) {
      GANNET_RETURN_IF_ERROR(Skip(document.status()));
    } else if (document.ok() && document->has_value() && !seen_.insert((*document)->id).second) {
      GANNET_RETURN_IF_ERROR(Skip(absl::InvalidArgumentError(
          fmt::format("{}:{}: field _id: \"{}\" was there before", options_.input.string(),
                      reader_.line(), (*document)->id))));
    } else {
      return document;
    }
  }
}

absl::Status IndexJob::Skip(const absl::Status& reason) {
  if (options_.bad_lines == BadLinePolicy::kStop) return reason;
  ++report_.skipped_lines;
  if (report_.skipped_examples.size() < kMaxSkippedExamples) {
    report_.skipped_examples.emplace_back(base::Message(reason));
  }
  return absl::OkStatus();
}

void IndexJob::Count(const Document& document) {
  ++report_.documents;
  if (document.title.empty() && document.text.empty()) ++report_.empty_texts;
}

absl::StatusOr<encoder::Embeddings> IndexJob::EmbedBlock() const {
  std::vector<std::string> texts;
  for (const Document& document : block_) texts.push_back(EmbeddedText(document));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return model_.Embed(views, encoder::TextRole::kDocument, pool_);
}

absl::Status IndexJob::StoreBlock() {
  if (block_.empty()) return absl::OkStatus();
  GANNET_ASSIGN_OR_RETURN(const encoder::Embeddings embeddings, EmbedBlock());
  std::vector<EmbeddedDocument> good;
  absl::Status status;
  for (size_t i = 0; i < block_.size(); ++i) {
    if (!embeddings.status(i).ok()) {
      status.Update(Skip(base::Annotate(
          embeddings.status(i), fmt::format("{}:{}: document \"{}\"", options_.input.string(),
                                            lines_[i], block_[i].id))));
      continue;
    }
    Count(block_[i]);
    report_.tokens_read += embeddings.tokens[i].read;
    if (embeddings.tokens[i].cut()) ++report_.cut_texts;
    const Passage passage{.first_byte = 0,
                          .bytes = EmbeddedText(block_[i]).size(),
                          .first_token = 0,
                          .tokens = embeddings.tokens[i].read};
    good.push_back({.document = std::move(block_[i]),
                    .passages = {passage},
                    .vectors = {embeddings[i].begin(), embeddings[i].end()}});
  }
  if (!good.empty()) GANNET_RETURN_IF_ERROR(collection_.Put(good));
  block_.clear();
  lines_.clear();
  return status;  // After what is good is stored.
}

}  // namespace

absl::StatusOr<IndexReport> RunIndexJob(const encoder::Embedder& model, Collection& collection,
                                        const IndexJobOptions& options, base::ThreadPool& pool) {
  if (collection.schema().model_fingerprint != model.fingerprint()) {
    return absl::FailedPreconditionError(
        fmt::format("the collection was made with model {} (fingerprint {}), not with {} ({})",
                    collection.schema().model_name, collection.schema().model_fingerprint,
                    model.name(), model.fingerprint()));
  }
  GANNET_ASSIGN_OR_RETURN(CorpusReader reader, CorpusReader::Open(options.input));
  return IndexJob(model, collection, options, pool, std::move(reader)).Run();
}

}  // namespace gannet::indexer
