#include "indexer/collection/stored_collection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "indexer/collection/prepare.h"
#include "indexer/collection/read_documents.h"
#include "indexer/store/record.h"
#include "indexer/store/seal.h"

namespace gannet::indexer {
namespace {

size_t BytesOf(const std::vector<PreparedDocument>& documents) {
  size_t bytes = 0;
  for (const PreparedDocument& document : documents) {
    bytes += document.document.size() + document.metadata.size();
    for (const std::string& vector : document.vectors) bytes += vector.size();
  }
  return bytes;
}

}  // namespace

absl::Status StoredFields::VisitField(
    std::string_view field, absl::FunctionRef<void(const FieldValue&, DocumentKey)> visit) const {
  const std::string prefix = EncodeFieldPrefix(field);
  const auto visit_entry = [&](std::string_view bytes,
                               std::string_view) -> absl::StatusOr<Store::Visiting> {
    if (!bytes.starts_with(prefix)) return Store::Visiting::kStop;
    GANNET_ASSIGN_OR_RETURN(const DecodedFieldEntry decoded, DecodeFieldEntry(bytes));
    GANNET_ASSIGN_OR_RETURN(const DocumentKey key, DecodeKey(decoded.rest));
    visit(decoded.entry.value, key);
    return Store::Visiting::kGoOn;
  };
  return store_.Visit(Family::kFields, {.first = prefix}, visit_entry);
}

absl::Status StoredFields::VisitDocuments(absl::FunctionRef<void(DocumentKey)> visit) const {
  // Of the families with an entry for each document the one with the smallest.
  return store_.Visit(
      Family::kPassages, {},
      [&](std::string_view bytes, std::string_view) -> absl::StatusOr<Store::Visiting> {
        GANNET_ASSIGN_OR_RETURN(const DocumentKey key, DecodeKey(bytes));
        visit(key);
        return Store::Visiting::kGoOn;
      });
}

StoredCollection::StoredCollection(const std::filesystem::path& folder,
                                   const CollectionOptions& options, OpenedCollection opened)
    : folder_(folder),
      paths_(folder),
      options_(options),
      schema_(std::move(opened.schema)),
      shape_(ShapeOf(schema_)),
      files_(paths_.segments, schema_),
      open_report_(std::move(opened.report)),
      store_(std::move(opened.store)),
      stored_fields_(*store_),
      queue_([this](std::span<Change* const> group) { Commit(group); }),
      view_(std::move(opened.view)),
      fields_(std::make_shared<FieldIndex>(stored_fields_)),
      sealed_sequence_(view_->totals.sequence),
      sampler_(options.access == Access::kWrite ? options.recall_sample_interval : 0) {
  if (options_.access == Access::kRead) read_only_because_ = "it was opened for reading";
}

StoredCollection::~StoredCollection() {
  if (options_.access == Access::kRead || view_->totals.sequence == sealed_sequence_) return;
  absl::Status closed = store_->Flush();
  closed.Update(WriteSeal(paths_.seal, paths_.store, view_->totals));
  if (!closed.ok()) {
    base::LogWarning(fmt::format("closing the collection: {}", base::Message(closed)));
  }
}

CollectionHealth StoredCollection::health() const {
  CollectionHealth health;
  {
    const std::lock_guard lock(health_mutex_);
    health.reason = read_only_because_;
  }
  if (health.reason.empty()) health.reason = base::Message(store_->CheckRunning());
  health.writable = health.reason.empty();
  return health;
}

absl::Status StoredCollection::CheckWritable() const {
  if (options_.access == Access::kRead) {
    return absl::FailedPreconditionError(
        fmt::format("{}: the collection was opened for reading", folder_.string()));
  }
  const CollectionHealth now = health();
  if (now.writable) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("{}: the collection takes no changes: {}", folder_.string(), now.reason));
}

void StoredCollection::TurnReadOnly(const absl::Status& cause) {
  const std::lock_guard lock(health_mutex_);
  read_only_because_ = base::Message(cause);
}

