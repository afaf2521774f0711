#ifndef GANNET_ENCODER_MODELS_LAYERED_MODEL_H_
#define GANNET_ENCODER_MODELS_LAYERED_MODEL_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "base/object_pool.h"
#include "base/thread_pool.h"
#include "encoder/kernels/aligned_vector.h"
#include "encoder/kernels/attention.h"
#include "encoder/layers/rotary.h"
#include "encoder/layers/self_attention.h"
#include "encoder/models/model.h"

namespace gannet::encoder {

// What the run of a transformer needs to know of its layers.
struct LayerStack {
  size_t layers = 0;           // N
  size_t steps_per_layer = 1;  // Attentions, each with what goes before and after, of a layer.
  HeadLayout heads = {};
  Precision precision = Precision::kFp32;  // Of the attention.
  std::vector<RotaryEmbedding> rotaries = {};
  // Which of `rotaries` turns queries and keys of each step; empty for none.
  std::vector<std::optional<size_t>> rotary_of_step = {};
  bool causal = false;  // Whether a token sees nothing that follows it.
};

// The run that all transformers have in common: the embedding; for each layer the projections, the
// rotation, the attention within each sequence and what follows it; the norm after the last layer.
// Rows are cut into tiles that are spread over the pool's threads; a batch that fits one tile (a
// lone query) is not, and the threads share the products of the tile instead.
class LayeredModel : public Model {
 public:
  void Run(const PackedBatch& batch, base::ThreadPool* pool, const RunOptions& options,
           std::vector<float>& hidden) const final;
  void Join(std::span<const KeyValuePart> parts, base::ThreadPool* pool,
            KeyValueCache& joined) const final;

 protected:
  // The number of layers and heads of the dimensions, and whether they are causal, come from the
  // stack.
  LayeredModel(const ModelDimensions& dimensions, LayerStack stack);

  const HeadLayout& heads() const { return attention_.layout(); }

  // x = what enters the first layer, [rows, d].
  virtual void Embed(const PackedBatch& batch, base::ThreadPool* pool, float* x) const = 0;

  // The parts of a step for at most PackedLinear::kMaxRows rows; `pool` is null when the tiles are
  // spread over the threads already. Project leaves the rotation to the caller; Finish replaces x.
  virtual void Project(size_t step, const float* x, size_t rows, base::ThreadPool* pool,
                       float* query_key_value) const = 0;
  virtual kernels::AttentionOptions ScoreOptions(size_t step, const HeadInput& input) const = 0;
  virtual void Finish(size_t step, const float* context, size_t rows, base::ThreadPool* pool,
                      float* x) const = 0;

  // x = norm(x) after the last layer, where there is one.
  virtual void FinalNorm(size_t /*rows*/, float* /*x*/) const {}

 private:
  // Matrices of a whole batch.
  struct Buffers {
    std::vector<size_t> positions;                  // [rows], each in its sequence.
    std::vector<RotaryEmbedding::Table> rotations;  // One for each of the stack's rotaries.
    kernels::AlignedVector<float> query_key_value;  // [rows, heads().row_width()]
    kernels::AlignedVector<float> context;          // [rows, heads().query_width()]
  };

  // Replaces the rows of x by what the step makes of them, for those that `output` wants; those of
  // one row a sequence move to the front of x.
  void RunStep(const AttentionStep& of_run, const PackedBatch& batch, base::ThreadPool* pool,
               Buffers& buffers, float* x) const;
  void JoinHead(std::span<const KeyValuePart> parts, size_t step, size_t key_head,
                kernels::PackedHead& joined) const;
  void Rotate(size_t step, size_t first, size_t rows, Buffers& buffers) const;

  const LayerStack stack_;
  const SelfAttention attention_;
  mutable base::ObjectPool<Buffers> buffers_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_LAYERED_MODEL_H_
