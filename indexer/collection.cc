#include "indexer/collection.h"

#include <fmt/format.h>

#include <cmath>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "base/status.h"
#include "encoder/embed/pooling.h"
#include "indexer/store/store.h"
#include "indexer/vector/flat_index.h"

namespace gannet::indexer {
namespace {

// Where the store lies inside a collection's folder, beside what later is derived from it.
std::filesystem::path StoreFolder(const std::filesystem::path& folder) { return folder / "store"; }

// A vector within rounding of unit length is left as it is, so that stored bytes are the model's.
void BringToUnitLength(std::span<float> vector) {
  double squares = 0;
  for (const float v : vector) squares += static_cast<double>(v) * v;
  if (std::abs(squares - 1) > 1e-5) encoder::NormalizeL2(vector);
}

class StoredCollection final : public Collection {
 public:
  StoredCollection(std::unique_ptr<Store> store, CollectionSchema schema)
      : store_(std::move(store)), schema_(std::move(schema)), index_(schema_.dimension) {}

  absl::Status BuildIndex();

  const CollectionSchema& schema() const override { return schema_; }
  uint64_t size() const override;
  absl::StatusOr<bool> Contains(const Document& document) const override;
  DocumentKey next_key() const override { return 0; }
  CollectionHealth health() const override { return {.writable = true, .reason = ""}; }
  absl::Status Put(std::span<const EmbeddedDocument> embedded, const Checkpoint*) override;
  absl::Status PutStored(std::span<const StoredDocument>, const Checkpoint*) override {
    return NotYet();
  }
  absl::StatusOr<std::optional<std::string>> ReadCheckpoint(std::string_view) const override {
    return NotYet();
  }
  absl::StatusOr<uint64_t> Delete(std::span<const std::string>) override { return NotYet(); }
  absl::StatusOr<uint64_t> DeleteWhere(const Filter&) override { return NotYet(); }
  absl::Status UpdateMetadata(std::string_view, std::string_view) override { return NotYet(); }
  absl::StatusOr<StoredDocument> GetStored(DocumentKey) const override { return NotYet(); }
  absl::StatusOr<std::optional<DocumentKey>> FindKey(std::string_view id) const override {
    return store_->FindKey(id);
  }
  absl::StatusOr<std::vector<ScannedDocument>> Scan(std::optional<DocumentKey>,
                                                    size_t) const override {
    return NotYet();
  }
  absl::StatusOr<uint64_t> Count(const Filter&) const override { return NotYet(); }
  absl::StatusOr<SearchAnswer> Search(std::span<const float> query,
                                      const CollectionSearch& search) const override;
  absl::StatusOr<MaintenanceReport> Maintain(base::ThreadPool&) override { return NotYet(); }
  absl::StatusOr<MaintenanceReport> Publish(base::ThreadPool&) override {
    return MaintenanceReport();
  }
  absl::StatusOr<MaintenanceReport> Compact(base::ThreadPool&) override { return NotYet(); }
  absl::StatusOr<RecallFigures> MeasureRecall(const RecallMeasurement&,
                                              base::ThreadPool&) override {
    return NotYet();
  }
  absl::StatusOr<CollectionInfo> Info() const override { return NotYet(); }
  absl::Status Resume() override { return absl::OkStatus(); }
  absl::Status Snapshot(const std::filesystem::path&) override { return NotYet(); }
  absl::StatusOr<std::string> Digest() const override { return NotYet(); }
  absl::StatusOr<Document> Get(DocumentKey key) const override { return store_->Get(key); }
  absl::StatusOr<std::string> GetId(DocumentKey key) const override;

 private:
  static absl::Status NotYet() { return absl::UnimplementedError("comes with the next commits"); }
  absl::Status CheckVectors(std::span<const Document> documents,
                            std::span<const float> vectors) const;

