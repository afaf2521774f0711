#ifndef GANNET_ENCODER_MODELS_MODEL_H_
#define GANNET_ENCODER_MODELS_MODEL_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/layers/attention_request.h"
#include "encoder/layers/model_options.h"
#include "encoder/layers/packed_batch.h"

namespace gannet::encoder {

// What a batch must fit and what comes out.
struct ModelDimensions {
  size_t vocabulary = 0;   // Ids are below it.
  size_t token_types = 0;  // Types are below it; 0 for models that do not look at them.
  size_t positions = 0;    // Longest sequence; 0 when there is no limit.
  size_t hidden = 0;       // d: values per token vector.
};

// Sees hidden, [rows, d], after the embedding (0) and after each layer (1 ... N), as transformers'
// output_hidden_states does; after the last layer of a run only its output.
using LayerObserver = std::function<void(size_t layer, std::span<const float> hidden)>;

// What a run is for, beside the token vectors.
struct RunOptions {
  LayerObserver on_layer = nullptr;
  const AttentionRequest* attention = nullptr;  // Null for none.
  // Layers before this one are not run: what they left, [rows, d], is in `hidden` when the run
  // begins.
  size_t first_layer = 0;
  // The run ends after this many layers, with what they leave; a norm that follows the last layer
  // of the model belongs to that layer.
  size_t layers = std::numeric_limits<size_t>::max();
  // The token vectors that are wanted of the last layer of the run; it computes no others.
  SequenceRows output = SequenceRows::kAll;
};

// A transformer that turns token sequences into token vectors. Immutable after loading; safe to use
// from several threads.
class Model {
 public:
  // Reads config.json and the weights of a folder; the family is config.json's model_type. Errors
  // name the file and the field or tensor.
  static absl::StatusOr<std::unique_ptr<const Model>> Load(const std::filesystem::path& folder,
                                                           const ModelOptions& options);

  virtual ~Model() = default;

  const ModelDimensions& dimensions() const { return dimensions_; }

  // Checks what Forward relies on, of one sequence or of all in a batch: ids and types in range,
  // not empty, not too long.
  absl::Status Check(std::span<const TokenId> ids, std::span<const uint8_t> type_ids) const;
  absl::Status Check(const PackedBatch& batch) const;

  // Token vectors of a checked batch after the last layer: hidden is [rows, d], or with an `output`
  // of one row a sequence [sequences, d], the same bytes. With `pool` the
  // rows and heads are spread over its threads, without (null) all runs on the caller; the bytes
  // are the same.
  virtual void Run(const PackedBatch& batch, base::ThreadPool* pool, const RunOptions& options,
                   std::vector<float>& hidden) const = 0;

  void Forward(const PackedBatch& batch, base::ThreadPool* pool, std::vector<float>& hidden,
               const LayerObserver& on_layer) const {
    Run(batch, pool, {.on_layer = on_layer}, hidden);
  }

 protected:
  explicit Model(const ModelDimensions& dimensions) : dimensions_(dimensions) {}

 private:
  const ModelDimensions dimensions_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_MODEL_H_
