#include "indexer/store/store.h"

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/utilities/write_batch_with_index.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <condition_variable>
#include <cstdarg>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/status.h"

namespace gannet::indexer {
namespace {

// In the order of Family.
constexpr std::array<const char*, kFamilies> kFamilyNames = {"default",  "ids",        "documents",
                                                             "metadata", "passages",   "vectors",
                                                             "fields",   "tombstones", "terms"};

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view FromSlice(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// What went wrong, by the codes that callers act on.
absl::StatusCode CodeOf(const rocksdb::Status& status) {
  if (status.IsNotFound()) return absl::StatusCode::kNotFound;
  if (status.IsCorruption()) return absl::StatusCode::kDataLoss;
  if (status.IsNoSpace()) return absl::StatusCode::kResourceExhausted;
  if (status.IsNotSupported()) return absl::StatusCode::kFailedPrecondition;
  if (status.IsBusy() || status.IsTimedOut()) return absl::StatusCode::kUnavailable;
  return absl::StatusCode::kInternal;
}

// Nothing: errors are in statuses. A log file would end the process, because Debian's RocksDB has
// assertions, one of them against writing on to a file that could not be written to once.
class NoLog final : public rocksdb::Logger {
 public:
  void LogHeader(const char*, va_list) override {}
  void Logv(const char*, va_list) override {}
  void Logv(rocksdb::InfoLogLevel, const char*, va_list) override {}
};

// Keeps the first error of the database's own threads: until it is resumed it takes no changes.
class ErrorKeeper final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override {
    const std::lock_guard lock(mutex_);
    if (first_.ok()) first_ = *error;
  }
  rocksdb::Status first() const {
    const std::lock_guard lock(mutex_);
    return first_;
  }
  void Forget() {
    const std::lock_guard lock(mutex_);
    first_ = rocksdb::Status::OK();
  }

 private:
  mutable std::mutex mutex_;
  rocksdb::Status first_;
};

rocksdb::DBOptions DatabaseOptions() {
  rocksdb::DBOptions options;
  // A record that a crash left half written at the end was never acknowledged and is dropped; a
  // damaged record is an error, where RocksDB's default would drop it and all that follows.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  // Families come back from the same moment even where the log is gone.
  options.atomic_flush = true;
  // After an error the owner decides when to go on: see Resume.
  options.max_bgerror_resume_count = 0;
  options.info_log = std::make_shared<NoLog>();
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> Families() {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : kFamilyNames) {
    rocksdb::ColumnFamilyOptions options;
    rocksdb::BlockBasedTableOptions table;
    if (name == kFamilyNames[static_cast<size_t>(Family::kVectors)] ||
        name == kFamilyNames[static_cast<size_t>(Family::kTerms)]) {
      options.compression = rocksdb::kNoCompression;
      table.block_size = size_t{64} << 10;
    }
    // Most ids that are looked up during indexing are new.
    if (name == kFamilyNames[static_cast<size_t>(Family::kIds)]) {
      table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    }
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    families.emplace_back(name, options);
  }
  return families;
}

// How many of the families, which are made in their order, a sound store has; 0 where it has
// others.
size_t CountFamilies(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  const rocksdb::Status listed =
      rocksdb::DB::ListColumnFamilies(DatabaseOptions(), folder.string(), &names);
  if (!listed.ok() || names.size() > kFamilies) return 0;  // Opening it says what is wrong.
  std::vector<std::string> expected(kFamilyNames.begin(), kFamilyNames.begin() + names.size());
  std::sort(names.begin(), names.end());
  std::sort(expected.begin(), expected.end());
  return names == expected ? names.size() : 0;
}

// Whether a sound store was made before there was the last family.
bool LacksTerms(const std::filesystem::path& folder) {
  return CountFamilies(folder) == kFamilies - 1;
}

// Whether a process died while it made the store, before there was anything in it: before all
// families, or before CURRENT, when there are only the files that RocksDB writes ahead of it.
bool IsHalfMade(const std::filesystem::path& folder) {
  std::error_code unreadable;
  if (std::filesystem::exists(folder / "CURRENT", unreadable)) {
    const size_t families = CountFamilies(folder);
    return families > 0 && families < kFamilies - 1;
  }
  const std::filesystem::directory_iterator files(folder, unreadable);
  return !unreadable && std::all_of(begin(files), end(files), [](const auto& file) {
    const std::string name = file.path().filename().string();
    return name == "LOCK" || name == "IDENTITY" || name.starts_with("MANIFEST-") ||
           name.ends_with(".dbtmp");
  });
}

absl::Status HalfMadeError(const std::filesystem::path& folder) {
  return absl::NotFoundError(
      fmt::format("{}: half a store, whose making was cut short", folder.string()));
}

bool IsAbsentOrEmpty(const std::filesystem::path& folder) {
  std::error_code error;
  return !std::filesystem::exists(folder, error) || std::filesystem::is_empty(folder, error);
}

}  // namespace

std::string_view FamilyName(Family family) {
  return family == Family::kMeta ? "meta" : kFamilyNames[static_cast<size_t>(family)];
}

struct Store::State {
  explicit State(std::filesystem::path folder_in) : folder(std::move(folder_in)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { Close(); }

  rocksdb::Status Open(rocksdb::DBOptions options) {
    options.listeners.push_back(errors);
    rocksdb::DB* opened = nullptr;
    rocksdb::Status status =
        rocksdb::DB::Open(options, folder.string(), Families(), &handles, &opened);
    db.reset(opened);
    return status;
  }

  rocksdb::Status OpenReadOnly() {
    std::vector<rocksdb::ColumnFamilyDescriptor> families = Families();
    rocksdb::DB* opened = nullptr;
    const auto open = [&] {
      return rocksdb::DB::OpenForReadOnly(DatabaseOptions(), folder.string(), families, &handles,
                                          &opened);
    };
    rocksdb::Status status = open();
    if (status.IsInvalidArgument() && LacksTerms(folder)) {
      families.pop_back();
      status = open();
    }
    db.reset(opened);
    return status;
  }

  void Close() {
    for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
    handles.clear();
    db.reset();
  }

  absl::Status Convert(const rocksdb::Status& status) const {
    if (status.ok()) return absl::OkStatus();
    return absl::Status(CodeOf(status), fmt::format("{}: {}", folder.string(), status.ToString()));
  }

  absl::Status CheckOpen() const {
    if (db != nullptr) return absl::OkStatus();
    return absl::UnavailableError(fmt::format("{}: could not be opened again", folder.string()));
  }

  // False for what a store of before has no family for, when it is opened for reading.
  bool Has(Family family) const { return static_cast<size_t>(family) < handles.size(); }
  rocksdb::ColumnFamilyHandle* Handle(Family family) const {
    return handles[static_cast<size_t>(family)];
  }

  const std::filesystem::path folder;
  std::unique_ptr<rocksdb::DB> db;  // Null after a Resume that failed altogether.
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const std::shared_ptr<ErrorKeeper> errors = std::make_shared<ErrorKeeper>();

  std::mutex use_mutex;
  std::condition_variable use_changed;
  size_t users = 0;
  bool reopening = false;
};

// Keeps the database from being opened anew. May end on another thread than it began on, which a
// shared_mutex would not allow.
class Store::Use {
 public:
  explicit Use(State& state) : state_(state) {
    std::unique_lock lock(state.use_mutex);
    state.use_changed.wait(lock, [&] { return !state.reopening; });
    ++state.users;
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    const std::lock_guard lock(state_.use_mutex);
    if (--state_.users == 0) state_.use_changed.notify_all();
  }