  const std::unique_ptr<Store> store_;
  const CollectionSchema schema_;
  mutable std::shared_mutex mutex_;  // Of index_: shared by searches, exclusive for Put.
  FlatIndex index_;
};

absl::Status StoredCollection::BuildIndex() {
  return store_->VisitVectors([&](DocumentKey key, std::span<const float> vector) {
    if (vector.size() != schema_.dimension) {
      return absl::DataLossError(fmt::format("document {} has a vector of {} values, expected {}",
                                             key, vector.size(), schema_.dimension));
    }
    return index_.Put(key, vector);
  });
}

uint64_t StoredCollection::size() const {
  const std::shared_lock lock(mutex_);
  return index_.size();
}

absl::StatusOr<bool> StoredCollection::Contains(const Document& document) const {
  GANNET_ASSIGN_OR_RETURN(const std::optional<DocumentKey> key, store_->FindKey(document.id));
  if (!key.has_value()) return false;
  GANNET_ASSIGN_OR_RETURN(const Document stored, store_->Get(*key));
  return stored == document;
}

absl::Status StoredCollection::CheckVectors(std::span<const Document> documents,
                                            std::span<const float> vectors) const {
  if (vectors.size() != documents.size() * schema_.dimension) {
    return absl::InvalidArgumentError(fmt::format("{} documents with {} vector values, expected {}",
                                                  documents.size(), vectors.size(),
                                                  documents.size() * schema_.dimension));
  }
  for (size_t i = 0; i < vectors.size(); ++i) {
    if (!std::isfinite(vectors[i])) {
      return absl::InvalidArgumentError(fmt::format("document \"{}\": value {} of its vector is {}",
                                                    documents[i / schema_.dimension].id,
                                                    i % schema_.dimension, vectors[i]));
    }
  }
  for (const Document& document : documents) {
    if (document.id.empty()) return absl::InvalidArgumentError("a document with an empty id");
  }
  return absl::OkStatus();
}

absl::Status StoredCollection::Put(std::span<const EmbeddedDocument> embedded, const Checkpoint*) {
  std::vector<Document> documents;
  std::vector<float> vectors;
  for (const EmbeddedDocument& one : embedded) {
    documents.push_back(one.document);
    vectors.insert(vectors.end(), one.vectors.begin(), one.vectors.end());
  }
  GANNET_RETURN_IF_ERROR(CheckVectors(documents, vectors));
  std::vector<float> stored(vectors.begin(), vectors.end());
  const size_t dimension = schema_.dimension;
  if (schema_.similarity == encoder::Similarity::kCosine) {
    for (size_t i = 0; i < documents.size(); ++i) {
      BringToUnitLength(std::span(stored).subspan(i * dimension, dimension));
    }
  }
  GANNET_ASSIGN_OR_RETURN(const std::vector<DocumentKey> keys, store_->Put(documents, stored));
  const std::unique_lock lock(mutex_);
  for (size_t i = 0; i < keys.size(); ++i) {
    GANNET_RETURN_IF_ERROR(
        index_.Put(keys[i], std::span(stored).subspan(i * dimension, dimension)));
  }
  return absl::OkStatus();
}

absl::StatusOr<SearchAnswer> StoredCollection::Search(std::span<const float> query,
                                                      const CollectionSearch& search) const {
  if (query.size() != schema_.dimension) {
    return absl::InvalidArgumentError(
        fmt::format("a query vector of {} values for a collection of dimension {}", query.size(),
                    schema_.dimension));
  }
  std::vector<float> unit(query.begin(), query.end());
  if (schema_.similarity == encoder::Similarity::kCosine) BringToUnitLength(unit);
  const std::shared_lock lock(mutex_);
  SearchAnswer answer;
  GANNET_ASSIGN_OR_RETURN(answer.documents, index_.Search(unit, search.k));
  return answer;
}

absl::StatusOr<std::string> StoredCollection::GetId(DocumentKey key) const {
  GANNET_ASSIGN_OR_RETURN(Document document, store_->Get(key));
  return std::move(document.id);
}

absl::StatusOr<std::unique_ptr<Collection>> OpenStored(const std::filesystem::path& folder,
                                                       std::unique_ptr<Store> store,
                                                       CollectionSchema schema) {
  auto collection = std::make_unique<StoredCollection>(std::move(store), std::move(schema));
  const absl::Status built = collection->BuildIndex();
  if (!built.ok()) return base::Annotate(built, folder.string());
  return collection;
}

}  // namespace

CollectionSchema CollectionSchema::Of(const encoder::Embedder& model) {
  return {.model_folder = model.folder(),
          .model_name = model.name(),
          .model_fingerprint = model.fingerprint(),
          .model_options = model.options(),
          .dimension = model.dimension(),
          .similarity = model.similarity()};
}

absl::StatusOr<std::unique_ptr<Collection>> Collection::Open(const std::filesystem::path& folder,
                                                             const CollectionOptions&) {
  GANNET_ASSIGN_OR_RETURN(auto store, Store::OpenForReading(StoreFolder(folder)));
  GANNET_ASSIGN_OR_RETURN(auto schema, store->ReadSchema());
  if (!schema.has_value()) {
    return absl::NotFoundError(fmt::format("{}: an empty store, no collection", folder.string()));
  }
  return OpenStored(folder, std::move(store), *std::move(schema));
}

absl::StatusOr<std::unique_ptr<Collection>> Collection::OpenOrCreate(
    const std::filesystem::path& folder, const CollectionSchema& schema, const CollectionOptions&) {
  GANNET_ASSIGN_OR_RETURN(auto store, Store::OpenForWriting(StoreFolder(folder)));
  GANNET_ASSIGN_OR_RETURN(auto existing, store->ReadSchema());
  if (!existing.has_value()) {
    GANNET_RETURN_IF_ERROR(store->WriteSchema(schema));
    existing = schema;
  }
  if (existing->model_fingerprint != schema.model_fingerprint) {
    return absl::FailedPreconditionError(
        fmt::format("{}: made with model {} (fingerprint {}), not with {} (fingerprint {})",
                    folder.string(), existing->model_name, existing->model_fingerprint,
                    schema.model_name, schema.model_fingerprint));
  }
  return OpenStored(folder, std::move(store), *std::move(existing));
}

}  // namespace gannet::indexer
