#ifndef GANNET_ENCODER_MODELS_CLASSIFICATION_HEAD_H_
#define GANNET_ENCODER_MODELS_CLASSIFICATION_HEAD_H_

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/kernels/row_ops.h"
#include "encoder/layers/linear.h"
#include "encoder/layers/packed_batch.h"
#include "encoder/models/lm_head.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {

// What makes the logits of a sequence of its token vectors in transformers'
// ...ForSequenceClassification:
//   p = N(f(x W + b)),  logits = p W_out + b_out
// with x the first, the last or the mean of the token vectors of the last layer. p is what the
// model says about the whole sequence, its representation. Computed in fp32 whatever the precision
// of the model: it is one row a sequence.
class ClassificationHead {
 public:
  // From the folder of a classifier: bert, roberta, xlm-roberta, electra, distilbert, deberta-v2,
  // modernbert, or a decoder with `score`. The number of labels is that of the checkpoint. Errors
  // name the file and the field or tensor.
  static absl::StatusOr<ClassificationHead> Load(const std::filesystem::path& folder);

  // One that reads the first token vector as it is, by the checkpoint's `classifier`.
  static absl::StatusOr<ClassificationHead> LoadPlain(const std::filesystem::path& folder);

  // Of a decoder that answers a question with one of two tokens: one logit, that of `yes` less that
  // of `no` after the last token, whose logistic function is the softmax of the two.
  static absl::StatusOr<ClassificationHead> LoadAnswers(const std::filesystem::path& folder,
                                                        TokenId yes, TokenId no);

  size_t labels() const;

  // The token vectors that the head reads: what Model::Run is to be asked for.
  SequenceRows rows() const { return rows_; }

  // The representations of the sequences of a batch, [sequences, d], of the output of Model::Run.
  std::vector<float> Represent(const PackedBatch& batch, std::span<const float> states) const;

  // The logits of representations: [sequences, labels()]. A row depends on its row alone.
  std::vector<float> Logits(std::span<const float> representations) const;

 private:
  friend class HeadLoader;

  using Out = std::variant<kernels::PackedLinear, LmHead>;  // [labels, d], or of yes and no

  explicit ClassificationHead(Out out, size_t d) : d_(d), out_(std::move(out)) {}

  size_t d_ = 0;
  SequenceRows rows_ = SequenceRows::kFirst;         // kAll: the mean.
  std::optional<kernels::PackedLinear> dense_ = {};  // [d, d]
  kernels::Activation activation_ = nullptr;         // f; null for none.
  std::optional<LayerNorm> norm_ = {};               // N
  Out out_;
};

}  // namespace gannet::encoder

#endif  // GANNET_ENCODER_MODELS_CLASSIFICATION_HEAD_H_