 private:
  State& state_;
};

struct StoreSnapshot::State {
  explicit State(Store::State& store)
      : use(store), db(store.db.get()), snapshot(db != nullptr ? db->GetSnapshot() : nullptr) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (snapshot != nullptr) db->ReleaseSnapshot(snapshot);
  }

  const Store::Use use;
  rocksdb::DB* const db;
  const rocksdb::Snapshot* const snapshot;  // Null in a store that does not change.
};

StoreSnapshot::StoreSnapshot(std::unique_ptr<State> state) : state_(std::move(state)) {}
StoreSnapshot::~StoreSnapshot() = default;

struct StoreBatch::State {
  explicit State(const Store& store_in) : store(*store_in.state_), use(store) {}

  Store::State& store;
  const Store::Use use;
  rocksdb::WriteBatchWithIndex batch{rocksdb::BytewiseComparator(), 0, /*overwrite_key=*/true};
};

StoreBatch::StoreBatch(const Store& store) : state_(std::make_unique<State>(store)) {}
StoreBatch::~StoreBatch() = default;

void StoreBatch::Put(Family family, std::string_view key, std::string_view value) {
  // It fails only where a batch has a size limit, and this one has none.
  const rocksdb::Status status =
      state_->batch.Put(state_->store.Handle(family), ToSlice(key), ToSlice(value));
  assert(status.ok());
  (void)status;
}

void StoreBatch::Delete(Family family, std::string_view key) {
  const rocksdb::Status status = state_->batch.Delete(state_->store.Handle(family), ToSlice(key));
  assert(status.ok());
  (void)status;
}

absl::StatusOr<std::optional<std::string>> StoreBatch::Read(Family family,
                                                            std::string_view key) const {
  GANNET_RETURN_IF_ERROR(state_->store.CheckOpen());
  std::string value;
  const rocksdb::Status status =
      state_->batch.GetFromBatchAndDB(state_->store.db.get(), rocksdb::ReadOptions(),
                                      state_->store.Handle(family), ToSlice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  GANNET_RETURN_IF_ERROR(state_->store.Convert(status));
  return value;
}

void StoreBatch::Mark() { state_->batch.SetSavePoint(); }

absl::Status StoreBatch::RollBack() {
  return state_->store.Convert(state_->batch.RollbackToSavePoint());
}

bool StoreBatch::empty() const { return state_->batch.GetWriteBatch()->Count() == 0; }

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

const std::filesystem::path& Store::folder() const { return state_->folder; }

absl::StatusOr<std::unique_ptr<Store>> Store::OpenForReading(const std::filesystem::path& folder) {
  // RocksDB creates files even where it is only asked to look.
  if (IsAbsentOrEmpty(folder)) {
    return absl::NotFoundError(
        fmt::format("{}: no collection here", folder.parent_path().string()));
  }
  auto state = std::make_unique<State>(folder);
  // A writer may remove files between the reading of their list and their opening: once more, with
  // the list of then.
  constexpr int kTries = 4;
  rocksdb::Status status;
  for (int i = 0; i < kTries; ++i) {
    status = state->OpenReadOnly();
    if (!status.IsIOError() && !status.IsCorruption() && !status.IsNotFound()) break;
  }
  if (!status.ok() && IsHalfMade(folder)) return HalfMadeError(folder);
  if (status.IsNotFound()) {
    return absl::DataLossError(fmt::format("{}: {}", folder.string(), status.ToString()));
  }
  GANNET_RETURN_IF_ERROR(state->Convert(status));
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

absl::StatusOr<std::unique_ptr<Store>> Store::OpenForWriting(const std::filesystem::path& folder) {
  if (IsAbsentOrEmpty(folder)) {
    return absl::NotFoundError(
        fmt::format("{}: no collection here", folder.parent_path().string()));
  }
  return OpenWritable(folder, Creation::kForbidden);
}

absl::StatusOr<std::unique_ptr<Store>> Store::OpenOrCreate(const std::filesystem::path& folder) {
  GANNET_RETURN_IF_ERROR(base::CreateDirectories(folder));
  return OpenWritable(folder, Creation::kAllowed);
}

absl::StatusOr<std::unique_ptr<Store>> Store::OpenWritable(const std::filesystem::path& folder,
                                                           Creation creation) {
  auto state = std::make_unique<State>(folder);
  rocksdb::DBOptions options = DatabaseOptions();
  options.create_if_missing = creation == Creation::kAllowed;
  options.create_missing_column_families = creation == Creation::kAllowed;
  rocksdb::Status status = state->Open(options);
  if (status.IsInvalidArgument() && LacksTerms(folder)) {
    options.create_missing_column_families = true;
    status = state->Open(options);
  }
  const std::string message = status.ToString();
  if (status.IsIOError() && (message.find("lock file") != std::string::npos ||
                             message.find("lock hold") != std::string::npos)) {
    return absl::UnavailableError(
        fmt::format("{}: another process is writing to this collection", folder.string()));
  }
  if (!status.ok() && IsHalfMade(folder)) return HalfMadeError(folder);
  // "does not exist (create_if_missing is false)": files are there, but not the one that counts.
  if (status.IsInvalidArgument() || status.IsNotFound()) {
    return absl::DataLossError(fmt::format("{}: {}", folder.string(), message));
  }
  GANNET_RETURN_IF_ERROR(state->Convert(status));
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

std::unique_ptr<StoreSnapshot> Store::TakeSnapshot() const {
  return std::unique_ptr<StoreSnapshot>(
      new StoreSnapshot(std::make_unique<StoreSnapshot::State>(*state_)));
}

absl::StatusOr<std::optional<std::string>> Store::Read(Family family, std::string_view key,
                                                       const StoreSnapshot* snapshot) const {
  std::optional<Use> use;
  if (snapshot == nullptr) use.emplace(*state_);
  GANNET_RETURN_IF_ERROR(state_->CheckOpen());
  if (!state_->Has(family)) return std::nullopt;
  rocksdb::ReadOptions options;
  if (snapshot != nullptr) options.snapshot = snapshot->state_->snapshot;
  std::string value;
  const rocksdb::Status status =
      state_->db->Get(options, state_->Handle(family), ToSlice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  GANNET_RETURN_IF_ERROR(state_->Convert(status));
  return value;
}

absl::Status Store::Visit(Family family, const Range& range, Visitor visit,
                          const StoreSnapshot* snapshot) const {
  std::optional<Use> use;
  if (snapshot == nullptr) use.emplace(*state_);
  GANNET_RETURN_IF_ERROR(state_->CheckOpen());
  if (!state_->Has(family)) return absl::OkStatus();
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  if (snapshot != nullptr) options.snapshot = snapshot->state_->snapshot;
  const rocksdb::Slice end = range.end;
  if (!range.end.empty()) options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> entry(
      state_->db->NewIterator(options, state_->Handle(family)));
  for (entry->Seek(range.first); entry->Valid(); entry->Next()) {
    absl::StatusOr<Visiting> visiting = visit(FromSlice(entry->key()), FromSlice(entry->value()));
    if (!visiting.ok()) return base::Annotate(visiting.status(), state_->folder.string());
    if (*visiting == Visiting::kStop) return absl::OkStatus();
  }
  return state_->Convert(entry->status());
}

absl::Status Store::Commit(StoreBatch& batch) {  // The batch uses the database.
  GANNET_RETURN_IF_ERROR(state_->CheckOpen());
  rocksdb::WriteOptions options;
  options.sync = true;
  return state_->Convert(state_->db->Write(options, batch.state_->batch.GetWriteBatch()));
}

absl::Status Store::CheckRunning() const { return state_->Convert(state_->errors->first()); }

absl::Status Store::Resume() {
  std::unique_lock lock(state_->use_mutex);
  state_->use_changed.wait(lock, [&] { return !state_->reopening; });
  state_->reopening = true;
  state_->use_changed.wait(lock, [&] { return state_->users == 0; });
  lock.unlock();
  const absl::Status resumed = Reopen();
  lock.lock();
  state_->reopening = false;
  state_->use_changed.notify_all();
  return resumed;
}

// RocksDB's own Resume says that all is well after some errors, and goes on with a log that it
// cannot write to.
absl::Status Store::Reopen() {
  state_->Close();
  const rocksdb::Status opened = state_->Open(DatabaseOptions());
  if (opened.ok()) {
    state_->errors->Forget();
    return absl::OkStatus();
  }
  state_->OpenReadOnly().PermitUncheckedError();  // Else nothing can be read: see CheckOpen.
  return state_->Convert(opened);
}

absl::Status Store::Flush() {
  const Use use(*state_);
  GANNET_RETURN_IF_ERROR(state_->CheckOpen());
  return state_->Convert(state_->db->Flush(rocksdb::FlushOptions(), state_->handles));
}

absl::Status Store::Compact() {
  const Use use(*state_);
  GANNET_RETURN_IF_ERROR(state_->CheckOpen());
  for (rocksdb::ColumnFamilyHandle* handle : state_->handles) {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    GANNET_RETURN_IF_ERROR(
        state_->Convert(state_->db->CompactRange(options, handle, nullptr, nullptr)));
  }
  return absl::OkStatus();
}

absl::Status Store::VerifyChecksums() const {
  const Use use(*state_);
  GANNET_RETURN_IF_ERROR(state_->CheckOpen());
  return state_->Convert(state_->db->VerifyChecksum());
}

absl::Status Store::WriteCheckpoint(const std::filesystem::path& folder) const {
  const Use use(*state_);
  GANNET_RETURN_IF_ERROR(state_->CheckOpen());
  rocksdb::Checkpoint* made = nullptr;
  GANNET_RETURN_IF_ERROR(state_->Convert(rocksdb::Checkpoint::Create(state_->db.get(), &made)));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  return state_->Convert(checkpoint->CreateCheckpoint(folder.string()));
}

}  // namespace gannet::indexer
