#ifndef GANNET_INDEXER_STORE_STORE_H_
#define GANNET_INDEXER_STORE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gannet::indexer {

// The column families of a collection's store. Keys are bytes whose order is the order of what they
// stand for; their values are those of record.h.
enum class Family : uint8_t {
  kMeta,        // name -> what the collection knows of itself
  kIds,         // external id -> document key
  kDocuments,   // document key -> id, title, text, fingerprint, ordinal
  kMetadata,    // document key -> JSON
  kPassages,    // document key -> spans
  kVectors,     // passage key -> vector record
  kFields,      // (field, value), document key -> nothing
  kTombstones,  // document key -> nothing: deleted, but still in a segment
  kTerms,       // document key -> term representations; stores of before it lack the family
};
inline constexpr size_t kFamilies = 9;

std::string_view FamilyName(Family family);

// The store as it was at one moment; must not outlive it. A thread that holds one reads through it:
// Store::Resume waits until it is gone.
class StoreSnapshot {
 public:
  StoreSnapshot(const StoreSnapshot&) = delete;
  StoreSnapshot& operator=(const StoreSnapshot&) = delete;
  ~StoreSnapshot();

 private:
  friend class Store;
  struct State;
  explicit StoreSnapshot(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Store;

// Changes that are written together, or not at all. Reads see them on top of the store, which must
// outlive the batch.
class StoreBatch {
 public:
  explicit StoreBatch(const Store& store);
  StoreBatch(const StoreBatch&) = delete;
  StoreBatch& operator=(const StoreBatch&) = delete;
  ~StoreBatch();

  void Put(Family family, std::string_view key, std::string_view value);
  void Delete(Family family, std::string_view key);
  absl::StatusOr<std::optional<std::string>> Read(Family family, std::string_view key) const;

  // RollBack takes back every change since the last Mark.
  void Mark();
  absl::Status RollBack();

  bool empty() const;

 private:
  friend class Store;
  struct State;
  std::unique_ptr<State> state_;
};

// The truth of a collection in one RocksDB. Every batch is atomic and synced before it is
// acknowledged; every block that is read is verified. Errors name the folder. Safe to use from
// several threads.
class Store {
 public:
  // The store as it is now. kNotFound when there is none in `folder`; kDataLoss when it is damaged.
  static absl::StatusOr<std::unique_ptr<Store>> OpenForReading(const std::filesystem::path& folder);

  // kUnavailable while another process writes to it.
  static absl::StatusOr<std::unique_ptr<Store>> OpenForWriting(const std::filesystem::path& folder);

  // OpenForWriting, or a new store where there is none, or one whose making was interrupted.
  static absl::StatusOr<std::unique_ptr<Store>> OpenOrCreate(const std::filesystem::path& folder);

  ~Store();

  std::unique_ptr<StoreSnapshot> TakeSnapshot() const;

  // The value of a key, or nullopt when there is none; at the moment of `snapshot`, where given.
  absl::StatusOr<std::optional<std::string>> Read(Family family, std::string_view key,
                                                  const StoreSnapshot* snapshot = nullptr) const;

  // Calls `visit` with the entries from `first` up to, but not including, `end` (empty: no end), in
  // the order of their keys, all of one moment, until it returns kStop or an error.
  enum class Visiting { kGoOn, kStop };
  struct Range {
    std::string first = {};
    std::string end = {};
  };
  using Visitor =
      absl::FunctionRef<absl::StatusOr<Visiting>(std::string_view key, std::string_view value)>;
  absl::Status Visit(Family family, const Range& range, Visitor visit,
                     const StoreSnapshot* snapshot = nullptr) const;

  // Writes the batch and syncs it.
  absl::Status Commit(StoreBatch& batch);

  // Why it takes no more changes: an error of the database's own threads, which write what was
  // committed into table files. OK while it does.
  absl::Status CheckRunning() const;

  // After a failed write: makes the store writable again, where the cause is gone, by opening it
  // anew; waits for reads that are under way, and lets others wait. A batch whose writing failed
  // may be there afterwards. On an error the store can still be read, if at all possible.
  absl::Status Resume();

  // Moves everything from memory and log into table files.
  absl::Status Flush();
  // Rewrites the tables without what was deleted or overwritten.
  absl::Status Compact();
  // Reads every block of every file. kDataLoss names the first that is damaged.
  absl::Status VerifyChecksums() const;
  // Makes `folder`, absent before, a store with everything that is committed now.
  absl::Status WriteCheckpoint(const std::filesystem::path& folder) const;

  const std::filesystem::path& folder() const;

 private:
  friend class StoreBatch;
  friend class StoreSnapshot;
  struct State;
  class Use;
  explicit Store(std::unique_ptr<State> state);

  enum class Creation { kAllowed, kForbidden };
  static absl::StatusOr<std::unique_ptr<Store>> OpenWritable(const std::filesystem::path& folder,
                                                             Creation creation);
  absl::Status Reopen();

  std::unique_ptr<State> state_;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_STORE_STORE_H_
