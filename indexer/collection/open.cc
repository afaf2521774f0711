#include <fmt/format.h>

#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "indexer/collection.h"
#include "indexer/collection/copy_files.h"
#include "indexer/collection/stored_collection.h"
#include "indexer/store/record.h"
#include "indexer/store/seal.h"

namespace gannet::indexer {
namespace {

// Brings the segments and the growing part of a store into a view.
class ViewLoader {
 public:
  ViewLoader(const std::filesystem::path& folder, const CollectionOptions& options,
             const CollectionSchema& schema, Store& store, std::vector<std::string>& report)
      : paths_(folder),
        options_(options),
        store_(store),
        report_(report),
        shape_(ShapeOf(schema)),
        files_(paths_.segments, schema) {}

  absl::StatusOr<std::shared_ptr<const View>> Run();

 private:
  absl::Status OpenSegments();
  absl::StatusOr<std::shared_ptr<const Segment>> OpenOrMake(const SegmentRecord& record);
  absl::Status RecordMended();
  absl::Status MarkTombstones();
  absl::Status ReadGrowing();
  absl::Status RemoveStrays();

  const CollectionPaths paths_;
  const CollectionOptions& options_;
  Store& store_;
  std::vector<std::string>& report_;
  const VectorShape shape_;
  const SegmentFiles files_;
  View view_;
  std::vector<SegmentRecord> records_;  // As they are after mending.
  std::vector<SegmentRecord> mended_;   // As they were in the store.
};

absl::StatusOr<std::shared_ptr<const View>> ViewLoader::Run() {
  GANNET_ASSIGN_OR_RETURN(view_.totals, ReadTotals(store_));
  GANNET_RETURN_IF_ERROR(OpenSegments());
  GANNET_RETURN_IF_ERROR(MarkTombstones());
  if (!mended_.empty()) GANNET_RETURN_IF_ERROR(RecordMended());
  if (options_.access != Access::kIndexing) {
    GANNET_RETURN_IF_ERROR(ReadGrowing());
    if (view_.LiveRows() != view_.totals.passages) {
      return absl::DataLossError(
          fmt::format("{} passages are there, {} should be: verify says which", view_.LiveRows(),
                      view_.totals.passages));
    }
  }
  if (options_.access != Access::kRead) GANNET_RETURN_IF_ERROR(RemoveStrays());
  return std::make_shared<const View>(std::move(view_));
}

absl::Status ViewLoader::OpenSegments() {
  GANNET_ASSIGN_OR_RETURN(const auto text, store_.Read(Family::kMeta, kSegmentsEntry));
  if (!text.has_value()) return absl::OkStatus();
  GANNET_ASSIGN_OR_RETURN(const std::vector<SegmentRecord> records, DecodeSegments(*text));
  for (const SegmentRecord& record : records) {
    GANNET_ASSIGN_OR_RETURN(std::shared_ptr<const Segment> segment, OpenOrMake(record));
    if (segment == nullptr) continue;
    records_.push_back(segment->record());
    view_.parts.push_back({std::move(segment), std::make_shared<const DeadRows>()});
  }
  view_.segments = view_.parts.size();
  return absl::OkStatus();
}

// The segment of a record; made from the store where its file cannot be used, null where nothing of
// it is left there.
absl::StatusOr<std::shared_ptr<const Segment>> ViewLoader::OpenOrMake(const SegmentRecord& record) {
  absl::StatusOr<std::shared_ptr<const Segment>> opened = files_.Open(record);
  if (opened.ok()) return opened;
  const absl::Status why = opened.status();
  // Other errors (no permission, no memory) are not mended by another file.
  if (!absl::IsNotFound(why) && !absl::IsDataLoss(why) && !absl::IsFailedPrecondition(why)) {
    return why;
  }
  GANNET_ASSIGN_OR_RETURN(
      PassageRows rows, ReadRows(store_, nullptr, shape_, record.first, record.last, ~uint64_t{0}));
  const bool reading = options_.access == Access::kRead;
  report_.push_back(fmt::format("{}: {}", base::Message(why),
                                reading ? "its passages are searched one by one, from the store"
                                        : "made again from the store"));
  if (!reading) mended_.push_back(record);
  if (rows.keys.empty()) return nullptr;
  if (reading) return files_.InMemory(record, std::move(rows));
  base::ThreadPool caller_alone(1);
  return files_.Build(std::move(rows), options_.pool != nullptr ? *options_.pool : caller_alone);
}

absl::Status ViewLoader::MarkTombstones() {
  ViewChange change;
  GANNET_RETURN_IF_ERROR(store_.Visit(
      Family::kTombstones, {},
      [&](std::string_view bytes, std::string_view) -> absl::StatusOr<Store::Visiting> {
        GANNET_ASSIGN_OR_RETURN(const DocumentKey key, DecodeKey(bytes));
        change.deleted.push_back(key);
        return Store::Visiting::kGoOn;
      }));
  if (change.deleted.empty()) return absl::OkStatus();
  const Totals totals = view_.totals;
  GANNET_ASSIGN_OR_RETURN(const std::shared_ptr<const View> marked,
                          ApplyChange(view_, std::move(change), totals, shape_, Growing::kLeftOut));
  view_ = *marked;
  return absl::OkStatus();
}

// The new list, without the tombstones of the segments that were made without their dead.
absl::Status ViewLoader::RecordMended() {
  StoreBatch batch(store_);
  for (const SegmentRecord& record : mended_) {
    GANNET_RETURN_IF_ERROR(store_.Visit(
        Family::kTombstones,
        {EncodeKey(DocumentOf(record.first)), EncodeKey(DocumentOf(record.last) + 1)},
        [&](std::string_view key, std::string_view) -> absl::StatusOr<Store::Visiting> {
          batch.Delete(Family::kTombstones, key);
          return Store::Visiting::kGoOn;
        }));
  }
  batch.Put(Family::kMeta, kSegmentsEntry, EncodeSegments(records_));
  ++view_.totals.sequence;
  batch.Put(Family::kMeta, kTotalsEntry, EncodeTotals(view_.totals));
  GANNET_RETURN_IF_ERROR(store_.Commit(batch));
  return WriteSeal(paths_.seal, paths_.store, view_.totals);
}

absl::Status ViewLoader::ReadGrowing() {
  const std::optional<PassageKey> last = view_.LastSealed();
  GANNET_ASSIGN_OR_RETURN(PassageRows rows,
                          ReadRows(store_, nullptr, shape_, last.has_value() ? *last + 1 : 0,
                                   ~PassageKey{0}, ~uint64_t{0}));
  if (rows.keys.empty()) return absl::OkStatus();
  GANNET_ASSIGN_OR_RETURN(auto index,
                          VectorIndex::BuildFlat(std::move(rows.keys), std::move(rows.vectors)));
  view_.parts.push_back(
      {std::make_shared<const Segment>(std::move(index)), std::make_shared<const DeadRows>()});
  return absl::OkStatus();
}

// What a crash left between the making of a segment and its entry in the list, or its removal.
absl::Status ViewLoader::RemoveStrays() {
  GANNET_ASSIGN_OR_RETURN(const std::vector<std::filesystem::path> strays, files_.Strays(records_));
  for (const std::filesystem::path& stray : strays) {
    std::error_code error;
    std::filesystem::remove(stray, error);
    report_.push_back(fmt::format("{}: belongs to no segment, {}", stray.string(),
                                  error ? error.message() : "removed"));
  }
  return absl::OkStatus();
}

// What a collection may not differ in from what its user takes it for.
absl::Status CheckSameSchema(const std::filesystem::path& folder, const CollectionSchema& existing,
                             const CollectionSchema& wanted) {
  if (existing.model_fingerprint != wanted.model_fingerprint) {
    return absl::FailedPreconditionError(
        fmt::format("{}: made with model {} (fingerprint {}), not with {} (fingerprint {})",
                    folder.string(), existing.model_name, existing.model_fingerprint,
                    wanted.model_name, wanted.model_fingerprint));
  }
  if (existing.vector_format != wanted.vector_format) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: its vectors are kept as {}, not as {}", folder.string(),
        VectorFormatName(existing.vector_format), VectorFormatName(wanted.vector_format)));
  }
  if (existing.long_text != wanted.long_text) {
    return absl::FailedPreconditionError(fmt::format("{}: made with long texts as {}, not as {}",
                                                     folder.string(), existing.long_text.ToString(),
                                                     wanted.long_text.ToString()));
  }
  if (existing.index != wanted.index) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: its index is \"{}\", not \"{}\"", folder.string(), existing.index, wanted.index));
  }
  return absl::OkStatus();
}

