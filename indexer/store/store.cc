#include "indexer/store/store.h"

#include <fmt/format.h>
#include <rocksdb/db.h>

#include <array>
#include <cassert>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "indexer/store/record_internal.h"

namespace gannet::indexer {
namespace {

// Column families, in the order of State::handles.
enum Family : size_t { kMeta, kDocuments, kIds, kVectors, kFamilies };
constexpr std::array<const char*, kFamilies> kFamilyNames = {"default", "documents", "ids",
                                                             "vectors"};

constexpr std::string_view kSchemaEntry = "schema";
constexpr std::string_view kNextKeyEntry = "next_key";

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

// RocksDB logs and creates files beside its data even when only asked to look.
bool HasStore(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "CURRENT");
}

rocksdb::DBOptions DatabaseOptions() {
  rocksdb::DBOptions options;
  // A record that a crash left half written at the end was never acknowledged and is dropped; a
  // damaged record is an error, where RocksDB's default would drop it and all that follows.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> Families() {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : kFamilyNames) {
    rocksdb::ColumnFamilyOptions options;
    if (name == kFamilyNames[kVectors]) options.compression = rocksdb::kNoCompression;
    families.emplace_back(name, options);
  }
  return families;
}

}  // namespace

struct Store::State {
  explicit State(std::filesystem::path folder_in) : folder(std::move(folder_in)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  }

  absl::Status Convert(const rocksdb::Status& status) const {
    if (status.ok()) return absl::OkStatus();
    return absl::Status(CodeOf(status), fmt::format("{}: {}", folder.string(), status.ToString()));
  }

