#ifndef GANNET_INDEXER_COLLECTION_STORED_COLLECTION_H_
#define GANNET_INDEXER_COLLECTION_STORED_COLLECTION_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "indexer/collection.h"
#include "indexer/collection/commit_queue.h"
#include "indexer/collection/recall.h"
#include "indexer/collection/search_view.h"
#include "indexer/collection/segment_files.h"
#include "indexer/collection/view.h"
#include "indexer/filter/field_index.h"
#include "indexer/store/store.h"

namespace gannet::indexer {

// The files of a collection inside its folder.
struct CollectionPaths {
  explicit CollectionPaths(const std::filesystem::path& folder)
      : store(folder / "store"), segments(folder / "segments"), seal(folder / "seal") {}

  std::filesystem::path store;
  std::filesystem::path segments;
  std::filesystem::path seal;
};

// What opening a collection comes to.
struct OpenedCollection {
  std::unique_ptr<Store> store;
  CollectionSchema schema;
  std::shared_ptr<const View> view;
  std::vector<std::string> report;
};

absl::StatusOr<Totals> ReadTotals(const Store& store);

// Brings the segments and the growing part of a store into a view; mends segments where the access
// allows it, and adds to `report` what it found.
absl::StatusOr<std::shared_ptr<const View>> LoadView(const std::filesystem::path& folder,
                                                     const CollectionOptions& options,
                                                     const CollectionSchema& schema, Store& store,
                                                     std::vector<std::string>& report);

// Opens the store and loads its view.
absl::StatusOr<OpenedCollection> OpenParts(const std::filesystem::path& folder,
                                           const CollectionOptions& options);

// The values of fields, read from a store.
class StoredFields final : public FieldSource {
 public:
  explicit StoredFields(const Store& store) : store_(store) {}

  absl::Status VisitField(
      std::string_view field,
      absl::FunctionRef<void(const FieldValue&, DocumentKey)> visit) const override;
  absl::Status VisitDocuments(absl::FunctionRef<void(DocumentKey)> visit) const override;

 private:
  const Store& store_;
};

// A collection over a RocksDB store and segment files.
//
// Writers meet in the commit queue: one of them at a time applies a group of changes to a
// transaction, derives the next view from it, commits, and publishes the view. Searches take the
// view there is and keep it. Whatever replaces segments (Maintain, Publish, Compact) builds from a
// snapshot of the store beside all that, and swaps the result in by a change of its own.
class StoredCollection final : public Collection {
 public:
  StoredCollection(const std::filesystem::path& folder, const CollectionOptions& options,
                   OpenedCollection opened);
  ~StoredCollection() override;

  const CollectionSchema& schema() const override { return schema_; }
  uint64_t size() const override { return CurrentView()->totals.documents; }
  DocumentKey next_key() const override { return CurrentView()->totals.next_key; }
  CollectionHealth health() const override;

  absl::StatusOr<bool> Contains(const Document& document) const override;
  absl::Status Put(std::span<const EmbeddedDocument> documents,
                   const Checkpoint* checkpoint) override;
  absl::Status PutStored(std::span<const StoredDocument> documents,
                         const Checkpoint* checkpoint) override;
  absl::StatusOr<std::optional<std::string>> ReadCheckpoint(std::string_view name) const override;
  absl::StatusOr<uint64_t> Delete(std::span<const std::string> ids) override;
  absl::StatusOr<uint64_t> DeleteWhere(const Filter& filter) override;
  absl::Status UpdateMetadata(std::string_view id, std::string_view merge_patch_json) override;

  absl::StatusOr<Document> Get(DocumentKey key) const override;
  absl::StatusOr<std::string> GetId(DocumentKey key) const override;
  absl::StatusOr<StoredDocument> GetStored(DocumentKey key) const override;
  absl::StatusOr<std::vector<Passage>> GetPassages(DocumentKey key) const override;
  absl::StatusOr<std::optional<DocumentKey>> FindKey(std::string_view id) const override;
  absl::StatusOr<std::vector<ScannedDocument>> Scan(std::optional<DocumentKey> after,
                                                    size_t limit) const override;
  absl::StatusOr<uint64_t> Count(const Filter& filter) const override;

  absl::StatusOr<SearchAnswer> Search(std::span<const float> query,
                                      const CollectionSearch& search) const override;

