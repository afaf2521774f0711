#ifndef GANNET_ENCODER_EMBED_PERCEIVER_POOLER_H_
#define GANNET_ENCODER_EMBED_PERCEIVER_POOLER_H_

#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/feed_forward.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/model_options.h"

namespace gannet::encoder {

// The trainable pooling of embedders made from language models (Tang & Yang 2024, "Pooling and
// Attention", arXiv:2409.02727): latents that were trained look at states H of a text.
//   Q = LN_c(Λ) W_q,  [K | V] = LN(H) W_kv
//   X = softmax(Q Kᵀ / √d_h) V W_o + Λ,  X = X + FF(LN(X)),  FF = (u ⊙ gelu(g)) W + b
//   vector = L2(mean of the rows of X)
class PerceiverPooler {
 public:
  // What H is: the designs of the paper by their numbers there.
  enum class States {
    kLastToken,          // 2: the last token after the last layer.
    kLastTokenOfLayers,  // 3: the last token after every layer.
    kTokens,             // 4: every token after the last layer.
    kMeanOfLayers,       // 5: the mean over the tokens after every layer.
  };

  // From a module folder: config.json has `states` ("last_token", "last_token_of_layers", "tokens",
  // "mean_of_layers") and `heads`; the tensors have the names of the published code: latents [l,
  // d], pos_emb.weight [at least `layers`, d] for the states of layers, cross_attend_blocks.0.norm,
  // .norm_context, .fn.to_q, .fn.to_kv, .fn.to_out, cross_attend_blocks.1.norm, .fn.net.0,
  // .fn.net.2. Errors name the file and the field or tensor.
  static absl::StatusOr<PerceiverPooler> Load(const std::filesystem::path& folder, size_t d,
                                              size_t layers, const ModelOptions& options);

  States states() const { return states_; }
  bool reads_layers() const {
    return states_ == States::kLastTokenOfLayers || states_ == States::kMeanOfLayers;
  }

  // states: H, [n, d], n at least 1; the result is the vector, [d].
  std::vector<float> Apply(std::span<const float> states) const;

 private:
  PerceiverPooler(States states, size_t heads, kernels::PackedLinear key_value,
                  kernels::PackedLinear output, FeedForward feed_forward)
      : states_(states),
        heads_(heads),
        key_value_(std::move(key_value)),
        output_(std::move(output)),
        feed_forward_(std::move(feed_forward)) {}

  friend class PerceiverLoader;

  // softmax(Q Kᵀ / √d_h) V of every head: [l, heads * d_h]. key_value: [n, 2 * heads * d_h].
  std::vector<float> Attend(std::span<const float> key_value) const;

  States states_;
  size_t heads_;
  std::vector<float> latents_;    // Λ, [l, d]
  std::vector<float> queries_;    // Q / √d_h, [l, heads * d_h]: it depends on weights alone.
  std::vector<float> positions_;  // [layers, d]; empty where H is of one layer.
  LayerNorm state_norm_;
  LayerNorm output_norm_;
  kernels::PackedLinear key_value_;
  kernels::PackedLinear output_;
  FeedForward feed_forward_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_EMBED_PERCEIVER_POOLER_H_
