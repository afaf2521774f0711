#ifndef GANNET_INDEXER_COLLECTION_H_
#define GANNET_INDEXER_COLLECTION_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/embed/embedder.h"
#include "indexer/document.h"
#include "indexer/vector/vector_format.h"

namespace gannet::indexer {

struct Filter;

// What a collection was made with; fixed at its creation.
struct CollectionSchema {
  std::filesystem::path model_folder;  // Where the model was then; it may have moved since.
  std::string model_name;
  std::string model_fingerprint;
  encoder::ModelOptions model_options;
  size_t dimension = 0;
  encoder::Similarity similarity = encoder::Similarity::kCosine;
  VectorFormat vector_format = VectorFormat::kFp32;  // How vectors are kept.
  // What becomes of documents that are longer than the model reads, or than windows of a size.
  encoder::LongTextOptions long_text = {};
  // IndexSpec name of the segments, except those too small for it; empty: Flat or HNSW, by size.
  std::string index = {};

  static CollectionSchema Of(const encoder::Embedder& model);
};

enum class Access {
  kRead,      // As it is when opened; any number of processes may.
  kWrite,     // One process at a time, beside readers.
  kIndexing,  // As kWrite, for jobs that add much: what is added is searched after Publish only.
};

struct CollectionOptions {
  Access access = Access::kRead;
  // Maintain makes a segment of the growing part when it has this many passages.
  uint64_t seal_rows = 10'000;
  uint64_t segment_rows = 1'000'000;  // Most passages of a segment.
  // One of so many approximate searches is compared with the exact answer by Maintain; 0: none.
  uint64_t recall_sample_interval = 1'000;
  // Works while the collection is opened, where a segment must be made again; null: the caller
  // alone.
  base::ThreadPool* pool = nullptr;
};

// What a job keeps in the collection about how far it is, written with what it has stored.
struct Checkpoint {
  std::string name;
  std::string state;  // Empty: the checkpoint is removed.
};

struct ScoredDocument {
  DocumentKey key = 0;
  float score = 0;
  uint32_t passage = 0;  // Ordinal of the best passage, whose score it is.
};

enum class SearchMode {
  kAutomatic,  // Approximate where the segments' indexes are, unless a filter leaves little.
  kExact,
};

struct CollectionSearch {
  size_t k = 10;
  const Filter* filter = nullptr;  // Which documents may be found; null for all.
  size_t effort = 0;               // As in VectorSearch; 0 for its default.
  size_t rescored = 0;             // As in VectorSearch; 0 for its default.
  SearchMode mode = SearchMode::kAutomatic;
};

enum class SearchPlan { kExact, kApproximate };

struct SearchAnswer {
  std::vector<ScoredDocument> documents;  // Score descending, then key ascending.
  SearchPlan plan = SearchPlan::kExact;   // Whether every passage that may be found was scored.
  std::optional<uint64_t> passing;  // Documents that the filter lets pass, where there is one.
};

// How well approximate answers agree with exact ones: of the k documents that an exact search
// finds, the share that was found.
struct RecallFigures {
  uint64_t queries = 0;
  size_t k = 0;  // Of the last query.
  double mean = 0;
  double worst = 0;
};

struct RecallMeasurement {
  size_t queries = 100;  // Stored vectors of evenly spaced documents.
  size_t k = 10;
  size_t effort = 0;
  size_t rescored = 0;
};

// Whether changes are accepted, and if not, why.
struct CollectionHealth {
  bool writable = false;
  std::string reason = {};  // Empty when writable.
};

struct MaintenanceReport {
  uint64_t sealed_passages = 0;     // Went from the growing part into a segment.
  uint64_t merged_segments = 0;     // Became one.
  uint64_t rewritten_segments = 0;  // To leave out what was deleted.
  uint64_t recall_samples = 0;      // Were compared with exact answers.