absl::Status CheckSchema(const CollectionSchema& schema) {
  GANNET_RETURN_IF_ERROR(schema.long_text.Check());
  GANNET_RETURN_IF_ERROR(VectorTable::Create(ShapeOf(schema)).status());
  if (schema.index.empty()) return absl::OkStatus();
  GANNET_ASSIGN_OR_RETURN(const IndexSpec spec, IndexSpec::Parse(schema.index));
  return base::Annotate(spec.CheckDimension(schema.dimension),
                        fmt::format("index \"{}\"", schema.index));
}

// A new collection: its schema, its totals, its seal.
absl::Status Create(const std::filesystem::path& folder, const CollectionSchema& schema,
                    Store& store) {
  const CollectionPaths paths(folder);
  GANNET_RETURN_IF_ERROR(CheckSchema(schema));
  const Totals totals = {.sequence = 1, .next_key = 0, .documents = 0, .passages = 0};
  StoreBatch batch(store);
  batch.Put(Family::kMeta, kSchemaEntry, EncodeSchema(schema));
  batch.Put(Family::kMeta, kTotalsEntry, EncodeTotals(totals));
  GANNET_RETURN_IF_ERROR(base::CreateDirectories(paths.segments));
  GANNET_RETURN_IF_ERROR(store.Commit(batch));
  GANNET_RETURN_IF_ERROR(WriteSeal(paths.seal, paths.store, totals));
  return Sync(std::filesystem::absolute(folder / "").parent_path().parent_path());
}

