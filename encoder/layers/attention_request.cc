#include "encoder/layers/attention_request.h"

#include <algorithm>

namespace gannet::encoder {

void AttentionTap::Observe(size_t sequence, size_t head, const kernels::PackedHead& packed,
                           kernels::HeadRows queries,
                           const kernels::AttentionOptions& options) const {
  if (request == nullptr || (request->wanted && !request->wanted(layer, head))) return;
  constexpr size_t kTile = 8;  // Rows that share the loads of keys.
  const auto rows = request->rows.empty() ? AttentionRequest::Rows() : request->rows[sequence];
  const size_t length = packed.length(), end = std::min(rows.end, length);
  const size_t before = options.first_query;
  std::vector<float> weights(kTile * length);
  kernels::AttentionOptions tile = options;
  for (size_t first = std::max(rows.begin, before); first < end; first += kTile) {
    const size_t count = std::min(kTile, end - first);
    tile.first_query = first;
    kernels::AttentionWeights(packed,
                              {queries.data + (first - before) * queries.stride, queries.stride},
                              count, tile, weights.data());
    for (size_t r = 0; r < count; ++r) {
      request->observe({layer, sequence, head, first + r,
                        std::span<const float>(weights).subspan(r * length, length)});
    }
  }
}

}  // namespace gannet::encoder
