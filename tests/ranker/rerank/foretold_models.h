#ifndef GANNET_TESTS_RANKER_RERANK_FORETOLD_MODELS_H_
#define GANNET_TESTS_RANKER_RERANK_FORETOLD_MODELS_H_

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "encoder/score/cross_encoder.h"
#include "encoder/score/duo_encoder.h"
#include "ranker/rerank/rerank_stage.h"

// Re-rankers simple enough to foretell, and candidates for them.

namespace gannet::ranker {

inline std::set<std::string> Words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::set<std::string> words;
  for (std::string word; stream >> word;) words.insert(word);
  return words;
}

// A cross-encoder simple enough to foretell: the logit is the number of words in common, minus 1.
class OverlapEncoder final : public encoder::CrossEncoder {
 public:
  explicit OverlapEncoder(std::vector<std::string> labels = {"relevant"})
      : labels_(std::move(labels)) {}

  encoder::PairScores Score(std::span<const encoder::TextPair> pairs,
                            base::ThreadPool&) const override {
    encoder::PairScores scores{
        .labels = 1, .logits = {}, .activations = {}, .tokens = {}, .errors = {}};
    for (const encoder::TextPair& pair : pairs) {
      const bool text = base::IsValidUtf8(pair.passage);
      const auto query = Words(pair.query), passage = Words(pair.passage);
      std::vector<std::string> both;
      std::ranges::set_intersection(query, passage, std::back_inserter(both));
      const float logit = text ? static_cast<float>(both.size()) - 1 : 0;
      scores.logits.push_back(logit);
      scores.activations.push_back(1 / (1 + std::exp(-logit)));
      scores.tokens.push_back({passage.size(), std::min<size_t>(passage.size(), 8)});
      scores.errors.push_back(text ? absl::OkStatus() : absl::InvalidArgumentError("no text"));
    }
    return scores;
  }
  const std::vector<std::string>& labels() const override { return labels_; }
  encoder::ScoreActivation activation() const override {
    return encoder::ScoreActivation::kSigmoid;
  }
  size_t max_tokens() const override { return 8; }
  const std::filesystem::path& folder() const override { return folder_; }
  const std::string& name() const override { return labels_[0]; }
  const std::string& fingerprint() const override { return labels_[0]; }

 private:
  const std::vector<std::string> labels_;
  const std::filesystem::path folder_ = "/models/overlap";
};

// Prefers the longer passage; one that begins with '!' cannot be read.
class LengthDuo final : public encoder::DuoEncoder {
 public:
  absl::StatusOr<encoder::Preferences> Compare(std::string_view query,
                                               std::span<const std::string_view> passages,
                                               base::ThreadPool&) const override {
    if (query.empty()) return absl::InvalidArgumentError("no query");
    const size_t n = passages.size();
    encoder::Preferences result;
    result.preferred.resize(n * n);
    result.tokens.resize(n);
    result.errors.resize(n);
    for (size_t i = 0; i < n; ++i) {
      if (passages[i].starts_with('!')) result.errors[i] = absl::InvalidArgumentError("unreadable");
      for (size_t j = 0; j < n; ++j) {
        if (i != j) result.preferred[i * n + j] = passages[i].size() > passages[j].size() ? 1 : 0;
      }
    }
    return result;
  }
  const std::filesystem::path& folder() const override { return folder_; }

 private:
  const std::filesystem::path folder_ = "/models/length";
};

inline std::vector<Candidate> Candidates(const std::vector<std::string>& texts) {
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < texts.size(); ++i) {
    const float score = 10.0F - static_cast<float>(i);
    candidates.push_back({.id = fmt::format("d{}", i),
                          .title = "",
                          .text = texts[i],
                          .score = score,
                          .stage_scores = {{"bm25", score}},
                          .status = {},
                          .window = {},
                          .tokens = {}});
  }
  return candidates;
}

inline std::string Order(const std::vector<Candidate>& candidates) {
  std::string order;
  for (const Candidate& candidate : candidates) order += candidate.id + " ";
  return order;
}

}  // namespace gannet::ranker

#endif  // GANNET_TESTS_RANKER_RERANK_FORETOLD_MODELS_H_
