#ifndef GANNET_RANKER_RERANK_CROSS_ENCODER_STAGE_H_
#define GANNET_RANKER_RERANK_CROSS_ENCODER_STAGE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "encoder/score/cross_encoder.h"
#include "ranker/rerank/rerank_stage.h"
#include "ranker/rerank/word_windows.h"

namespace gannet::ranker {

// What the score of a text is made of those of its windows (Dai & Callan 2019): the largest, the
// first, or the sum of the probabilities that a window is relevant.
enum class WindowScore { kMax, kFirst, kSum };
absl::StatusOr<WindowScore> ParseWindowScore(std::string_view name);  // "max", "first", "sum"

struct CrossEncoderStageOptions {
  std::string name = "cross-encoder";
  // Long texts are read in windows, each with the title; nullopt reads the beginning, as much as
  // the model takes.
  std::optional<WindowOptions> windows = std::nullopt;
  WindowScore window_score = WindowScore::kMax;
};

// Pointwise re-ranking by a cross-encoder (monoBERT, Nogueira & Cho 2019, arXiv:1901.04085) of
// title, a space and text. Stage scores are NAME, by which candidates are ordered (the raw logit,
// or log softmax of two; the sum of WindowScore::kSum), and NAME.activation, what the model's own
// activation makes of the best window's.
class CrossEncoderStage final : public RerankStage {
 public:
  // Refuses a model with more than two labels, naming them. The model must outlive the stage.
  static absl::StatusOr<std::unique_ptr<const CrossEncoderStage>> Make(
      const encoder::CrossEncoder& model, CrossEncoderStageOptions options);

  const std::string& name() const override { return options_.name; }

  absl::Status Rerank(std::string_view query, std::span<Candidate> candidates,
                      base::ThreadPool& pool) const override;

 private:
  CrossEncoderStage(const encoder::CrossEncoder& model, CrossEncoderStageOptions options)
      : model_(&model), options_(std::move(options)) {}

  const encoder::CrossEncoder* model_;
  const CrossEncoderStageOptions options_;
};

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_CROSS_ENCODER_STAGE_H_
