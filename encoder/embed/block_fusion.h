#ifndef GANNET_ENCODER_EMBED_BLOCK_FUSION_H_
#define GANNET_ENCODER_EMBED_BLOCK_FUSION_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/checkpoint/checkpoint.h"

namespace gannet::encoder {

// How SEA (Hu et al. 2022, arXiv:2208.11271) makes one vector x of the vectors x₁ … x_n of a code's
// blocks.
struct FusionKind {
  // The map from a block's vector to its score: none, w·x + b, or w₂·tanh(W₁x + b₁) + b₂.
  enum class Attention { kNone, kOneLayer, kTwoLayer } attention = Attention::kOneLayer;
  // The vector m that stands beside the attended one (or alone): none, (Σ x_i) / n, max_i x_i.
  enum class Pooled { kNone, kMean, kMax } pooled = Pooled::kMean;

  // "mean", "max", "one_layer", "two_layer", "one_layer+mean", "two_layer+max", ...
  static absl::StatusOr<FusionKind> Parse(std::string_view name);
  std::string Name() const;
};

// Where attention and a pooled vector stand side by side: the released sum has the pooled vector
// once for each block, so that the vector grows with their number, and with it the dot product.
enum class FusionForm {
  kUnbiased,  // ½ Σ α_i x_i + ½ g m
  kReleased,  // ½ Σ α_i x_i + ½ n g m
};

class BlockFusion {
 public:
  // The kind that the tensors stand for, with the mean beside attention, which did best.
  static FusionKind KindIn(const Checkpoint& checkpoint);

  // Reads fusion_layer.embedding_common.{0,2} for vectors of d values, and g from
  // fusion_layer.global_emb_weight_net where it is there (else 1). Errors name file and tensor.
  static absl::StatusOr<BlockFusion> Load(const Checkpoint& checkpoint, FusionKind kind,
                                          FusionForm form, size_t d);

  // blocks: [n, d], n at least 1. out: [d]; not a part of blocks.
  void Apply(std::span<const float> blocks, std::span<float> out) const;

 private:
  struct Linear {
    std::vector<float> weight;  // [outputs, inputs]
    std::vector<float> bias;    // [outputs]

    static absl::StatusOr<Linear> Load(const Checkpoint& checkpoint, std::string_view name,
                                       size_t outputs, size_t inputs);
    std::vector<float> Apply(std::span<const float> x) const;
  };

  BlockFusion(FusionKind kind, FusionForm form) : kind_(kind), form_(form) {}

  // α = softmax(a), [n]: scores of the blocks over all blocks.
  std::vector<float> Attend(std::span<const float> blocks, size_t d) const;

  FusionKind kind_;
  FusionForm form_;
  std::vector<Linear> layers_;
  float pooled_scale_ = 1;  // g
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_BLOCK_FUSION_H_
