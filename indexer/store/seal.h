#ifndef GANNET_INDEXER_STORE_SEAL_H_
#define GANNET_INDEXER_STORE_SEAL_H_

#include <filesystem>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "indexer/store/record.h"

namespace gannet::indexer {

// The file `seal` beside a store: the totals that the store had at some moment, with a checksum. It
// is written after the store has synced them, when a collection is created, published, copied and
// closed; so a store that comes back from before them has lost data, however whole its files are.

absl::Status WriteSeal(const std::filesystem::path& path, const Totals& totals);

// nullopt when there is no file; kDataLoss, naming it, when it is damaged.
absl::StatusOr<std::optional<Totals>> ReadSeal(const std::filesystem::path& path);

// kDataLoss when `totals`, of the store, are not those of the seal or later ones, or when the seal
// of a store that has seen changes is missing.
absl::Status CheckSeal(const std::filesystem::path& path, const std::optional<Totals>& seal,
                       const Totals& totals);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_STORE_SEAL_H_
