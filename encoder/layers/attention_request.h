#ifndef GANNET_ENCODER_LAYERS_ATTENTION_REQUEST_H_
#define GANNET_ENCODER_LAYERS_ATTENTION_REQUEST_H_

#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "encoder/kernels/attention.h"

namespace gannet::encoder {

// What one query takes from each key of its sequence: softmax_j(s_ij), before the values.
struct AttentionRow {
  size_t layer = 0;
  size_t sequence = 0;
  size_t head = 0;                 // Of the query heads.
  size_t query = 0;                // Position in the sequence, what precedes the run included.
  std::span<const float> weights;  // [keys up to the end of the sequence]; 0 for keys not seen.
};

// Which attention of a run is wanted, row by row: nothing of the size of a whole attention matrix
// is kept, and what is not wanted costs nothing.
struct AttentionRequest {
  struct Rows {
    size_t begin = 0;
    size_t end = std::numeric_limits<size_t>::max();  // Cut to the length of the sequence.
  };

  // The query rows of each sequence, by their positions; empty for all that are run.
  std::vector<Rows> rows = {};
  // Whether a head of a layer is wanted; null for every one.
  std::function<bool(size_t layer, size_t head)> wanted = nullptr;
  // Sees the rows: those of one head of one sequence in order, different heads and sequences from
  // several threads at once when the run has a pool.
  std::function<void(const AttentionRow&)> observe = nullptr;
};

// The request, if there is one, at one layer of a run.
struct AttentionTap {
  const AttentionRequest* request = nullptr;
  size_t layer = 0;

  // Hands over the rows that are wanted of a head of a sequence. `queries` holds the rows that are
  // run: those from position options.first_query on.
  void Observe(size_t sequence, size_t head, const kernels::PackedHead& packed,
               kernels::HeadRows queries, const kernels::AttentionOptions& options) const;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_LAYERS_ATTENTION_REQUEST_H_
