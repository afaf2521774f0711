#include "ranker/rerank/icr_attention.h"

#include <algorithm>
#include <functional>

#include "encoder/kernels/row_ops.h"
#include "encoder/layers/packed_batch.h"

namespace gannet::ranker {
namespace {

using encoder::AttentionRequest;
using encoder::AttentionRow;

encoder::PackedBatch BatchOf(std::span<const PromptEnding> endings) {
  encoder::PackedBatch batch;
  for (const PromptEnding& ending : endings) {
    batch.Append(ending.ids, std::vector<uint8_t>(ending.ids.size(), 0));
  }
  return batch;
}

// Sees Σ_t A[layer, head, t, :] of one head of one ending.
using HeadObserver =
    std::function<void(size_t layer, size_t ending, size_t head, std::span<const float> sums)>;

// Runs the endings; rows of a head come in order, heads of a layer are handed over in order when it
// is done.
void RunEndings(const encoder::Model& model, const encoder::KeyValueCache& beginning,
                std::span<const PromptEnding> endings, const HeadSet& heads, base::ThreadPool* pool,
                const HeadObserver& observe) {
  const size_t keys = beginning.tokens(), of_layer = model.dimensions().heads;
  std::vector<std::vector<float>> sums(endings.size() * of_layer, std::vector<float>(keys));
  AttentionRequest request;
  for (const PromptEnding& ending : endings) {
    request.rows.push_back({ending.attending.begin, ending.attending.end});
  }
  request.wanted = [&](size_t layer, size_t head) { return heads.Contains(layer, head); };
  request.observe = [&](const AttentionRow& row) {
    encoder::kernels::Add(row.weights.first(keys), sums[row.sequence * of_layer + row.head].data());
  };
  const auto hand_over = [&](size_t layers_done, std::span<const float>) {
    if (layers_done == 0) return;  // The embedding.
    for (size_t i = 0; i < sums.size(); ++i) {
      if (!heads.Contains(layers_done - 1, i % of_layer)) continue;
      observe(layers_done - 1, i / of_layer, i % of_layer, sums[i]);
      std::ranges::fill(sums[i], 0.0F);
    }
  };
  std::vector<float> hidden;
  model.Run(BatchOf(endings), pool,
            {.on_layer = hand_over,
             .attention = &request,
             .layers = heads.LayersNeeded(model.dimensions().layers),
             .before = &beginning},
            hidden);
}

}  // namespace

encoder::KeyValueCache EncodeBeginning(const encoder::Model& model,
                                       std::span<const encoder::TokenId> ids, size_t layers,
                                       base::ThreadPool* pool) {
  encoder::PackedBatch batch;
  batch.Append(ids, std::vector<uint8_t>(ids.size(), 0));
  encoder::KeyValueCache cache;
  std::vector<float> hidden;
  model.Run(batch, pool, {.layers = layers, .keep = std::span(&cache, 1)}, hidden);
  return cache;
}

std::vector<std::vector<double>> AttentionTo(const encoder::Model& model,
                                             const encoder::KeyValueCache& beginning,
                                             std::span<const PromptEnding> endings,
                                             const HeadSet& heads, base::ThreadPool* pool) {
  std::vector<std::vector<double>> attention(endings.size(),
                                             std::vector<double>(beginning.tokens()));
  RunEndings(model, beginning, endings, heads, pool,
             [&](size_t, size_t ending, size_t, std::span<const float> sums) {
               const auto rows = static_cast<double>(endings[ending].attending.size());
               for (size_t j = 0; j < sums.size(); ++j) attention[ending][j] += sums[j] / rows;
             });
  return attention;
}

std::vector<std::vector<float>> AttentionByHead(const encoder::Model& model,
                                                const encoder::KeyValueCache& beginning,
                                                std::span<const PromptEnding> endings,
                                                base::ThreadPool* pool) {
  const encoder::ModelDimensions& dimensions = model.dimensions();
  const size_t keys = beginning.tokens();
  std::vector<std::vector<float>> attention(
      endings.size(), std::vector<float>(dimensions.layers * dimensions.heads * keys));
  RunEndings(model, beginning, endings, HeadSet(), pool,
             [&](size_t layer, size_t ending, size_t head, std::span<const float> sums) {
               const auto rows = static_cast<float>(endings[ending].attending.size());
               float* out = &attention[ending][(layer * dimensions.heads + head) * keys];
               for (size_t j = 0; j < keys; ++j) out[j] = sums[j] / rows;
             });
  return attention;
}

}  // namespace gannet::ranker
