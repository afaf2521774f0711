#ifndef GANNET_INDEXER_STORE_SEAL_H_
#define GANNET_INDEXER_STORE_SEAL_H_

#include <cstdint>
#include <filesystem>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "indexer/store/record.h"

namespace gannet::indexer {

// The file `seal` beside a store: the totals that the store had at some moment, and how far its
// manifest (RocksDB's log of which tables it has) went, with a checksum. It is written after the
// store has synced them, when a collection is created, opened for writing, published, copied and
// closed; so a store that comes back from before them has lost data, however whole its files are.
struct Seal {
  Totals totals;
  uint64_t manifest = 0;        // The number in the name of the manifest.
  uint64_t manifest_bytes = 0;  // It only grows, until one with a higher number replaces it.
};

// Of the store in the folder `store`, whose totals are `totals`.
absl::Status WriteSeal(const std::filesystem::path& path, const std::filesystem::path& store,
                       const Totals& totals);

// nullopt when there is no file; kDataLoss, naming it, when it is damaged.
absl::StatusOr<std::optional<Seal>> ReadSeal(const std::filesystem::path& path);

// kDataLoss when the manifest of the store is older or shorter than it was when it was sealed: the
// store would open without some of its tables. To be asked before the store is opened, which begins
// a new manifest from what is left of the old one.
absl::Status CheckManifest(const std::optional<Seal>& seal, const std::filesystem::path& store);

// kDataLoss when `totals`, of the store, are not those of the seal or later ones, or when the seal
// of a store that has seen changes is missing.
absl::Status CheckSeal(const std::filesystem::path& path, const std::optional<Seal>& seal,
                       const Totals& totals);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_STORE_SEAL_H_