absl::Status StoredCollection::Resume() {
  if (options_.access == Access::kRead) return CheckWritable();
  const std::lock_guard lock(maintenance_);
  if (health().writable) return absl::OkStatus();
  GANNET_RETURN_IF_ERROR(store_->Resume());
  GANNET_ASSIGN_OR_RETURN(const auto totals, store_->Read(Family::kMeta, kTotalsEntry));
  if (totals != EncodeTotals(CurrentView()->totals)) GANNET_RETURN_IF_ERROR(Reload());
  // What is there already, written again: does it work?
  StoreBatch probe(*store_);
  probe.Put(Family::kMeta, kTotalsEntry, EncodeTotals(CurrentView()->totals));
  GANNET_RETURN_IF_ERROR(store_->Commit(probe));
  const std::lock_guard health_lock(health_mutex_);
  read_only_because_.clear();
  return absl::OkStatus();
}

// The change whose writing failed has reached the disk after all.
absl::Status StoredCollection::Reload() {
  std::vector<std::string> report;
  GANNET_ASSIGN_OR_RETURN(std::shared_ptr<const View> view,
                          LoadView(folder_, options_, schema_, *store_, report));
  for (const std::string& line : report) base::LogWarning(line);
  epoch_.fetch_add(1);
  {
    const std::lock_guard lock(view_mutex_);
    view_ = std::move(view);
    fields_ = std::make_shared<FieldIndex>(stored_fields_);
  }
  epoch_.fetch_add(1);
  return absl::OkStatus();
}

// Changes.

absl::Status StoredCollection::Submit(absl::FunctionRef<absl::Status(Transaction&)> apply,
                                      size_t bytes) {
  GANNET_RETURN_IF_ERROR(CheckWritable());
  return queue_.Submit({.apply = apply, .bytes = bytes});
}

absl::Status StoredCollection::SubmitAlone(absl::FunctionRef<absl::Status(Transaction&)> apply) {
  GANNET_RETURN_IF_ERROR(CheckWritable());
  return queue_.Submit({.apply = apply, .company = Change::Company::kAlone});
}

void StoredCollection::Commit(std::span<Change* const> group) {
  absl::Status status = CheckWritable();  // It may have changed since they came.
  if (status.ok()) {
    const std::shared_ptr<const View> view = CurrentView();
    Transaction transaction(*store_, view->totals, view->LastSealed());
    for (Change* change : group) {
      transaction.Mark();
      change->status = change->apply(transaction);
      if (!change->status.ok()) status.Update(transaction.RollBack());
    }
    if (status.ok()) status = CommitTransaction(transaction);
  }
  if (status.ok()) return;
  for (Change* change : group) change->status.Update(status);
}

absl::Status StoredCollection::CommitTransaction(Transaction& transaction) {
  if (!transaction.Finish()) return absl::OkStatus();
  const std::shared_ptr<const View> before = CurrentView();
  const Totals& totals = transaction.totals();
  const Growing growing = options_.access == Access::kIndexing ? Growing::kLeftOut : Growing::kKept;
  const std::vector<DocumentKey> deleted = transaction.view_change().deleted;
  // Before anything is written: memory may be short.
  GANNET_ASSIGN_OR_RETURN(
      std::shared_ptr<const View> after,
      transaction.swap().has_value()
          ? ApplySwap(*before, *transaction.swap(), totals)
          : ApplyChange(*before, std::move(transaction.view_change()), totals, shape_, growing));
  if (const absl::Status written = store_->Commit(transaction.batch()); !written.ok()) {
    TurnReadOnly(written);
    return written;
  }
  if (deleted_meanwhile_.has_value()) {
    deleted_meanwhile_->insert(deleted_meanwhile_->end(), deleted.begin(), deleted.end());
  }
  epoch_.fetch_add(1);
  Fields()->Apply(transaction.field_changes());
  {
    const std::lock_guard lock(view_mutex_);
    view_ = std::move(after);
  }
  epoch_.fetch_add(1);
  return absl::OkStatus();
}

absl::Status StoredCollection::PutPrepared(std::vector<PreparedDocument> documents,
                                           const Checkpoint* checkpoint) {
  return Submit(
      [&](Transaction& transaction) {
        for (const PreparedDocument& document : documents) {
          GANNET_RETURN_IF_ERROR(transaction.Put(document));
        }
        if (checkpoint != nullptr) transaction.WriteCheckpoint(*checkpoint);
        return absl::OkStatus();
      },
      BytesOf(documents));
}

