#include "ranker/rerank/cross_encoder_stage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>
#include <vector>

#include "base/status.h"
#include "base/utf8.h"
#include "ranker/rerank/passage_texts.h"

namespace gannet::ranker {
namespace {

// What the model's own activation makes of a pair: of two labels the probability of relevance.
float Activation(const encoder::PairScores& scores, size_t i) {
  return scores.labels == 1 ? scores.activations[i] : scores.Probability(i);
}

// The scores of one candidate's passages [begin, end).
struct CandidateScore {
  float score = 0;
  size_t best = 0;  // The passage, the first of equals.
};
absl::StatusOr<CandidateScore> Combine(const encoder::PairScores& scores, size_t begin, size_t end,
                                       WindowScore combination) {
  CandidateScore combined{.best = begin};
  float sum = 0;
  for (size_t i = begin; i < end; ++i) {
    GANNET_RETURN_IF_ERROR(scores.errors[i]);
    if (scores.Relevance(i) > scores.Relevance(combined.best)) combined.best = i;
    sum += scores.Probability(i);
  }
  combined.score = combination == WindowScore::kSum ? sum : scores.Relevance(combined.best);
  return combined;
}

}  // namespace

absl::StatusOr<WindowScore> ParseWindowScore(std::string_view name) {
  if (name == "max") return WindowScore::kMax;
  if (name == "first") return WindowScore::kFirst;
  if (name == "sum") return WindowScore::kSum;
  return absl::InvalidArgumentError(
      fmt::format("window score \"{}\" is not max, first or sum", name));
}

absl::StatusOr<std::unique_ptr<const CrossEncoderStage>> CrossEncoderStage::Make(
    const encoder::CrossEncoder& model, CrossEncoderStageOptions options) {
  if (model.labels().size() > 2) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {} labels ({}), but a re-ranker has one, or two (irrelevant, relevant)",
        model.folder().string(), model.labels().size(), fmt::join(model.labels(), ", ")));
  }
  if (options.windows && (options.windows->stride == 0 || options.windows->words == 0)) {
    return absl::InvalidArgumentError(
        fmt::format("windows of {} words every {}: both must be at least 1", options.windows->words,
                    options.windows->stride));
  }
  // Of the first window alone there is no need for the others.
  if (options.windows && options.window_score == WindowScore::kFirst) options.windows->most = 1;
  return std::unique_ptr<const CrossEncoderStage>(new CrossEncoderStage(model, std::move(options)));
}

absl::Status CrossEncoderStage::Rerank(std::string_view query, std::span<Candidate> candidates,
                                       base::ThreadPool& pool) const {
  if (!base::IsValidUtf8(query)) {
    return absl::InvalidArgumentError("the query is not well-formed UTF-8");
  }
  const PassageTexts passages = CutCandidates(candidates, options_.windows);
  std::vector<encoder::TextPair> pairs;
  for (const std::string& text : passages.texts) pairs.push_back({query, text});
  const encoder::PairScores scores = model_->Score(pairs, pool);
  for (size_t c = 0; c < candidates.size(); ++c) {
    Candidate& candidate = candidates[c];
    const size_t begin = passages.begins[c], end = passages.begins[c + 1];
    candidate.tokens = {};
    candidate.window.reset();
    for (size_t i = begin; i < end; ++i) {
      candidate.tokens.total += scores.tokens[i].total;
      candidate.tokens.read += scores.tokens[i].read;
    }
    const auto combined = Combine(scores, begin, end, options_.window_score);
    candidate.status = combined.status();
    if (!combined.ok()) continue;
    candidate.score = combined->score;
    candidate.stage_scores.push_back({name(), combined->score});
    candidate.stage_scores.push_back(
        {fmt::format("{}.activation", name()), Activation(scores, combined->best)});
    if (options_.windows) candidate.window = passages.windows[combined->best];
  }
  OrderByScore(candidates);
  return absl::OkStatus();
}

}  // namespace gannet::ranker
