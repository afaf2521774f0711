#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"
#include "indexer/collection/copy_files.h"
#include "indexer/collection/stored_collection.h"
#include "indexer/store/record.h"
#include "indexer/store/seal.h"

// Copies of a collection, and what says that two are equal.
namespace gannet::indexer {
namespace {

// Entries that tell how the work was done, not what came of it.
bool IsOperational(std::string_view entry) {
  return entry == kMeasuredRecallEntry || entry == kSampledRecallEntry ||
         entry.starts_with(kCheckpointPrefix);
}

absl::Status DigestMeta(const Store& store, const StoreSnapshot& snapshot,
                        base::Fingerprinter& digest) {
  const auto visit = [&](std::string_view key,
                         std::string_view value) -> absl::StatusOr<Store::Visiting> {
    if (IsOperational(key)) return Store::Visiting::kGoOn;
    digest.UpdateField(key);
    if (key == kTotalsEntry) {
      GANNET_ASSIGN_OR_RETURN(Totals totals, DecodeTotals(value));
      totals.sequence = 0;
      digest.UpdateField(EncodeTotals(totals));
    } else {
      digest.UpdateField(value);
    }
    return Store::Visiting::kGoOn;
  };
  return store.Visit(Family::kMeta, {}, visit, &snapshot);
}

absl::Status DigestFamily(const Store& store, Family family, const StoreSnapshot& snapshot,
                          base::Fingerprinter& digest) {
  digest.UpdateField(FamilyName(family));
  if (family == Family::kMeta) return DigestMeta(store, snapshot, digest);
  const auto visit = [&](std::string_view key,
                         std::string_view value) -> absl::StatusOr<Store::Visiting> {
    digest.UpdateField(key);
    digest.UpdateField(value);
    return Store::Visiting::kGoOn;
  };
  return store.Visit(family, {}, visit, &snapshot);
}

}  // namespace

absl::Status StoredCollection::Snapshot(const std::filesystem::path& folder) {
  // Segments stay as they are meanwhile; the store's checkpoint is of one moment by itself.
  const std::lock_guard lock(maintenance_);
  GANNET_ASSIGN_OR_RETURN(NewFolder made, NewFolder::Begin(folder));
  const CollectionPaths copy(made.path());
  GANNET_RETURN_IF_ERROR(base::CreateDirectories(copy.segments));
  GANNET_RETURN_IF_ERROR(store_->WriteCheckpoint(copy.store));
  const std::shared_ptr<const View> view = CurrentView();
  for (size_t i = 0; i < view->segments; ++i) {
    const Segment& segment = *view->parts[i].segment;
    if (segment.origin() != Segment::Origin::kFile) continue;
    GANNET_RETURN_IF_ERROR(LinkOrCopy(segment.path(), copy.segments / segment.path().filename()));
  }
  GANNET_ASSIGN_OR_RETURN(const auto copied, Store::OpenForReading(copy.store));
  GANNET_ASSIGN_OR_RETURN(const Totals totals, ReadTotals(*copied));
  GANNET_RETURN_IF_ERROR(WriteSeal(copy.seal, copy.store, totals));
  return made.Finish();
}

absl::StatusOr<std::string> StoredCollection::Digest() const {
  const std::lock_guard lock(maintenance_);
  const std::unique_ptr<StoreSnapshot> snapshot = store_->TakeSnapshot();
  const std::shared_ptr<const View> view = CurrentView();
  base::Fingerprinter digest;
  for (size_t i = 0; i < kFamilies; ++i) {
    GANNET_RETURN_IF_ERROR(DigestFamily(*store_, static_cast<Family>(i), *snapshot, digest));
  }
  for (size_t i = 0; i < view->segments; ++i) {
    GANNET_ASSIGN_OR_RETURN(const base::MappedFile file,
                            base::MappedFile::Open(view->parts[i].segment->path()));
    digest.UpdateField(file.bytes());
  }
  return digest.HexDigest();
}

}  // namespace gannet::indexer
