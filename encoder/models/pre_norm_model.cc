#include "encoder/models/pre_norm_model.h"

#include <utility>

#include "base/object_pool.h"
#include "encoder/layers/row_tiles.h"

namespace gannet::encoder {
namespace {

class PreNormModel final : public LayeredModel {
 public:
  explicit PreNormModel(PreNormParts parts)
      : LayeredModel(parts.dimensions, std::move(parts.stack)), parts_(std::move(parts)) {}

 private:
  void Embed(const PackedBatch& batch, base::ThreadPool* pool, float* x) const override;
  void Project(size_t step, const float* x, size_t rows, base::ThreadPool* pool,
               float* query_key_value) const override {
    const auto buffers = buffers_.Take();
    parts_.layers[step].Project(heads(), x, rows, pool, *buffers, query_key_value);
  }
  kernels::AttentionOptions ScoreOptions(size_t step, const HeadInput& input) const override {
    return parts_.score_options(step, input);
  }
  void Finish(size_t step, const float* context, size_t rows, base::ThreadPool* pool,
              float* x) const override {
    const auto buffers = buffers_.Take();
    parts_.layers[step].Finish(context, rows, pool, *buffers, x);
  }
  void FinalNorm(size_t rows, float* x) const override { Apply(parts_.final_norm, x, rows, x); }

  const PreNormParts parts_;
  mutable base::ObjectPool<PreNormLayer::Buffers> buffers_;
};

// x = word[id] · scale, normalised where the family does so
void PreNormModel::Embed(const PackedBatch& batch, base::ThreadPool* pool, float* x) const {
  const size_t d = dimensions().hidden;
  ForEachTile(batch.rows(), pool, [&](size_t first, size_t rows) {
    for (size_t row = first; row < first + rows; ++row) {
      const float* word = &parts_.words[static_cast<size_t>(batch.ids[row]) * d];
      for (size_t c = 0; c < d; ++c) x[row * d + c] = word[c] * parts_.word_scale;
    }
    if (parts_.embedding_norm) Apply(*parts_.embedding_norm, x + first * d, rows, x + first * d);
  });
}

}  // namespace

std::unique_ptr<const Model> MakePreNormModel(PreNormParts parts) {
  return std::make_unique<const PreNormModel>(std::move(parts));
}

}  // namespace gannet::encoder
