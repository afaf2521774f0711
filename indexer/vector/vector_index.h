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
#include "indexer/document.h"
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
  std::span<const PassageKey> keys;  // Strictly ascending.
  std::span<const float> vectors;    // [keys, dimension], row-major.
};

struct VectorSearch {
  size_t k = 10;
  // HNSW: nodes kept in view (efSearch); IVF-PQ: lists looked through (nprobe). 0: 64 and 32. What
  // `k` and a filter need is added.
  size_t effort = 0;
  // Of the candidates found by approximate scores, how many are scored again with the exact
  // vectors; 0: four times k.
  size_t rescored = 0;
  RowFilter filter = {};
  // Share of the rows that the filter lets pass, where it is known; 0: estimated on a sample.
  double passing_share = 0;
};

// Vectors of passages, searched exactly (Flat) or approximately (HNSW, IVF-PQ), never changed
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

  // The same over vectors in any format, which become the exact ones: a search runs through rows of
  // `spec.format` only where these are narrower.
  static absl::StatusOr<std::unique_ptr<VectorIndex>> Build(const IndexSpec& spec,
                                                            std::vector<PassageKey> keys,
                                                            VectorTable vectors,
                                                            base::ThreadPool& pool);

  // The exact index of the vectors.
  static absl::StatusOr<std::unique_ptr<VectorIndex>> BuildFlat(std::vector<PassageKey> keys,
                                                                VectorTable vectors);

  absl::Status Save(const std::filesystem::path& path, std::string_view model_fingerprint) const;

  // kInvalidArgument for a query of another dimension or one that CheckVectors refuses.
  absl::StatusOr<std::vector<ScoredPassage>> Search(std::span<const float> query,
                                                    const VectorSearch& search) const;

  // The answer that Search approximates.
  absl::StatusOr<std::vector<ScoredPassage>> SearchExactly(std::span<const float> query, size_t k,
                                                           const RowFilter& filter = {}) const;

  // The best of some rows: ascending numbers below size().
  absl::StatusOr<std::vector<ScoredPassage>> SearchRows(std::span<const float> query, size_t k,
                                                        std::span<const uint32_t> rows) const;

  const IndexSpec& spec() const { return spec_; }
  size_t size() const { return keys_.size(); }
  std::span<const PassageKey> keys() const { return keys_; }  // Of each row; ascending.
  const VectorTable& vectors() const { return exact_; }       // Row by row.
  size_t dimension() const { return exact_.shape().dimension; }

  // Of the file that the index was read from; 0 where it was built.
  uint64_t file_checksum() const { return file_checksum_; }
  uint64_t file_bytes() const { return file_bytes_; }

  // What each vector takes: of what searches run through, and of the exact rows behind them (which
  // are the same for Flat and for HNSW over fp32; then the first counts only what is added).
  struct BytesPerVector {
    double searched = 0;
    double exact = 0;
  };
  BytesPerVector bytes_per_vector() const;

 private:
  VectorIndex(const IndexSpec& spec, std::vector<PassageKey> keys, VectorTable exact);

  static absl::StatusOr<std::unique_ptr<VectorIndex>> Read(
      const std::shared_ptr<const VectorFile>& file, Residence residence);

  bool IsShortened() const;
  // Whether the scores that candidates are found by are those of the exact vectors.
  bool scored_exactly() const { return spec_.kind == IndexKind::kHnsw && !shortened_; }
  const VectorTable& searched() const { return shortened_ ? *shortened_ : exact_; }
  absl::Status CheckQuery(std::span<const float> query) const;
  double PassingShare(const RowFilter& filter) const;
  std::vector<ScoredPassage> Rescore(std::span<const float> query,
                                     std::span<const uint32_t> rows) const;
  std::vector<ScoredPassage> Scan(std::span<const float> query, size_t k,
                                  const RowFilter& filter) const;

  IndexSpec spec_;
  const std::vector<PassageKey> keys_;
  VectorTable exact_;
  std::optional<VectorTable> shortened_;  // The same rows in spec_.format, where that is narrower.
  std::unique_ptr<CandidateFinder> finder_;  // Null for Flat.
  uint64_t file_checksum_ = 0;
  uint64_t file_bytes_ = 0;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_VECTOR_INDEX_H_