absl::Status StoredCollection::Put(std::span<const EmbeddedDocument> documents,
                                   const Checkpoint* checkpoint) {
  GANNET_ASSIGN_OR_RETURN(std::vector<PreparedDocument> prepared, Prepare(schema_, documents));
  return PutPrepared(std::move(prepared), checkpoint);
}

absl::Status StoredCollection::PutStored(std::span<const StoredDocument> documents,
                                         const Checkpoint* checkpoint) {
  GANNET_ASSIGN_OR_RETURN(std::vector<PreparedDocument> prepared,
                          PrepareStored(schema_, documents));
  return PutPrepared(std::move(prepared), checkpoint);
}

absl::StatusOr<uint64_t> StoredCollection::Delete(std::span<const std::string> ids) {
  uint64_t deleted = 0;
  GANNET_RETURN_IF_ERROR(Submit(
      [&](Transaction& transaction) -> absl::Status {
        for (const std::string& id : ids) {
          GANNET_ASSIGN_OR_RETURN(const bool found, transaction.Delete(id));
          deleted += found ? 1 : 0;
        }
        return absl::OkStatus();
      },
      0));
  return deleted;
}

absl::StatusOr<uint64_t> StoredCollection::DeleteWhere(const Filter& filter) {
  uint64_t deleted = 0;
  GANNET_RETURN_IF_ERROR(SubmitAlone([&](Transaction& transaction) -> absl::Status {
    GANNET_ASSIGN_OR_RETURN(const DocumentSet passing, Fields()->Evaluate(filter));
    absl::Status status;
    passing.ForEach([&](DocumentKey key) {
      if (status.ok()) status = transaction.DeleteKey(key);
    });
    deleted = passing.Count();
    return status;
  }));
  return deleted;
}

absl::Status StoredCollection::UpdateMetadata(std::string_view id,
                                              std::string_view merge_patch_json) {
  return Submit(
      [&](Transaction& transaction) { return transaction.UpdateMetadata(id, merge_patch_json); },
      merge_patch_json.size());
}

// Reading.

absl::StatusOr<std::optional<DocumentKey>> StoredCollection::FindKey(std::string_view id) const {
  GANNET_ASSIGN_OR_RETURN(const auto bytes, store_->Read(Family::kIds, id));
  if (!bytes.has_value()) return std::nullopt;
  absl::StatusOr<DocumentKey> key = DecodeKey(*bytes);
  if (!key.ok()) return base::Annotate(key.status(), store_->folder().string());
  return *key;
}

absl::StatusOr<bool> StoredCollection::Contains(const Document& document) const {
  GANNET_ASSIGN_OR_RETURN(const std::optional<DocumentKey> key, FindKey(document.id));
  if (!key.has_value()) return false;
  const absl::StatusOr<Document> stored = Get(*key);
  if (absl::IsNotFound(stored.status())) return false;  // Deleted since.
  GANNET_RETURN_IF_ERROR(stored.status());
  return *stored == document;
}

absl::StatusOr<Document> StoredCollection::Get(DocumentKey key) const {
  return ReadDocument(*store_, key, *store_->TakeSnapshot());
}

absl::StatusOr<StoredDocument> StoredCollection::GetStored(DocumentKey key) const {
  return ReadStoredDocument(*store_, shape_, key, *store_->TakeSnapshot());
}

absl::StatusOr<std::vector<Passage>> StoredCollection::GetPassages(DocumentKey key) const {
  GANNET_ASSIGN_OR_RETURN(const auto bytes, store_->Read(Family::kPassages, EncodeKey(key)));
  if (!bytes.has_value()) {
    return absl::NotFoundError(fmt::format("{}: no document {}", folder_.string(), key));
  }
  auto passages = DecodePassages(*bytes);
  if (!passages.ok()) {
    return base::Annotate(passages.status(), fmt::format("{}: document {}", folder_.string(), key));
  }
  return passages;
}

absl::StatusOr<std::vector<Collection::ScannedDocument>> StoredCollection::Scan(
    std::optional<DocumentKey> after, size_t limit) const {
  return ScanDocuments(*store_, after, limit, *store_->TakeSnapshot());
}