  bool changed_segments() const {
    return sealed_passages + merged_segments + rewritten_segments > 0;
  }
};

struct SegmentInfo {
  std::string file;   // Name in the folder segments/.
  std::string index;  // "HNSW16,SQ8"
  uint64_t passages = 0;
  uint64_t deleted_passages = 0;
  uint64_t file_bytes = 0;
  bool from_store =
      false;  // The file was missing or damaged: its passages are in memory, unindexed.
};

struct CollectionInfo {
  uint64_t documents = 0;
  uint64_t passages = 0;
  uint64_t growing_passages = 0;  // Behind the last segment.
  uint64_t sequence = 0;          // Changes so far.
  DocumentKey next_key = 0;
  uint64_t store_bytes = 0;
  std::vector<SegmentInfo> segments;
  std::vector<std::string> checkpoints;       // Names.
  std::optional<RecallFigures> measured;      // By the last MeasureRecall.
  std::optional<RecallFigures> self_sampled;  // By Maintain, over all samples so far.
  std::vector<std::string> open_report;       // What opening found amiss, and what it did about it.
};

// Documents, their passages and vectors in one folder. RocksDB holds the truth (folder store/);
// vector indexes (folder segments/) are derived from it. Every change is atomic and on disk when it
// is acknowledged; changes of several threads that come together are written together. One object
// may be used from several threads; a search sees the collection as it was at one moment and waits
// for nobody.
//
// When a change cannot be written (disk full, I/O error) its caller gets the error, nothing of it
// becomes visible, and the collection turns read-only until Resume; further changes are
// kUnavailable with the reason, searches go on.
class Collection {
 public:
  // Opens the collection in `folder`. kNotFound when there is none; kUnavailable while another
  // process writes to it (not for Access::kRead); kDataLoss when files of the store are damaged or
  // come from an older state than the collection was left in. Missing or damaged files of segments
  // are made again from the store, or, under kRead, replaced by exact search over its vectors; the
  // open report says so.
  static absl::StatusOr<std::unique_ptr<Collection>> Open(const std::filesystem::path& folder,
                                                          const CollectionOptions& options = {});

  // The same, or creates an empty collection there. A collection made with another model, vector
  // format, index or treatment of long texts is refused (kFailedPrecondition), naming both. The
  // access may not be kRead.
  static absl::StatusOr<std::unique_ptr<Collection>> OpenOrCreate(
      const std::filesystem::path& folder, const CollectionSchema& schema,
      const CollectionOptions& options = {.access = Access::kWrite});

  // Also syncs and seals what was written.
  virtual ~Collection() = default;

  virtual const CollectionSchema& schema() const = 0;
  virtual uint64_t size() const = 0;         // Documents.
  virtual DocumentKey next_key() const = 0;  // Above every key ever used.
  virtual CollectionHealth health() const = 0;

  // Whether a document with this id and exactly this content is stored already.
  virtual absl::StatusOr<bool> Contains(const Document& document) const = 0;

  // Adds documents, or replaces those whose id is known (the last, where an id comes twice), in one
  // atomic batch: when Put returns OK all of it is on disk, otherwise nothing is. A document whose
  // title, text, passages or vectors differ from what is stored gets a new key, one with other
  // metadata alone keeps its key, one that differs in nothing is passed over. Keys that documents
  // bring must be ascending and not below next_key(). Under cosine similarity vectors are stored at
  // unit length. kInvalidArgument, naming document and value, for what cannot be stored.
  // `checkpoint`, when given, is written in the same batch, even where there are no documents.
  virtual absl::Status Put(std::span<const EmbeddedDocument> documents,
                           const Checkpoint* checkpoint = nullptr) = 0;

  // The same with documents out of a collection of the same schema, under their own keys, with the
  // very bytes of their vectors.
  virtual absl::Status PutStored(std::span<const StoredDocument> documents,
                                 const Checkpoint* checkpoint = nullptr) = 0;

