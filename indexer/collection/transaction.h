#ifndef GANNET_INDEXER_COLLECTION_TRANSACTION_H_
#define GANNET_INDEXER_COLLECTION_TRANSACTION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "indexer/collection.h"
#include "indexer/collection/view.h"
#include "indexer/filter/field_index.h"
#include "indexer/store/record.h"
#include "indexer/store/store.h"

namespace gannet::indexer {

// Terms, checked. Borrowed from whoever brought them.
struct PreparedTerms {
  uint64_t count = 0;
  std::string_view packed;  // Empty for none.
};

// A document checked and encoded, so that little is left to do while others wait.
struct PreparedDocument {
  std::optional<DocumentKey> key;  // That it brings.
  std::string id;
  std::string fingerprint;
  std::string document;  // Records, as the store's families hold them.
  std::string metadata;
  std::string passages;
  std::vector<std::string> vectors;  // One record per passage.
  std::vector<FieldEntry> fields;
  PreparedTerms terms;
};

// Changes of a collection that are written as one batch: what goes into the store, and what follows
// from it for the indexes in memory. Each change sees those before it.
class Transaction {
 public:
  // `last_sealed`: the last passage key that segments cover.
  Transaction(const Store& store, const Totals& totals, std::optional<PassageKey> last_sealed);

  // Calls whose effects belong together; RollBack undoes everything since the last Mark.
  void Mark();
  absl::Status RollBack();

  absl::Status Put(const PreparedDocument& document);
  absl::StatusOr<bool> Delete(std::string_view id);  // False when there is no such document.
  absl::Status DeleteKey(DocumentKey key);           // kDataLoss when there is no such document.
  absl::Status UpdateMetadata(std::string_view id, std::string_view merge_patch_json);
  absl::Status PutTerms(DocumentKey key, const PreparedTerms& terms);
  void WriteCheckpoint(const Checkpoint& checkpoint);

  // Makes `segments` the list of segments, and the tombstones of the swapped range those of its
  // deleted documents. Nothing else may be in the transaction.
  absl::Status Swap(SegmentSwap swap, const std::vector<SegmentRecord>& segments);

  // Puts the totals, with the next sequence number, into the batch; false when nothing changed.
  bool Finish();

  const Totals& totals() const { return totals_; }
  ViewChange& view_change() { return view_change_; }
  const std::optional<SegmentSwap>& swap() const { return swap_; }
  StoreBatch& batch() { return batch_; }
  const std::vector<FieldChange>& field_changes() const { return field_changes_; }

 private:
  absl::Status PutOver(const PreparedDocument& document, DocumentKey known);
  absl::Status Insert(const PreparedDocument& document);
  absl::Status Remove(DocumentKey key, std::string_view id);
  absl::Status RemoveTerms(DocumentKey key);
  void WriteTerms(DocumentKey key, const PreparedTerms& terms);
  absl::Status ReplaceMetadata(DocumentKey key, const std::string& before, const std::string& after,
                               std::vector<FieldEntry> fields);
  absl::StatusOr<std::optional<DocumentKey>> FindKey(std::string_view id) const;
  absl::StatusOr<std::string> ReadRecord(Family family, DocumentKey key) const;

  const Store& store_;
  StoreBatch batch_;
  const std::optional<PassageKey> last_sealed_;
  Totals totals_;
  ViewChange view_change_;
  std::vector<FieldChange> field_changes_;
  std::optional<SegmentSwap> swap_;

  struct Sizes {
    Totals totals;
    size_t added = 0;
    size_t deleted = 0;
    size_t fields = 0;
  };
  Sizes marked_;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_TRANSACTION_H_
