#ifndef GANNET_INDEXER_VECTOR_VECTOR_INDEX_H_
#define GANNET_INDEXER_VECTOR_VECTOR_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "indexer/collection.h"
#include "indexer/vector/exact_scan.h"
#include "indexer/vector/index_spec.h"
#include "indexer/vector/vector_table.h"

namespace gannet::indexer {

class CandidateFinder;
class VectorFile;

// The vectors that an index is made of; row i belongs to keys[i].
struct VectorRows {
  Metric metric = Metric::kInnerProduct;
  size_t dimension = 0;
  std::span<const DocumentKey> keys;  // Strictly ascending.
  std::span<const float> vectors;     // [keys, dimension], row-major.
};

struct VectorSearch {
  size_t k = 10;
  // HNSW: nodes kept in view (efSearch); IVF-PQ: lists looked through (nprobe). 0: 64 and 32. What
  // `k` and a filter need is added.
  size_t effort = 0;
  // Of the candidates found by approximate scores, how many are scored again with the exact
  // vectors; 0: four times k.
  size_t rescored = 0;
  KeyFilter filter;
};

// Vectors of documents, searched exactly (Flat) or approximately (HNSW, IVF-PQ), never changed
// after they were built. Scores are exact in every case: candidates found by shortened vectors are
// scored again. Answers rank by score descending, then key ascending, on the calling thread;
// searches may run side by side.
//
// A filter never costs recall: a search widens by the share of documents that pass, estimated on a
// sample, and becomes a scan of those that pass where that is less work, or where fewer than k were
// found.
class VectorIndex {
 public:
  // Where the exact vectors of an opened index lie: in the file, which stays mapped, or in memory.
  enum class Residence { kMapped, kMemory };

  // kInvalidArgument for keys out of order, vectors that CheckVectors refuses, or fewer vectors
  // than the spec can be trained with. The same index for any number of threads.
  static absl::StatusOr<std::unique_ptr<VectorIndex>> Build(const IndexSpec& spec,
                                                            const VectorRows& rows,
                                                            base::ThreadPool& pool);

  // Reads what Save wrote, after verifying every byte. kFailedPrecondition when it was made with
  // another model; else the errors of VectorFile::Open.
  static absl::StatusOr<std::unique_ptr<VectorIndex>> Open(
      const std::filesystem::path& path, std::string_view model_fingerprint,
      Residence residence = Residence::kMapped);

  VectorIndex(const VectorIndex&) = delete;
  VectorIndex& operator=(const VectorIndex&) = delete;
  ~VectorIndex();

  absl::Status Save(const std::filesystem::path& path, std::string_view model_fingerprint) const;

  // kInvalidArgument for a query of another dimension or one that CheckVectors refuses.
  absl::StatusOr<std::vector<ScoredDocument>> Search(std::span<const float> query,
                                                     const VectorSearch& search) const;

  // The answer that Search approximates.
  absl::StatusOr<std::vector<ScoredDocument>> SearchExactly(std::span<const float> query, size_t k,
                                                            const KeyFilter& filter = {}) const;

  const IndexSpec& spec() const { return spec_; }
  size_t size() const { return keys_.size(); }
  size_t dimension() const { return exact_.shape().dimension; }

  // What each vector takes: of what searches run through, and of the exact rows behind them (which
  // are the same for Flat and for HNSW over fp32; then the first counts only what is added).
  struct BytesPerVector {
    double searched = 0;
    double exact = 0;
  };
  BytesPerVector bytes_per_vector() const;

 private:
  VectorIndex(const IndexSpec& spec, VectorTable exact);

  static absl::StatusOr<std::unique_ptr<VectorIndex>> Read(
      const std::shared_ptr<const VectorFile>& file, Residence residence);

  // Whether the scores that candidates are found by are those of the exact vectors.
  bool scored_exactly() const { return spec_.kind == IndexKind::kHnsw && !shortened_; }
  const VectorTable& searched() const { return shortened_ ? *shortened_ : exact_; }
  absl::Status CheckQuery(std::span<const float> query) const;
  double PassingShare(const KeyFilter& filter) const;
  std::vector<ScoredDocument> Rescore(std::span<const float> query,
                                      std::span<const uint32_t> rows) const;
  std::vector<ScoredDocument> Scan(std::span<const float> query, size_t k,
                                   const KeyFilter& filter) const;

  const IndexSpec spec_;
  std::vector<DocumentKey> keys_;
  VectorTable exact_;                     // fp32
  std::optional<VectorTable> shortened_;  // The same rows in spec_.format, where that is another.
  std::unique_ptr<CandidateFinder> finder_;  // Null for Flat.
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_VECTOR_INDEX_H_