  // The state of a checkpoint, or nullopt when there is none of this name.
  virtual absl::StatusOr<std::optional<std::string>> ReadCheckpoint(
      std::string_view name) const = 0;

  // Deletes the documents that there are of these, and returns how many there were.
  virtual absl::StatusOr<uint64_t> Delete(std::span<const std::string> ids) = 0;
  virtual absl::StatusOr<uint64_t> DeleteWhere(const Filter& filter) = 0;

  // Changes a document's metadata by a JSON merge patch (RFC 7396). kNotFound for an unknown id,
  // kInvalidArgument for a patch that is not a JSON object.
  virtual absl::Status UpdateMetadata(std::string_view id, std::string_view merge_patch_json) = 0;

  // kNotFound when there is no such document (any more).
  virtual absl::StatusOr<Document> Get(DocumentKey key) const = 0;
  virtual absl::StatusOr<std::string> GetId(DocumentKey key) const = 0;
  virtual absl::StatusOr<StoredDocument> GetStored(DocumentKey key) const = 0;
  virtual absl::StatusOr<std::vector<Passage>> GetPassages(DocumentKey key) const = 0;
  virtual absl::StatusOr<std::optional<DocumentKey>> FindKey(std::string_view id) const = 0;

  // The first `limit` documents above the key `after` (nullopt: from the beginning), in the order
  // of their keys.
  struct ScannedDocument {
    DocumentKey key = 0;
    Document document;
  };
  virtual absl::StatusOr<std::vector<ScannedDocument>> Scan(std::optional<DocumentKey> after,
                                                            size_t limit) const = 0;

  // How many documents a filter lets pass.
  virtual absl::StatusOr<uint64_t> Count(const Filter& filter) const = 0;

  // The documents whose best passages have the highest inner products with `query` (brought to unit
  // length under cosine similarity). kInvalidArgument for a query of another dimension or with
  // values that make no score; kFailedPrecondition under kIndexing, before Publish.
  virtual absl::StatusOr<SearchAnswer> Search(std::span<const float> query,
                                              const CollectionSearch& search) const = 0;

  // Does what is due, at most one thing of each kind: seals the growing part, merges segments of
  // like size, rewrites a segment with many deletions, compares recall samples. To be called now
  // and then by the collection's owner, best until nothing changed; searches and changes go on
  // meanwhile. An error leaves everything as it was.
  virtual absl::StatusOr<MaintenanceReport> Maintain(base::ThreadPool& pool) = 0;

  // Makes segments of everything that is in none, and merges segments until no merge is due. The
  // result depends on the content of the store and on the segments there were, not on
  // interruptions.
  virtual absl::StatusOr<MaintenanceReport> Publish(base::ThreadPool& pool) = 0;

  // Publishes, rewrites every segment that holds deleted passages, and compacts the store.
  virtual absl::StatusOr<MaintenanceReport> Compact(base::ThreadPool& pool) = 0;

  // Compares approximate with exact answers and keeps the figures for Info.
  virtual absl::StatusOr<RecallFigures> MeasureRecall(const RecallMeasurement& measurement,
                                                      base::ThreadPool& pool) = 0;

  virtual absl::StatusOr<CollectionInfo> Info() const = 0;

  // After an error made the collection read-only: tries to go on. The error says why not. The
  // change whose writing failed may turn out to have reached the disk; it is then visible, as it
  // would be to whoever opens the collection.
  virtual absl::Status Resume() = 0;

  // Copies the collection as it is at one moment into `folder`, which must not exist, while
  // searches and changes go on. On an error the folder is removed.
  virtual absl::Status Snapshot(const std::filesystem::path& folder) = 0;

  // 32 hexadecimal digits (XXH3, 128 bits) over every key and value of the store and over every
  // segment file, apart from what depends on how the work was divided and done: sequence number,
  // checkpoints, recall figures. Collections of the same digest hold the same bytes.
  virtual absl::StatusOr<std::string> Digest() const = 0;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_H_