  // The value of a key, or nullopt when there is none.
  absl::StatusOr<std::optional<std::string>> Read(Family family, std::string_view key) const {
    std::string value;
    const rocksdb::Status status =
        db->Get(rocksdb::ReadOptions(), handles[family], ToSlice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    GANNET_RETURN_IF_ERROR(Convert(status));
    return value;
  }

  absl::Status Write(rocksdb::WriteBatch& batch) {
    rocksdb::WriteOptions options;
    options.sync = true;
    return Convert(db->Write(options, &batch));
  }

  const std::filesystem::path folder;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  DocumentKey next_key = 0;
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::OpenForReading(const std::filesystem::path& folder) {
  if (!HasStore(folder)) {
    return absl::NotFoundError(
        fmt::format("{}: no collection here", folder.parent_path().string()));
  }
  auto state = std::make_unique<State>(folder);
  rocksdb::DB* db = nullptr;
  GANNET_RETURN_IF_ERROR(state->Convert(rocksdb::DB::OpenForReadOnly(
      DatabaseOptions(), folder.string(), Families(), &state->handles, &db)));
  state->db.reset(db);
  return Open(std::move(state));
}

absl::StatusOr<std::unique_ptr<Store>> Store::OpenForWriting(const std::filesystem::path& folder) {
  GANNET_RETURN_IF_ERROR(base::CreateDirectories(folder));
  auto state = std::make_unique<State>(folder);
  rocksdb::DBOptions options = DatabaseOptions();
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(options, folder.string(), Families(), &state->handles, &db);
  if (status.IsIOError() && status.ToString().find("lock") != std::string::npos) {
    return absl::UnavailableError(
        fmt::format("{}: another process is writing to this collection", folder.string()));
  }
  GANNET_RETURN_IF_ERROR(state->Convert(status));
  state->db.reset(db);
  return Open(std::move(state));
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(std::unique_ptr<State> state) {
  GANNET_ASSIGN_OR_RETURN(const auto next_key, state->Read(kMeta, kNextKeyEntry));
  if (next_key.has_value()) {
    GANNET_ASSIGN_OR_RETURN(state->next_key, DecodeKey(*next_key));
  }
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

absl::StatusOr<std::optional<CollectionSchema>> Store::ReadSchema() const {
  GANNET_ASSIGN_OR_RETURN(const auto text, state_->Read(kMeta, kSchemaEntry));
  if (!text.has_value()) return std::nullopt;
  absl::StatusOr<CollectionSchema> schema = DecodeSchema(*text);
  if (!schema.ok()) return base::Annotate(schema.status(), state_->folder.string());
  return *std::move(schema);
}

absl::Status Store::WriteSchema(const CollectionSchema& schema) {
  rocksdb::WriteBatch batch;
  batch.Put(state_->handles[kMeta], ToSlice(kSchemaEntry), EncodeSchema(schema));
  return state_->Write(batch);
}

absl::StatusOr<std::vector<DocumentKey>> Store::Put(std::span<const Document> documents,
                                                    std::span<const float> vectors) {
  if (documents.empty()) return std::vector<DocumentKey>();
  const size_t dimension = vectors.size() / documents.size();
  assert(vectors.size() == documents.size() * dimension);
  rocksdb::WriteBatch batch;
  std::vector<DocumentKey> keys;
  std::unordered_map<std::string_view, DocumentKey> fresh;  // Ids that this batch brings.
  DocumentKey next_key = state_->next_key;
  for (size_t i = 0; i < documents.size(); ++i) {
    const Document& document = documents[i];
    GANNET_ASSIGN_OR_RETURN(std::optional<DocumentKey> key, FindKey(document.id));
    if (const auto found = fresh.find(document.id); found != fresh.end()) key = found->second;
    if (!key.has_value()) {
      key = next_key++;
      fresh.emplace(document.id, *key);
      batch.Put(state_->handles[kIds], document.id, EncodeKey(*key));
    }
    const std::span<const float> vector = vectors.subspan(i * dimension, dimension);
    batch.Put(state_->handles[kDocuments], EncodeKey(*key), EncodeDocument(document));
    batch.Put(state_->handles[kVectors], EncodeKey(*key),
              {reinterpret_cast<const char*>(vector.data()), vector.size_bytes()});
    keys.push_back(*key);
  }
  batch.Put(state_->handles[kMeta], ToSlice(kNextKeyEntry), EncodeKey(next_key));
  GANNET_RETURN_IF_ERROR(state_->Write(batch));
  state_->next_key = next_key;
  return keys;
}

absl::StatusOr<std::optional<DocumentKey>> Store::FindKey(std::string_view id) const {
  GANNET_ASSIGN_OR_RETURN(const auto bytes, state_->Read(kIds, id));
  if (!bytes.has_value()) return std::nullopt;
  absl::StatusOr<DocumentKey> key = DecodeKey(*bytes);
  if (!key.ok()) return base::Annotate(key.status(), state_->folder.string());
  return *key;
}

absl::StatusOr<Document> Store::Get(DocumentKey key) const {
  GANNET_ASSIGN_OR_RETURN(const auto bytes, state_->Read(kDocuments, EncodeKey(key)));
  if (!bytes.has_value()) {
    return absl::NotFoundError(fmt::format("{}: no document {}", state_->folder.string(), key));
  }
  absl::StatusOr<Document> document = DecodeDocument(*bytes);
  if (!document.ok()) {
    return base::Annotate(document.status(),
                          fmt::format("{}: document {}", state_->folder.string(), key));
  }
  return document;
}

absl::Status Store::VisitVectors(
    absl::FunctionRef<absl::Status(DocumentKey, std::span<const float>)> visit) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> entry(
      state_->db->NewIterator(options, state_->handles[kVectors]));
  std::vector<float> vector;
  for (entry->SeekToFirst(); entry->Valid(); entry->Next()) {
    absl::StatusOr<DocumentKey> key = DecodeKey(FromSlice(entry->key()));
    if (!key.ok()) return base::Annotate(key.status(), state_->folder.string());
    if (entry->value().size() % sizeof(float) != 0) {
      return absl::DataLossError(fmt::format("{}: vector {} has {} bytes", state_->folder.string(),
                                             *key, entry->value().size()));
    }
    vector.resize(entry->value().size() / sizeof(float));
    std::memcpy(vector.data(), entry->value().data(), entry->value().size());
    GANNET_RETURN_IF_ERROR(visit(*key, vector));
  }
  return state_->Convert(entry->status());
}

}  // namespace gannet::indexer
