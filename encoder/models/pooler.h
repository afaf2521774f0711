#ifndef GANNET_ENCODER_MODELS_POOLER_H_
#define GANNET_ENCODER_MODELS_POOLER_H_

#include <filesystem>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/model_options.h"
#include "encoder/layers/packed_batch.h"

namespace gannet::encoder {

// The pooler of BERT (Devlin et al. 2018) and its kin: tanh(x_0 W + b) of the first token vector,
// trained with the next-sentence task and read by classifiers. transformers' pooler_output.
class Pooler {
 public:
  // From the folder of a bert, roberta, xlm-roberta, mpnet or albert model, or of a classifier made
  // from one. Errors name the file and the field or tensor.
  static absl::StatusOr<Pooler> Load(const std::filesystem::path& folder,
                                     const ModelOptions& options);

  // first: [sequences, d], the first token vector of each; the result is as large.
  std::vector<float> Apply(std::span<const float> first) const;

  // hidden: [rows, d], the token vectors of the batch; the result is [sequences, d].
  std::vector<float> Apply(const PackedBatch& batch, std::span<const float> hidden) const;

 private:
  explicit Pooler(kernels::PackedLinear dense) : dense_(std::move(dense)) {}

  kernels::PackedLinear dense_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_POOLER_H_
