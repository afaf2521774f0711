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
#include "encoder/layers/key_value_cache.h"
#include "encoder/layers/model_options.h"
#include "encoder/layers/packed_batch.h"

namespace gannet::encoder {

// What a batch must fit and what comes out.
struct ModelDimensions {
  size_t vocabulary = 0;   // Ids are below it.
  size_t token_types = 0;  // Types are below it; 0 for models that do not look at them.
  size_t positions = 0;    // Longest sequence; 0 when there is no limit.
  size_t hidden = 0;       // d: values per token vector.
  size_t layers = 0;       // N
  size_t heads = 0;        // h: query heads of each layer; 0 for models without attention.
  bool causal = false;     // Whether a token sees nothing that follows it.
};

// Sees hidden, [rows, d], after the embedding (0) and after each layer (1 ... N), as transformers'
// output_hidden_states does; after the last layer of a run only its output.
using LayerObserver = std::function<void(size_t layer, std::span<const float> hidden)>;

// What a run is for, beside the token vectors. Models without attention take on_layer, layers and
// output; the rest is as it is here.
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

  // Of causal models. The sequences of the batch follow the tokens of `before`, which was filled by
  // a run (or Join) of the same model over at least as many layers; their vectors are, in each
  // precision, byte for byte those of a run over the whole. Null for sequences from the start.
  const KeyValueCache* before = nullptr;
  // Receive the keys and values of the tokens that are run, one for each sequence; empty to keep
  // none.
  std::span<KeyValueCache> keep = {};
};

// Tokens [begin, end) of a cache, moved to follow the parts that are listed before it.
struct KeyValuePart {
  const KeyValueCache* cache = nullptr;
  size_t begin = 0;
  size_t end = 0;
  size_t position = 0;  // Where token `begin` stood when it was run.
};

// A transformer that turns token sequences into token vectors. Immutable after loading; safe to use
// from several threads.
class Model {
 public:
  // Reads config.json and the weights of a folder, or a GGUF file; the family is config.json's
  // model_type. Errors name the file and the field or tensor.
  static absl::StatusOr<std::unique_ptr<const Model>> Load(const std::filesystem::path& folder,
                                                           const ModelOptions& options);

  virtual ~Model() = default;

  const ModelDimensions& dimensions() const { return dimensions_; }

  // Checks what Forward relies on, of one sequence or of all in a batch: ids and types in range,
  // not empty, not too long. `tokens_before` of RunOptions::before count for the length.
  absl::Status Check(std::span<const TokenId> ids, std::span<const uint8_t> type_ids,
                     size_t tokens_before = 0) const;
  absl::Status Check(const PackedBatch& batch, size_t tokens_before = 0) const;

  // Token vectors of a checked batch after the last layer: hidden is [rows, d], or with an output
  // of one row a sequence [sequences, d], the same bytes. With `pool` the rows and heads are spread
  // over its threads, without (null) all runs on the caller; the bytes are the same.
  virtual void Run(const PackedBatch& batch, base::ThreadPool* pool, const RunOptions& options,
                   std::vector<float>& hidden) const = 0;

  // Fills `joined` with the tokens of the parts, one part after the other, their keys turned from
  // the positions where they were run to the new ones (the turn is rounded once more, in fp32). The
  // parts come from runs of this model over as many layers. Models without attention have nothing
  // to join.
  virtual void Join(std::span<const KeyValuePart> /*parts*/, base::ThreadPool* /*pool*/,
                    KeyValueCache& /*joined*/) const {}

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
