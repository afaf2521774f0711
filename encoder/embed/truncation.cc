#include "encoder/embed/truncation.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/status.h"
#include "encoder/embed/pooling.h"
#include "encoder/kernels/row_ops.h"

namespace gannet::encoder {
namespace {

class TruncatedEmbedder final : public Embedder {
 public:
  TruncatedEmbedder(std::unique_ptr<const Embedder> model, size_t dimension, Truncation truncation)
      : model_(std::move(model)), dimension_(dimension), truncation_(truncation) {
    base::Fingerprinter fingerprint;
    fingerprint.UpdateField(model_->fingerprint());
    fingerprint.UpdateField(fmt::format("{} {}", dimension_, static_cast<int>(truncation_)));
    fingerprint_ = fingerprint.HexDigest();
  }

  absl::StatusOr<Embeddings> Embed(std::span<const std::string_view> texts, TextRole role,
                                   base::ThreadPool& pool) const override {
    GANNET_ASSIGN_OR_RETURN(Embeddings full, model_->Embed(texts, role, pool));
    Embeddings kept{dimension_, std::vector<float>(full.size() * dimension_), {}};
    for (size_t i = 0; i < full.size(); ++i) {
      TruncateVector(full[i], truncation_,
                     std::span(kept.values).subspan(i * dimension_, dimension_));
    }
    kept.tokens = std::move(full.tokens);
    kept.errors = std::move(full.errors);
    return kept;
  }

  absl::StatusOr<std::vector<TextVectors>> EmbedLong(std::span<const std::string_view> texts,
                                                     TextRole role, const LongTextOptions& options,
                                                     base::ThreadPool& pool) const override {
    GANNET_ASSIGN_OR_RETURN(auto all, model_->EmbedLong(texts, role, options, pool));
    for (TextVectors& text : all) {
      const std::vector<float> full =
          std::exchange(text.values, std::vector<float>(text.spans.size() * dimension_));
      for (size_t v = 0; v < text.spans.size(); ++v) {
        TruncateVector(std::span(full).subspan(v * model_->dimension(), model_->dimension()),
                       truncation_, std::span(text.values).subspan(v * dimension_, dimension_));
      }
    }
    return all;
  }

  ModelOptions options() const override {
    ModelOptions options = model_->options();
    options.dimension = dimension_;
    options.truncation = truncation_;
    return options;
  }
  std::string ComputePath() const override { return model_->ComputePath(); }
  ModelFacts facts() const override { return model_->facts(); }
  size_t dimension() const override { return dimension_; }
  size_t max_tokens() const override { return model_->max_tokens(); }
  Similarity similarity() const override { return model_->similarity(); }
  const std::filesystem::path& folder() const override { return model_->folder(); }
  const std::string& name() const override { return model_->name(); }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  const std::unique_ptr<const Embedder> model_;
  const size_t dimension_;
  const Truncation truncation_;
  std::string fingerprint_;
};

}  // namespace

void TruncateVector(std::span<const float> vector, Truncation truncation, std::span<float> out) {
  if (truncation == Truncation::kLayerNormAndNormalize) {
    const std::vector<float> ones(vector.size(), 1.0F), zeros(vector.size(), 0.0F);
    std::vector<float> normal(vector.size());
    kernels::AddLayerNorm(vector.data(), nullptr, 1, {ones, zeros, 1e-5F}, normal.data());
    std::copy_n(normal.begin(), out.size(), out.begin());
  } else {
    std::copy_n(vector.begin(), out.size(), out.begin());
  }
  if (truncation != Truncation::kPlain) NormalizeL2(out);
}

absl::StatusOr<std::unique_ptr<const Embedder>> Truncate(std::unique_ptr<const Embedder> model,
                                                         size_t dimension, Truncation truncation) {
  if (dimension == 0 || dimension > model->dimension()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: vectors of {} values cannot be truncated to {}", model->folder().string(),
                    model->dimension(), dimension));
  }
  return std::make_unique<TruncatedEmbedder>(std::move(model), dimension, truncation);
}

}  // namespace gannet::encoder