  absl::StatusOr<MaintenanceReport> Maintain(base::ThreadPool& pool) override;
  absl::StatusOr<MaintenanceReport> Publish(base::ThreadPool& pool) override;
  absl::StatusOr<MaintenanceReport> Compact(base::ThreadPool& pool) override;
  absl::StatusOr<RecallFigures> MeasureRecall(const RecallMeasurement& measurement,
                                              base::ThreadPool& pool) override;
  absl::StatusOr<CollectionInfo> Info() const override;
  absl::Status Resume() override;
  absl::Status Snapshot(const std::filesystem::path& folder) override;
  absl::StatusOr<std::string> Digest() const override;

 private:
  // Changes.
  absl::Status Submit(absl::FunctionRef<absl::Status(Transaction&)> apply, size_t bytes);
  absl::Status SubmitAlone(absl::FunctionRef<absl::Status(Transaction&)> apply);
  void Commit(std::span<Change* const> group);
  absl::Status CommitTransaction(Transaction& transaction);
  void TurnReadOnly(const absl::Status& cause);
  absl::Status Reload();  // Requires maintenance_, and that no changes are accepted.
  absl::Status PutPrepared(std::vector<PreparedDocument> documents, const Checkpoint* checkpoint);

  // Searching.
  std::shared_ptr<const View> CurrentView() const;
  std::shared_ptr<FieldIndex> Fields() const;
  absl::Status CheckSearchable(const View& view) const;
  absl::StatusOr<std::vector<float>> PrepareQuery(std::span<const float> query) const;
  // A view and the documents of the same moment that the filter (which may be null) lets pass.
  struct FilteredView {
    std::shared_ptr<const View> view;
    std::optional<DocumentSet> passing;
  };
  absl::StatusOr<FilteredView> TakeView(const Filter* filter) const;
  void SampleForRecall(std::span<const float> query, const CollectionSearch& search) const;

  // Maintenance; all require maintenance_.
  struct RowRange {
    PassageKey first = 0;
    PassageKey last = 0;
    uint64_t most_rows = ~uint64_t{0};  // Of whole documents, from the first on.
  };
  absl::Status ReplaceRange(const RowRange& range, base::ThreadPool& pool);
  absl::StatusOr<SegmentSwap> BuildSwap(std::unique_ptr<StoreSnapshot> snapshot,
                                        const RowRange& range, base::ThreadPool& pool) const;
  absl::Status PublishSwap(SegmentSwap swap);
  absl::StatusOr<uint64_t> SealNext(uint64_t most_rows, base::ThreadPool& pool);
  absl::StatusOr<uint64_t> MergeOnce(base::ThreadPool& pool);
  absl::Status PublishAll(base::ThreadPool& pool, MaintenanceReport& report);
  absl::StatusOr<uint64_t> CompareSamples(base::ThreadPool& pool);
  absl::StatusOr<RecallFigures> CompareQueries(std::span<const RecallSample> samples,
                                               base::ThreadPool& pool) const;
  absl::Status CheckWritable() const;
  absl::Status Seal();

  const std::filesystem::path folder_;
  const CollectionPaths paths_;
  const CollectionOptions options_;
  const CollectionSchema schema_;
  const VectorShape shape_;
  const SegmentFiles files_;
  const std::vector<std::string> open_report_;
  const std::unique_ptr<Store> store_;
  const StoredFields stored_fields_;

  CommitQueue queue_;
  mutable std::mutex view_mutex_;  // Of the two below, held while a pointer is copied or set.
  std::shared_ptr<const View> view_;
  std::shared_ptr<FieldIndex> fields_;
  // Odd while *fields_ and view_ are brought to a new state one after the other.
  std::atomic<uint64_t> epoch_{0};

  mutable std::mutex health_mutex_;
  std::string read_only_because_;  // Empty while changes are accepted.

  // Held by what replaces segments, and by what needs them to stay: one at a time.
  mutable std::mutex maintenance_;
  // Only touched by committed changes: the documents deleted since a segment's rows were read.
  std::optional<std::vector<DocumentKey>> deleted_meanwhile_;
  uint64_t sealed_sequence_;  // That the seal file has; requires maintenance_.

  mutable RecallSampler sampler_;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_STORED_COLLECTION_H_
