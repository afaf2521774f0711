#include "indexer/job/term_job.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/progress.h"
#include "base/status.h"
#include "indexer/job/corpus_reader.h"

namespace gannet::indexer {
namespace {

constexpr char kCheckpointName[] = "terms";
constexpr size_t kMaxExamples = 5;
constexpr size_t kBlockDocuments = 64;
constexpr size_t kBlockBytes = 32 << 10;  // Of text, begun; the last document may go beyond.

class TermJob {
 public:
  TermJob(const encoder::TermEncoder& model, Collection& collection, const TermJobOptions& options,
          base::ThreadPool& pool)
      : model_(model), collection_(collection), options_(options), pool_(pool) {}

  absl::StatusOr<TermJobReport> Run();

 private:
  absl::Status ReadCheckpoint();
  // The next documents without terms, or none of some that have them.
  absl::Status ReadBlock();
  absl::Status StoreBlock();

  const encoder::TermEncoder& model_;
  Collection& collection_;
  const TermJobOptions& options_;
  base::ThreadPool& pool_;

  std::optional<DocumentKey> done_;  // All up to this key is done with.
  bool at_end_ = false;
  std::vector<DocumentKey> block_;
  std::vector<std::string> ids_;    // [block]
  std::vector<std::string> texts_;  // [block]
  TermJobReport report_;
};

absl::StatusOr<TermJobReport> TermJob::Run() {
  const auto start = std::chrono::steady_clock::now();
  GANNET_RETURN_IF_ERROR(ReadCheckpoint());
  GANNET_ASSIGN_OR_RETURN(const CollectionInfo info, collection_.Info());
  at_end_ = info.terms.documents == info.documents;
  std::optional<base::Progress> progress;
  if (options_.progress != ProgressDisplay::kNone) {
    progress.emplace(base::Progress::Options{.label = "adding terms",
                                             .unit = "documents",
                                             .total = info.documents,
                                             .first_position = info.terms.documents,
                                             .first_items = info.terms.documents});
  }
  while (!at_end_) {
    report_.stopped = options_.stop && options_.stop();
    if (report_.stopped) break;
    GANNET_RETURN_IF_ERROR(ReadBlock());
    if (!at_end_) GANNET_RETURN_IF_ERROR(StoreBlock());
    const uint64_t done = info.terms.documents + report_.documents + report_.without;
    if (progress) progress->Update(done, done);
  }
  if (progress) progress->Finish();
  if (at_end_ && done_.has_value()) {
    const Checkpoint removed{.name = kCheckpointName, .state = {}};
    GANNET_RETURN_IF_ERROR(collection_.PutTerms({}, &removed));
  }
  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report_;
}

absl::Status TermJob::ReadCheckpoint() {
  GANNET_ASSIGN_OR_RETURN(const auto state, collection_.ReadCheckpoint(kCheckpointName));
  if (!state.has_value()) return absl::OkStatus();
  DocumentKey key = 0;
  const char* const end = state->data() + state->size();
  const auto [stopped, error] = std::from_chars(state->data(), end, key);
  if (error != std::errc() || stopped != end) {
    return absl::DataLossError(
        fmt::format("checkpoint {}: \"{}\" is no key", kCheckpointName, *state));
  }
  done_ = key;
  return absl::OkStatus();
}

absl::Status TermJob::ReadBlock() {
  block_.clear();
  ids_.clear();
  texts_.clear();
  GANNET_ASSIGN_OR_RETURN(const auto scanned, collection_.Scan(done_, kBlockDocuments));
  at_end_ = scanned.empty();
  size_t bytes = 0;
  for (const Collection::ScannedDocument& document : scanned) {
    if (bytes >= kBlockBytes) break;
    done_ = document.key;
    GANNET_ASSIGN_OR_RETURN(const auto terms, collection_.GetTerms(document.key));
    if (terms.has_value()) continue;
    block_.push_back(document.key);
    ids_.push_back(document.document.id);
    texts_.push_back(EmbeddedText(document.document));
    bytes += texts_.back().size();
  }
  return absl::OkStatus();
}

absl::Status TermJob::StoreBlock() {
  const encoder::TermFormat format = collection_.schema().terms->format;
  const std::vector<std::string_view> views(texts_.begin(), texts_.end());
  auto packed = encoder::EncodePackedTerms(model_, views, format, pool_);
  std::vector<DocumentTerms> terms;
  for (size_t i = 0; i < packed.size(); ++i) {
    if (!packed[i].ok()) {
      ++report_.without;
      if (report_.examples.size() == kMaxExamples) continue;
      report_.examples.push_back(
          fmt::format("document \"{}\": {}", ids_[i], base::Message(packed[i].status())));
      continue;
    }
    GANNET_ASSIGN_OR_RETURN(const encoder::TermsOutline outline,
                            encoder::OutlineTerms(*packed[i], model_.width()));
    report_.tokens += outline.tokens;
    terms.push_back({.key = block_[i], .terms = *std::move(packed[i])});
  }
  report_.documents += terms.size();
  const Checkpoint checkpoint{.name = kCheckpointName, .state = fmt::format("{}", *done_)};
  return collection_.PutTerms(terms, &checkpoint);
}

}  // namespace

absl::StatusOr<TermJobReport> RunTermJob(const encoder::TermEncoder& model, Collection& collection,
                                         const TermJobOptions& options, base::ThreadPool& pool) {
  GANNET_RETURN_IF_ERROR(CheckTermModel(collection.schema().terms, model));
  return TermJob(model, collection, options, pool).Run();
}

}  // namespace gannet::indexer
