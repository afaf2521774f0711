#ifndef GANNET_ENCODER_MODELS_SPLIT_MODEL_H_
#define GANNET_ENCODER_MODELS_SPLIT_MODEL_H_

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/models/classification_head.h"
#include "encoder/models/model.h"

namespace gannet::encoder {

// The compressor of PreTTR after layer l:
//   r = gelu(h W_c + b_c),  ĥ = LayerNorm(r W_d + b_d)
class TermCompressor {
 public:
  // selfencode of layer l of a checkpoint in OpenNIR's names, or prettr.compress, .decompress and
  // .LayerNorm; nullopt when it has neither.
  static absl::StatusOr<std::optional<TermCompressor>> Load(const std::filesystem::path& folder,
                                                            size_t join_layer);

  size_t width() const { return compress_.outputs(); }  // e: values of r.

  // [rows, d] to [rows, e] and back. A row depends on its row alone.
  std::vector<float> Compress(std::span<const float> states) const;
  std::vector<float> Decompress(std::span<const float> terms) const;

 private:
  TermCompressor(kernels::PackedLinear compress, kernels::PackedLinear decompress, LayerNorm norm)
      : compress_(std::move(compress)),
        decompress_(std::move(decompress)),
        norm_(std::move(norm)) {}

  kernels::PackedLinear compress_;    // [e, d]
  kernels::PackedLinear decompress_;  // [d, e]
  LayerNorm norm_;
};

// PreTTR (MacAvaney et al. 2020, arXiv:2004.14255), a BERT ranker in which query and passage do not
// see each other in layers 1 ... l: what is known of a passage after layer l, its terms, can be
// computed before any query is. The score is linear in the first token vector of the last layer.
class SplitModel {
 public:
  // What the folder of a BERT with `classifier` has beside `model`, which was loaded from it and
  // must outlive the object; 1 <= join_layer < layers. Errors name the file and the field or
  // tensor.
  static absl::StatusOr<SplitModel> Load(const std::filesystem::path& folder, size_t join_layer,
                                         const Model& model);

  size_t labels() const { return head_.labels(); }
  bool compresses() const { return compressor_.has_value(); }
  size_t width() const {  // Values of a term: e where there is a compressor, else d.
    return compressor_ ? compressor_->width() : model_->dimensions().hidden;
  }

  // The terms of queries or passages, each a sequence of its own with the positions and token types
  // that it has in the pair: [rows, width()].
  std::vector<float> Terms(const PackedBatch& batch, base::ThreadPool* pool) const;

  // The first token vectors of the last layer of pairs, [sequences, d]: `batch` holds the pairs, of
  // which only the lengths are looked at, `terms` what Terms made of query and passage, one after
  // the other.
  std::vector<float> Join(const PackedBatch& batch, std::span<const float> terms,
                          base::ThreadPool* pool) const;

  // Scores of such vectors, or of means of some: [sequences, labels].
  std::vector<float> Scores(std::span<const float> vectors) const { return head_.Logits(vectors); }

 private:
  SplitModel(const Model& model, std::optional<TermCompressor> compressor, ClassificationHead head,
             size_t join_layer)
      : model_(&model),
        compressor_(std::move(compressor)),
        head_(std::move(head)),
        join_layer_(join_layer) {}

  const Model* model_;
  std::optional<TermCompressor> compressor_;
  ClassificationHead head_;
  size_t join_layer_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_SPLIT_MODEL_H_
