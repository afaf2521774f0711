#ifndef GANNET_INDEXER_COLLECTION_FILES_H_
#define GANNET_INDEXER_COLLECTION_FILES_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"

// What an operator does with the folder of a collection that nobody has open for writing.
namespace gannet::indexer {

enum class Repair {
  kNone,  // Look only.
  // Make again what follows from documents, passages and vectors, where these are sound. Where
  // changes are lost for good, let the collection be used with what is left.
  kDerivable,
};

struct VerifyReport {
  uint64_t documents = 0;
  uint64_t passages = 0;
  uint64_t segments = 0;
  uint64_t with_terms = 0;  // Documents; that others have none is no problem.
  uint64_t problems = 0;
  uint64_t repaired = 0;              // Of the problems.
  std::vector<std::string> examples;  // The first hundred, each naming file or entry.

  bool clean() const { return problems == repaired; }
};

// Checks every checksum (files of the store, segments, seal) and every cross reference (ids and
// documents; documents, passages and vectors; fields and metadata; terms and documents; segments
// and vectors; tombstones), and repairs what it may; terms that are damaged or lost can be computed
// again, so it only puts them out of the way. An error only where the collection cannot be read at
// all; what is found wrong in it is in the report.
absl::StatusOr<VerifyReport> Verify(const std::filesystem::path& folder, Repair repair,
                                    base::ThreadPool& pool);

// Copies the collection that Snapshot wrote to `snapshot` to `folder`, which must not exist, and
// verifies the copy. kDataLoss with the first problem when it is not clean; `folder` is then not
// made.
absl::Status Restore(const std::filesystem::path& snapshot, const std::filesystem::path& folder,
                     base::ThreadPool& pool);

enum class ExportVectors { kLeaveOut, kInclude };

// Calls `write` with one line of JSON per document, in the order of keys: `_id`, `title`, `text`
// and the fields of the metadata, as `gannet index` reads them; with vectors also `passages`, each
// with its span and vector. Stops at the first error of `write`.
absl::Status Export(const std::filesystem::path& folder, ExportVectors vectors,
                    absl::FunctionRef<absl::Status(std::string_view line)> write);

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_COLLECTION_FILES_H_
