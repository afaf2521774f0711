#ifndef GANNET_ENCODER_MODELS_STATE_SPACE_MODEL_H_
#define GANNET_ENCODER_MODELS_STATE_SPACE_MODEL_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/object_pool.h"
#include "base/thread_pool.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/sequence_chunk.h"
#include "encoder/models/model.h"

namespace gannet::encoder {

// The fields of config.json that Mamba-1 and Mamba-2 share, under Hugging Face's names
// (hidden_size, ...) or those of state-spaces (d_model, n_layer, and ssm_cfg for the mixer).
struct StateSpaceConfig {
  size_t vocabulary = 0;  // V: rows of the table of token vectors.
  size_t hidden = 0;      // d
  size_t layers = 0;      // N
  size_t inner = 0;       // d_inner
  size_t states = 0;      // n
  size_t taps = 0;        // Of the causal convolution.
  double norm_epsilon = 0;
  Bias projection_bias = Bias::kAbsent;
  Bias conv_bias = Bias::kPresent;
  bool state_spaces = false;  // Whose names the file uses.
  ConfigFile mixer;           // Where the fields of the mixer are.

  // Errors name the file, the field and the value. `absent_states` is n where no field says it.
  static absl::StatusOr<StateSpaceConfig> Read(const ConfigFile& file, size_t absent_states,
                                               const ModelOptions& options);
};

// What a state-space model has beside its mixers.
struct StateSpaceParts {
  ModelDimensions dimensions;
  std::vector<float> words = {};    // [V, d]
  std::vector<RmsNorm> norms = {};  // [N]
  RmsNorm final_norm = {};

  // Names begin with "backbone." or not; the table is embedding.weight or embeddings.weight. Leaves
  // the checkpoint with the prefix that its names have.
  static absl::StatusOr<StateSpaceParts> Load(Checkpoint& checkpoint,
                                              const StateSpaceConfig& config);
};

// What a mixer remembers of a sequence between two chunks of its rows.
struct MixerState {
  std::vector<float> conv;  // The last inputs of the causal convolution, [history, channels].
  std::vector<float> scan;  // s_t
};

// The run that Mamba-1 and Mamba-2 have in common (Gu & Dao 2023, arXiv:2312.00752):
//   r = x + r;  h = RMSNorm(r);  x = Mixer_l(h)   for each layer, with r in fp32, x₀ = E[id]
//   out = RMSNorm_f(x + r)
// Everything looks back only, so the rows go through all layers in chunks, and the states carry
// what the next chunk needs: beside its result, a run needs the same memory for any length.
class StateSpaceModel : public Model {
 public:
  void Run(const PackedBatch& batch, base::ThreadPool* pool, const RunOptions& options,
           std::vector<float>& hidden) const final;

  // Token vectors of the last layer in the order of the rows, some rows at a time:
  // consume(first_row, [rows, d]). `pool` as in Run; the bytes are those of Run.
  using Consume = absl::FunctionRef<void(size_t first_row, std::span<const float> rows)>;
  void Stream(const PackedBatch& batch, base::ThreadPool* pool, Consume consume) const;

 protected:
  explicit StateSpaceModel(StateSpaceParts parts)
      : Model(parts.dimensions), parts_(std::move(parts)) {}

  // x = Mixer_layer(h), both [chunk.rows, d]. `state` is empty at first, and the mixer's own.
  virtual void Mix(size_t layer, const SequenceChunk& chunk, const float* h, base::ThreadPool* pool,
                   MixerState& state, float* x) const = 0;

 private:
  struct Buffers {
    std::vector<float> residual;  // r, [rows, d]
    std::vector<float> normed;    // h, [rows, d]
    std::vector<float> mixed;     // x, [rows, d]
    std::vector<MixerState> states;
  };

  // The rows of one chunk through `layers` layers; what leaves is in buffers.residual.
  void RunChunk(const PackedBatch& batch, const SequenceChunk& chunk, size_t first,
                base::ThreadPool* pool, const RunOptions& options, Buffers& buffers) const;

  const StateSpaceParts parts_;
  mutable base::ObjectPool<Buffers> buffers_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_STATE_SPACE_MODEL_H_
