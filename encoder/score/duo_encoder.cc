#include "encoder/score/duo_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/run/model_input.h"
#include "encoder/run/text_model.h"
#include "encoder/score/segment_tokens.h"
#include "encoder/score/sequence_classifier.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::encoder {
namespace {

constexpr size_t kLabels = 2;
constexpr size_t kTokenTypes = 3;

class DuoClassifier final : public DuoEncoder {
 public:
  DuoClassifier(std::unique_ptr<const SequenceClassifier> classifier, SegmentTokens segments,
                const DuoOptions& options)
      : classifier_(std::move(classifier)),
        segments_(segments),
        query_tokens_(options.query_tokens) {}

  absl::StatusOr<Preferences> Compare(std::string_view query,
                                      std::span<const std::string_view> passages,
                                      base::ThreadPool& pool) const override;

  const std::filesystem::path& folder() const override { return text_model().folder.path; }

 private:
  const TextModel& text_model() const { return classifier_->text_model(); }

  const std::unique_ptr<const SequenceClassifier> classifier_;
  const SegmentTokens segments_;  // Of the classifier's text model.
  const size_t query_tokens_;
};

absl::StatusOr<Preferences> DuoClassifier::Compare(std::string_view query,
                                                   std::span<const std::string_view> passages,
                                                   base::ThreadPool& pool) const {
  Preferences result;
  GANNET_ASSIGN_OR_RETURN(const auto query_ids,
                          segments_.Tokens(query, query_tokens_ - 2, result.query));
  const size_t each = (text_model().folder.max_tokens - (query_ids.size() + 2)) / 2 - 1;
  const size_t n = passages.size();
  result.preferred.resize(n * n);
  result.tokens.resize(n);
  result.errors.resize(n);
  std::vector<std::vector<TokenId>> ids(n);
  for (size_t i = 0; i < n; ++i) {
    auto tokens = segments_.Tokens(passages[i], each, result.tokens[i]);
    result.errors[i] = tokens.status();
    if (tokens.ok()) ids[i] = *std::move(tokens);
  }
  for (size_t i = 0; i < n; ++i) {
    if (!result.errors[i].ok()) continue;
    std::vector<ModelInput> inputs;
    std::vector<size_t> others;
    for (size_t j = 0; j < n; ++j) {
      if (i == j || !result.errors[j].ok()) continue;
      inputs.push_back(segments_.Join({query_ids, ids[i], ids[j]}));
      others.push_back(j);
    }
    const Classification classified = classifier_->Classify(inputs, pool);
    for (size_t p = 0; p < others.size(); ++p) {
      GANNET_RETURN_IF_ERROR(classified.errors[p]);
      const float against = classified.logits[2 * p] - classified.logits[2 * p + 1];
      result.preferred[i * n + others[p]] = 1 / (1 + std::exp(against));  // softmax(logits)_1
    }
  }
  return result;
}

absl::Status CheckShape(const TextModel& text_model, const ClassificationHead& head,
                        const DuoOptions& options) {
  const std::string folder = text_model.folder.path.string();
  if (head.labels() != kLabels) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} labels, expected {}", folder, head.labels(), kLabels));
  }
  const size_t types = text_model.model->dimensions().token_types;
  if (types < kTokenTypes) {
    return absl::InvalidArgumentError(
        fmt::format("{}: type_vocab_size: {}, but comparing two passages needs {} token types",
                    (text_model.folder.transformer / "config.json").string(), types, kTokenTypes));
  }
  // Each passage needs room for a token and its [SEP].
  const size_t most = text_model.folder.max_tokens;
  if (options.query_tokens < 3 || most < options.query_tokens + 4) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} tokens of the query do not fit the {} that the model reads", folder,
                    options.query_tokens, most));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const DuoEncoder>> DuoEncoder::Open(
    const std::filesystem::path& path, const DuoOptions& options) {
  GANNET_ASSIGN_OR_RETURN(ModelFolder folder, ModelFolder::Read(path));
  GANNET_ASSIGN_OR_RETURN(TextModel text_model, TextModel::Load(std::move(folder), options.model));
  GANNET_ASSIGN_OR_RETURN(ClassificationHead head,
                          ClassificationHead::Load(text_model.folder.transformer));
  GANNET_RETURN_IF_ERROR(CheckShape(text_model, head, options));
  auto classifier =
      std::make_unique<const SequenceClassifier>(std::move(text_model), std::move(head));
  GANNET_ASSIGN_OR_RETURN(const SegmentTokens segments,
                          SegmentTokens::Make(classifier->text_model()));
  return std::make_unique<DuoClassifier>(std::move(classifier), segments, options);
}

}  // namespace gannet::encoder
