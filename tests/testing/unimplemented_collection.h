#ifndef GANNET_TESTS_TESTING_UNIMPLEMENTED_COLLECTION_H_
#define GANNET_TESTS_TESTING_UNIMPLEMENTED_COLLECTION_H_

#include "indexer/collection.h"

namespace gannet::testing {

// What collections of tests are made from: answers kUnimplemented to whatever a test does not need.
class UnimplementedCollection : public indexer::Collection {
 public:
  indexer::DocumentKey next_key() const override { return size(); }
  indexer::CollectionHealth health() const override {
    return {.writable = false, .reason = "test"};
  }
  absl::StatusOr<bool> Contains(const indexer::Document&) const override { return No(); }
  absl::Status Put(std::span<const indexer::EmbeddedDocument>,
                   const indexer::Checkpoint*) override {
    return No();
  }
  absl::Status PutStored(std::span<const indexer::StoredDocument>,
                         const indexer::Checkpoint*) override {
    return No();
  }
  absl::StatusOr<std::optional<std::string>> ReadCheckpoint(std::string_view) const override {
    return No();
  }
  absl::StatusOr<uint64_t> Delete(std::span<const std::string>) override { return No(); }
  absl::StatusOr<uint64_t> DeleteWhere(const indexer::Filter&) override { return No(); }
  absl::Status UpdateMetadata(std::string_view, std::string_view) override { return No(); }
  absl::StatusOr<indexer::Document> Get(indexer::DocumentKey) const override { return No(); }
  absl::StatusOr<std::string> GetId(indexer::DocumentKey) const override { return No(); }
  absl::StatusOr<indexer::StoredDocument> GetStored(indexer::DocumentKey) const override {
    return No();
  }
  absl::StatusOr<std::vector<indexer::Passage>> GetPassages(indexer::DocumentKey) const override {
    return No();
  }
  absl::StatusOr<std::optional<indexer::DocumentKey>> FindKey(std::string_view) const override {
    return No();
  }
  absl::StatusOr<std::vector<ScannedDocument>> Scan(std::optional<indexer::DocumentKey>,
                                                    size_t) const override {
    return No();
  }
  absl::StatusOr<uint64_t> Count(const indexer::Filter&) const override { return No(); }
  absl::StatusOr<indexer::MaintenanceReport> Maintain(base::ThreadPool&) override { return No(); }
  absl::StatusOr<indexer::MaintenanceReport> Publish(base::ThreadPool&) override { return No(); }
  absl::StatusOr<indexer::MaintenanceReport> Compact(base::ThreadPool&) override { return No(); }
  absl::StatusOr<indexer::RecallFigures> MeasureRecall(const indexer::RecallMeasurement&,
                                                       base::ThreadPool&) override {
    return No();
  }
  absl::StatusOr<indexer::CollectionInfo> Info() const override { return No(); }
  absl::Status Resume() override { return No(); }
  absl::Status Snapshot(const std::filesystem::path&) override { return No(); }
  absl::StatusOr<std::string> Digest() const override { return No(); }

 private:
  static absl::Status No() { return absl::UnimplementedError("a collection of a test"); }
};

}  // namespace gannet::testing

#endif  // GANNET_TESTS_TESTING_UNIMPLEMENTED_COLLECTION_H_
