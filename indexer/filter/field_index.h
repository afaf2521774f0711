#ifndef GANNET_INDEXER_FILTER_FIELD_INDEX_H_
#define GANNET_INDEXER_FILTER_FIELD_INDEX_H_

#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "indexer/collection.h"
#include "indexer/filter/document_set.h"
#include "indexer/filter/field_value.h"
#include "indexer/filter/filter.h"

namespace gannet::indexer {

// Where the stored values of fields come from: the `fields` family of the store.
class FieldSource {
 public:
  virtual ~FieldSource() = default;

  // Calls `visit` with every value that some document has in `field` and the document's key, in any
  // order; fastest in the order of (value, key).
  virtual absl::Status VisitField(
      std::string_view field,
      absl::FunctionRef<void(const FieldValue&, DocumentKey)> visit) const = 0;

  // Calls `visit` with the key of every document.
  virtual absl::Status VisitDocuments(absl::FunctionRef<void(DocumentKey)> visit) const = 0;
};

// How one document's fields changed, both as ExtractFields gives them.
struct FieldChange {
  DocumentKey key = 0;
  std::optional<std::vector<FieldEntry>> before;  // nullopt: the document is new.
  std::optional<std::vector<FieldEntry>> after;   // nullopt: the document is gone.
};

// The inverted index of metadata in memory: which documents have which values. A field is read from
// the source when a filter first names it, and follows the changes from then on. Safe to use from
// several threads: evaluations run side by side, and beside the reading of a field; each sees all
// of an Apply or nothing.
class FieldIndex {
 public:
  // `source` must outlive the index.
  explicit FieldIndex(const FieldSource& source);
  FieldIndex(const FieldIndex&) = delete;
  FieldIndex& operator=(const FieldIndex&) = delete;
  ~FieldIndex();

  // The documents that the filter holds for: those whose fields it Matches. Errors are the
  // source's.
  absl::StatusOr<DocumentSet> Evaluate(const Filter& filter) const;

  // Follows changes of documents, in the order in which they were made. A change is made in the
  // source first and applied afterwards; one that the source showed already does no harm. One Apply
  // at a time.
  void Apply(std::span<const FieldChange> changes);

 private:
  struct Field;

  // Reads what the filter needs and is not there yet.
  absl::Status LoadFor(const Filter& filter) const;
  absl::Status LoadField(const std::string& name) const;
  absl::Status LoadDocuments() const;

  // Both with mutex_ held.
  DocumentSet Find(const Filter& filter) const;
  void Follow(const FieldChange& change);

  const FieldSource& source_;
  mutable std::mutex loading_;       // Held while a field is read: one at a time.
  mutable std::shared_mutex mutex_;  // Of what follows: shared by evaluations.
  mutable std::unordered_map<std::string, std::unique_ptr<Field>> fields_;
  mutable std::unique_ptr<Field> documents_;  // Every document has one and the same value in it.
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_FILTER_FIELD_INDEX_H_