absl::StatusOr<std::string> StoredCollection::GetId(DocumentKey key) const {
  GANNET_ASSIGN_OR_RETURN(const auto bytes, store_->Read(Family::kDocuments, EncodeKey(key)));
  if (!bytes.has_value()) {
    return absl::NotFoundError(fmt::format("{}: no document {}", folder_.string(), key));
  }
  return DecodeDocumentId(*bytes);
}

absl::StatusOr<std::optional<std::string>> StoredCollection::ReadCheckpoint(
    std::string_view name) const {
  return store_->Read(Family::kMeta, std::string(kCheckpointPrefix) + std::string(name));
}

absl::StatusOr<uint64_t> StoredCollection::Count(const Filter& filter) const {
  GANNET_ASSIGN_OR_RETURN(const DocumentSet passing, Fields()->Evaluate(filter));
  return passing.Count();
}

// Searching.

std::shared_ptr<const View> StoredCollection::CurrentView() const {
  const std::lock_guard lock(view_mutex_);
  return view_;
}

std::shared_ptr<FieldIndex> StoredCollection::Fields() const {
  const std::lock_guard lock(view_mutex_);
  return fields_;
}

absl::Status StoredCollection::CheckSearchable(const View& view) const {
  const uint64_t searchable = view.LiveRows();
  if (options_.access != Access::kIndexing || searchable == view.totals.passages) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(fmt::format("{}: {} passages are not published yet",
                                                   folder_.string(),
                                                   view.totals.passages - searchable));
}

absl::StatusOr<std::vector<float>> StoredCollection::PrepareQuery(
    std::span<const float> query) const {
  if (query.size() != schema_.dimension) {
    return absl::InvalidArgumentError(
        fmt::format("a query vector of {} values for a collection of dimension {}", query.size(),
                    schema_.dimension));
  }
  GANNET_RETURN_IF_ERROR(base::Annotate(CheckVectors(shape_, query), "query"));
  std::vector<float> prepared(query.begin(), query.end());
  if (schema_.similarity == encoder::Similarity::kCosine) BringToUnitLength(prepared);
  return prepared;
}

// The fields and the view change one after the other, within microseconds. Between the two an
// evaluation is repeated; should changes come faster than evaluations end, a document that is just
// being replaced may be missed.
absl::StatusOr<StoredCollection::FilteredView> StoredCollection::TakeView(
    const Filter* filter) const {
  constexpr int kMostTries = 4;
  FilteredView taken{.view = CurrentView(), .passing = std::nullopt};
  for (int i = 0; filter != nullptr && i < kMostTries; ++i) {
    const uint64_t epoch = epoch_.load();
    GANNET_ASSIGN_OR_RETURN(taken.passing, Fields()->Evaluate(*filter));
    taken.view = CurrentView();
    if (epoch % 2 == 0 && epoch_.load() == epoch) break;
  }
  return taken;
}

absl::StatusOr<SearchAnswer> StoredCollection::Search(std::span<const float> query,
                                                      const CollectionSearch& search) const {
  GANNET_ASSIGN_OR_RETURN(const std::vector<float> prepared, PrepareQuery(query));
  GANNET_ASSIGN_OR_RETURN(const FilteredView taken, TakeView(search.filter));
  GANNET_RETURN_IF_ERROR(CheckSearchable(*taken.view));
  GANNET_ASSIGN_OR_RETURN(
      SearchAnswer answer,
      SearchView(*taken.view, prepared,
                 {.k = search.k,
                  .passing = taken.passing.has_value() ? &*taken.passing : nullptr,
                  .effort = search.effort,
                  .rescored = search.rescored,
                  .mode = search.mode}));
  if (answer.plan == SearchPlan::kApproximate) SampleForRecall(prepared, search);
  return answer;
}

void StoredCollection::SampleForRecall(std::span<const float> query,
                                       const CollectionSearch& search) const {
  if (!sampler_.Draw()) return;
  RecallSample sample{.query = {query.begin(), query.end()},
                      .k = search.k,
                      .effort = search.effort,
                      .rescored = search.rescored,
                      .filter = std::nullopt};
  if (search.filter != nullptr) sample.filter = *search.filter;
  sampler_.Keep(std::move(sample));
}

}  // namespace gannet::indexer
