#include "encoder/score/parade_scorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/models/classification_head.h"
#include "encoder/models/parade_head.h"
#include "encoder/run/finite.h"
#include "encoder/run/model_input.h"
#include "encoder/run/text_model.h"
#include "encoder/score/segment_tokens.h"
#include "encoder/score/sequence_classifier.h"

namespace gannet::encoder {
namespace {

constexpr size_t kLabels = 2;

// log softmax(z)_1
float LogRelevance(std::span<const float> logits) {
  const float against = logits[0] - logits[1];
  return -(std::max(against, 0.0F) + std::log1p(std::exp(-std::abs(against))));
}

class ParadeClassifier final : public ParadeScorer {
 public:
  ParadeClassifier(std::unique_ptr<const SequenceClassifier> classifier, SegmentTokens segments,
                   ParadeHead aggregation, const ParadeOptions& options)
      : classifier_(std::move(classifier)),
        segments_(segments),
        aggregation_(std::move(aggregation)),
        options_(options) {}

  absl::StatusOr<std::vector<DocumentScore>> Score(std::string_view query,
                                                   std::span<const std::string_view> windows,
                                                   std::span<const size_t> begins,
                                                   base::ThreadPool& pool) const override;

  const std::filesystem::path& folder() const override {
    return classifier_->text_model().folder.path;
  }

 private:
  // The score of a document of the windows [begin, end).
  DocumentScore ScoreDocument(const Classification& classified, size_t begin, size_t end) const;

  const std::unique_ptr<const SequenceClassifier> classifier_;
  const SegmentTokens segments_;  // Of the classifier's text model.
  const ParadeHead aggregation_;
  const ParadeOptions options_;
};

DocumentScore ParadeClassifier::ScoreDocument(const Classification& classified, size_t begin,
                                              size_t end) const {
  const size_t d = classifier_->text_model().model->dimensions().hidden;
  DocumentScore document;
  float best = 0;
  for (size_t i = begin; i < end; ++i) {
    document.status = classified.errors[i];
    if (!document.status.ok()) return document;
    const float alone = LogRelevance(std::span(classified.logits).subspan(i * kLabels, kLabels));
    if (i > begin && alone <= best) continue;
    best = alone;
    document.best_window = i - begin;
  }
  const auto passages = std::span(classified.representations).subspan(begin * d, (end - begin) * d);
  const std::vector<float> logits = classifier_->head().Logits(aggregation_.Aggregate(passages, d));
  document.status = CheckFinite(logits);
  if (document.status.ok()) document.score = LogRelevance(logits);
  return document;
}

absl::StatusOr<std::vector<DocumentScore>> ParadeClassifier::Score(
    std::string_view query, std::span<const std::string_view> windows,
    std::span<const size_t> begins, base::ThreadPool& pool) const {
  TokenCount query_count;
  GANNET_ASSIGN_OR_RETURN(const auto query_ids,
                          segments_.Tokens(query, options_.query_tokens - 2, query_count));
  const size_t query_part = query_ids.size() + 2;
  const size_t limit = options_.window_tokens - query_part - 2;
  std::vector<ModelInput> inputs(windows.size());
  pool.ParallelFor(windows.size(), [&](size_t i) {
    TokenCount count;
    const auto ids = segments_.Tokens(windows[i], limit, count);
    if (ids.ok()) {
      inputs[i] = segments_.Join({query_ids, *ids});
      inputs[i].count = {.total = query_count.total + count.total + 3,
                         .read = query_count.read + count.read + 3};
    } else {
      inputs[i].status = ids.status();
    }
  });
  const Classification classified = classifier_->Classify(inputs, pool);
  std::vector<DocumentScore> documents;
  for (size_t i = 0; i + 1 < begins.size(); ++i) {
    DocumentScore document = ScoreDocument(classified, begins[i], begins[i + 1]);
    for (size_t w = begins[i]; w < begins[i + 1]; ++w) {
      document.tokens.total += inputs[w].count.total;
      document.tokens.read += inputs[w].count.read;
    }
    documents.push_back(std::move(document));
  }
  return documents;
}

// BERT's pooled output where the checkpoint has a pooler, else the first token vector.
absl::StatusOr<ClassificationHead> LoadHead(const std::filesystem::path& folder) {
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder / "config.json"));
  GANNET_ASSIGN_OR_RETURN(const std::string type, file.StringOr("model_type", "bert"));
  if (type == "bert") return ClassificationHead::Load(folder);
  if (type == "electra") return ClassificationHead::LoadPlain(folder);
  return file.Error("model_type", fmt::format("\"{}\", but PARADE reads bert or electra", type));
}

absl::Status CheckShape(const TextModel& text_model, const ClassificationHead& head,
                        const ParadeOptions& options) {
  const std::string folder = text_model.folder.path.string();
  if (head.labels() != kLabels) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} labels, expected {}", folder, head.labels(), kLabels));
  }
  if (options.query_tokens < 3 || options.window_tokens < options.query_tokens + 3) {
    return absl::InvalidArgumentError(
        fmt::format("windows of {} tokens leave no room for a passage beside {} of the query",
                    options.window_tokens, options.query_tokens));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const ParadeScorer>> ParadeScorer::Open(
    const std::filesystem::path& path, const ParadeOptions& asked) {
  GANNET_ASSIGN_OR_RETURN(ModelFolder folder, ModelFolder::Read(path));
  GANNET_ASSIGN_OR_RETURN(ParadeHead aggregation, ParadeHead::Load(folder.transformer));
  GANNET_ASSIGN_OR_RETURN(ClassificationHead head, LoadHead(folder.transformer));
  GANNET_ASSIGN_OR_RETURN(TextModel text_model, TextModel::Load(std::move(folder), asked.model));
  ParadeOptions options = asked;
  options.window_tokens = std::min(options.window_tokens, text_model.folder.max_tokens);
  GANNET_RETURN_IF_ERROR(CheckShape(text_model, head, options));
  auto classifier =
      std::make_unique<const SequenceClassifier>(std::move(text_model), std::move(head));
  GANNET_ASSIGN_OR_RETURN(const SegmentTokens segments,
                          SegmentTokens::Make(classifier->text_model()));
  return std::make_unique<ParadeClassifier>(std::move(classifier), segments, std::move(aggregation),
                                            options);
}

}  // namespace gannet::encoder
