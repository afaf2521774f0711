#ifndef GANNET_TESTS_INDEXER_JOB_LEDGER_COLLECTION_H_
#define GANNET_TESTS_INDEXER_JOB_LEDGER_COLLECTION_H_

#include <map>
#include <string>
#include <utility>

#include "tests/testing/unimplemented_collection.h"

namespace gannet::testing {

// As much of a collection as an indexing job uses, in memory. Copies are what a disk would hold at
// that moment.
class LedgerCollection final : public UnimplementedCollection {
 public:
  explicit LedgerCollection(indexer::CollectionSchema schema) : schema_(std::move(schema)) {}

  const indexer::CollectionSchema& schema() const override { return schema_; }
  uint64_t size() const override { return documents_.size(); }
  indexer::DocumentKey next_key() const override { return next_key_; }

  absl::StatusOr<std::optional<indexer::DocumentKey>> FindKey(std::string_view id) const override {
    const auto found = keys_.find(std::string(id));
    return found != keys_.end() ? std::optional(found->second) : std::nullopt;
  }

  absl::StatusOr<bool> Contains(const indexer::Document& document) const override {
    const auto key = keys_.find(document.id);
    return key != keys_.end() && documents_.at(key->second).document == document;
  }

  absl::StatusOr<std::optional<std::string>> ReadCheckpoint(std::string_view name) const override {
    const auto found = checkpoints_.find(std::string(name));
    return found != checkpoints_.end() ? std::optional(found->second) : std::nullopt;
  }

  absl::Status Put(std::span<const indexer::EmbeddedDocument> documents,
                   const indexer::Checkpoint* checkpoint) override {
    if (puts_left_ == 0) return absl::UnavailableError("killed");
    --puts_left_;
    for (const indexer::EmbeddedDocument& document : documents) {
      const indexer::DocumentKey key = document.key.value_or(next_key_);
      if (key < next_key_) return absl::InvalidArgumentError("a key that was given already");
      const auto known = keys_.find(document.document.id);
      if (known != keys_.end()) documents_.erase(known->second);
      keys_[document.document.id] = key;
      documents_[key] = document;
      next_key_ = key + 1;
    }
    if (checkpoint != nullptr) checkpoints_[checkpoint->name] = checkpoint->state;
    return absl::OkStatus();
  }

  absl::StatusOr<indexer::MaintenanceReport> Publish(base::ThreadPool&) override {
    ++published_;
    return indexer::MaintenanceReport();
  }

  absl::StatusOr<indexer::SearchAnswer> Search(std::span<const float>,
                                               const indexer::CollectionSearch&) const override {
    return absl::UnimplementedError("a collection without a search");
  }

  // So many Puts will succeed; then the process is as good as killed.
  void KillAfterPuts(uint64_t puts) { puts_left_ = puts; }

  const std::map<indexer::DocumentKey, indexer::EmbeddedDocument>& documents() const {
    return documents_;
  }
  int published() const { return published_; }

 private:
  indexer::CollectionSchema schema_;
  std::map<indexer::DocumentKey, indexer::EmbeddedDocument> documents_;
  std::map<std::string, indexer::DocumentKey> keys_;
  std::map<std::string, std::string> checkpoints_;
  indexer::DocumentKey next_key_ = 0;
  uint64_t puts_left_ = ~uint64_t{0};
  int published_ = 0;
};

}  // namespace gannet::testing

#endif  // GANNET_TESTS_INDEXER_JOB_LEDGER_COLLECTION_H_
