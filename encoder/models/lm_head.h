#ifndef GANNET_ENCODER_MODELS_LM_HEAD_H_
#define GANNET_ENCODER_MODELS_LM_HEAD_H_

#include <cstddef>
#include <filesystem>
#include <span>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/model_options.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// The language-model head of a decoder: a score for each token of the vocabulary to come next,
//   logits = cap(x Wᵀ), cap(z) = c tanh(z/c) where the model has one (Gemma 2),
// with W of its own or the token vectors that enter the first layer.
class LmHead {
 public:
  // From the folder or GGUF file of a decoder of LoadDecoder or LoadGptNeox, or of a Mamba in
  // Hugging Face's layout. Errors name the file and the field or tensor.
  static absl::StatusOr<LmHead> Load(const std::filesystem::path& folder,
                                     const ModelOptions& options);

  // The same for a few tokens only, in their order: no others are computed.
  static absl::StatusOr<LmHead> LoadFor(const std::filesystem::path& folder,
                                        std::span<const TokenId> tokens,
                                        const ModelOptions& options);

  // How many tokens get a score.
  size_t vocabulary() const { return weight_.outputs(); }

  // Of any number of token vectors of the last layer: hidden is [rows, d], logits is
  // [rows, vocabulary()]. Rows are spread over the pool's threads, where there is one.
  void Apply(std::span<const float> hidden, base::ThreadPool* pool, float* logits) const;

 private:
  LmHead(kernels::PackedLinear weight, float cap) : weight_(std::move(weight)), cap_(cap) {}

  kernels::PackedLinear weight_;  // [V, d]
  float cap_ = 0;                 // c; 0 for none.
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_LM_HEAD_H_
