#ifndef GANNET_ENCODER_MODELS_PARADE_HEAD_H_
#define GANNET_ENCODER_MODELS_PARADE_HEAD_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/models/model.h"

namespace gannet::encoder {

// PARADE (Li et al. 2020, arXiv:2008.09093): one vector of a document from those of its passages,
// p_1 ... p_n.
//   average    Σ_i p_i / n
//   max        max_i p_i, value by value
//   attention  Σ_i softmax_i(w·p_i) p_i
//   transformer  the first row of layers of BERT over [c, p_1, ..., p_n], without positions
class ParadeHead {
 public:
  enum class Kind { kAverage, kMax, kAttention, kTransformer };

  static ParadeHead Average() { return ParadeHead(Kind::kAverage); }
  static ParadeHead Max() { return ParadeHead(Kind::kMax); }
  static ParadeHead Attention(std::vector<float> weight);

  // Of the folder of an encoder whose config.json has an object `parade`: `aggregation` is "avg",
  // "max", "attn" or "transformer". Tensors: parade.cls_weight [d] is w;
  // parade.encoder.layer.0, ... (`layers`, 2 when absent) are layers in BERT's names; c is the word
  // embedding of `cls_id`, 102 when absent, which is what the published checkpoints were trained
  // with. Errors name the file and the field or tensor.
  static absl::StatusOr<ParadeHead> Load(const std::filesystem::path& folder);

  // passages: [n, d], n at least 1; the result has d values.
  std::vector<float> Aggregate(std::span<const float> passages, size_t d) const;

 private:
  friend class ParadeLoader;

  explicit ParadeHead(Kind kind) : kind_(kind) {}

  std::vector<float> Attend(std::span<const float> passages, size_t d) const;
  std::vector<float> Transform(std::span<const float> passages, size_t d) const;

  Kind kind_;
  std::vector<float> vector_ = {};  // w, or c.
  std::unique_ptr<const Model> layers_ = nullptr;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_PARADE_HEAD_H_
