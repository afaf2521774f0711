#ifndef GANNET_INDEXER_VECTOR_INDEX_SPEC_H_
#define GANNET_INDEXER_VECTOR_INDEX_SPEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "indexer/vector/hnsw_graph.h"
#include "indexer/vector/vector_table.h"

namespace gannet::indexer {

enum class IndexKind : uint8_t { kFlat, kHnsw, kIvfPq };

struct IvfPqOptions {
  size_t lists = 0;          // Cells of the inverted file (nlist).
  size_t code_bytes = 0;     // Blocks of the product quantiser, one byte each.
  size_t opq_blocks = 0;     // Of the rotation before it; 0 for none.
  size_t opq_dimension = 0;  // What it reduces vectors to; 0 keeps their dimension.

  friend bool operator==(const IvfPqOptions&, const IvfPqOptions&) = default;
};

// What a vector index is, in the words of faiss::index_factory.
struct IndexSpec {
  IndexKind kind = IndexKind::kFlat;
  VectorFormat format = VectorFormat::kFp32;  // kHnsw: what the search scores along the way.
  HnswOptions hnsw;                           // kHnsw
  IvfPqOptions ivf_pq;                        // kIvfPq

  // Reads
  //   Flat
  //   HNSW[M][,Flat|,SQfp16|,SQ8]                M: 16 when absent, 2 to 512
  //   [OPQm[_d],]IVFn,PQb[x8]
  // with "_" for "," before HNSW's storage, and with ",RFlat" at the end, which changes nothing:
  // what was scored approximately is always re-scored with the exact vectors. kInvalidArgument
  // names what was not understood.
  static absl::StatusOr<IndexSpec> Parse(std::string_view name);

  // kInvalidArgument when vectors of this dimension cannot have such an index.
  absl::Status CheckDimension(size_t dimension) const;

  // How many vectors it takes to build the index.
  size_t FewestRows() const;

  // A name that reads back as the same spec: "HNSW16,SQ8", "OPQ48_192,IVF1024,PQ48". The build
  // effort of HNSW has none.
  std::string Name() const;
};

}  // namespace gannet::indexer

#endif  // GANNET_INDEXER_VECTOR_INDEX_SPEC_H_