absl::StatusOr<std::optional<CollectionSchema>> ReadSchema(const Store& store) {
  GANNET_ASSIGN_OR_RETURN(const auto text, store.Read(Family::kMeta, kSchemaEntry));
  if (!text.has_value()) return std::nullopt;
  GANNET_ASSIGN_OR_RETURN(CollectionSchema schema, DecodeSchema(*text));
  return schema;
}

absl::Status OpenRest(const std::filesystem::path& folder, const CollectionOptions& options,
                      const std::optional<Seal>& seal, OpenedCollection& opened) {
  GANNET_ASSIGN_OR_RETURN(auto schema, ReadSchema(*opened.store));
  if (!schema.has_value()) return absl::NotFoundError("an empty store, no collection");
  opened.schema = *std::move(schema);
  const CollectionPaths paths(folder);
  GANNET_ASSIGN_OR_RETURN(const Totals totals, ReadTotals(*opened.store));
  GANNET_RETURN_IF_ERROR(CheckSeal(paths.seal, seal, totals));
  // After a crash the seal is behind what the store has kept, and opening began a new manifest.
  if (options.access != Access::kRead) {
    GANNET_RETURN_IF_ERROR(WriteSeal(paths.seal, paths.store, totals));
  }
  GANNET_ASSIGN_OR_RETURN(opened.view,
                          LoadView(folder, options, opened.schema, *opened.store, opened.report));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Totals> ReadTotals(const Store& store) {
  GANNET_ASSIGN_OR_RETURN(const auto text, store.Read(Family::kMeta, kTotalsEntry));
  if (!text.has_value()) return absl::DataLossError("the totals are missing in the store");
  return DecodeTotals(*text);
}

absl::StatusOr<std::shared_ptr<const View>> LoadView(const std::filesystem::path& folder,
                                                     const CollectionOptions& options,
                                                     const CollectionSchema& schema, Store& store,
                                                     std::vector<std::string>& report) {
  return ViewLoader(folder, options, schema, store, report).Run();
}

absl::StatusOr<OpenedCollection> OpenParts(const std::filesystem::path& folder,
                                           const CollectionOptions& options) {
  const CollectionPaths paths(folder);
  // Before the store: a writer may be at work, and the seal is never ahead of the store.
  GANNET_ASSIGN_OR_RETURN(const std::optional<Seal> seal, ReadSeal(paths.seal));
  GANNET_RETURN_IF_ERROR(CheckManifest(seal, paths.store));
  OpenedCollection opened;
  GANNET_ASSIGN_OR_RETURN(opened.store, options.access == Access::kRead
                                            ? Store::OpenForReading(paths.store)
                                            : Store::OpenForWriting(paths.store));
  const absl::Status rest = OpenRest(folder, options, seal, opened);
  if (!rest.ok()) return base::Annotate(rest, folder.string());
  return opened;
}

absl::StatusOr<std::unique_ptr<Collection>> Collection::Open(const std::filesystem::path& folder,
                                                             const CollectionOptions& options) {
  GANNET_ASSIGN_OR_RETURN(OpenedCollection opened, OpenParts(folder, options));
  return std::make_unique<StoredCollection>(folder, options, std::move(opened));
}

absl::StatusOr<std::unique_ptr<Collection>> Collection::OpenOrCreate(
    const std::filesystem::path& folder, const CollectionSchema& schema,
    const CollectionOptions& options) {
  if (options.access == Access::kRead) {
    return absl::InvalidArgumentError("a collection cannot be created with access for reading");
  }
  const CollectionPaths paths(folder);
  GANNET_ASSIGN_OR_RETURN(std::optional<Seal> seal, ReadSeal(paths.seal));
  GANNET_RETURN_IF_ERROR(CheckManifest(seal, paths.store));
  OpenedCollection opened;
  // The seal is written before the first change is acknowledged: without it nothing can be lost,
  // with it a store that is gone must not be taken for a new one.
  GANNET_ASSIGN_OR_RETURN(opened.store, seal.has_value() ? Store::OpenForWriting(paths.store)
                                                         : Store::OpenOrCreate(paths.store));
  GANNET_ASSIGN_OR_RETURN(const auto existing, ReadSchema(*opened.store));
  if (existing.has_value()) {
    GANNET_RETURN_IF_ERROR(CheckSameSchema(folder, *existing, schema));
  } else {
    GANNET_RETURN_IF_ERROR(Create(folder, schema, *opened.store));
    GANNET_ASSIGN_OR_RETURN(seal, ReadSeal(paths.seal));
  }
  const absl::Status rest = OpenRest(folder, options, seal, opened);
  if (!rest.ok()) return base::Annotate(rest, folder.string());
  return std::make_unique<StoredCollection>(folder, options, std::move(opened));
}

CollectionSchema CollectionSchema::Of(const encoder::Embedder& model) {
  CollectionSchema schema{.model_folder = model.folder(),
                          .model_name = model.name(),
                          .model_fingerprint = model.fingerprint(),
                          .model_options = model.options(),
                          .dimension = model.dimension(),
                          .similarity = model.similarity()};
  schema.model_options.notes = nullptr;  // It belongs to whoever loaded the model.
  return schema;
}

}  // namespace gannet::indexer
