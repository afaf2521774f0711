#ifndef GANNET_RANKER_RERANK_RERANK_STAGE_H_
#define GANNET_RANKER_RERANK_RERANK_STAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/thread_pool.h"
#include "encoder/run/token_count.h"
#include "encoder/tokenizer/tokenizer.h"
#include "ranker/hit.h"
#include "ranker/text_window.h"

namespace gannet::ranker {

// A token of a passage and what the query takes from it (re-ranking in context).
struct TokenMass {
  enum class Part { kMarker, kTitle, kText } part = Part::kText;
  encoder::ByteSpan bytes;  // Of the passage's title or text; empty in a marker.
  double mass = 0;          // c_j
  bool counted = true;      // Whether it is above the threshold.
};

// Why a stage scored a candidate as it did.
struct Explanation {
  std::string stage;
  std::optional<TextWindow> window = {};  // What was best of the text, when it was read in windows.
  std::vector<TokenMass> masses = {};     // Of a stage that reads attention.
};

// A document that is being ranked for a query.
struct Candidate {
  std::string id;
  std::string title;
  std::string text;
  float score = 0;                       // Of the last stage that gave it one; higher is better.
  std::vector<StageScore> stage_scores;  // Of all stages, in their order.

  // Of the last stage that was given the candidate:
  absl::Status status;               // Why it has no score of that stage.
  std::optional<TextWindow> window;  // What was best of the text, when it was read in windows.
  encoder::TokenCount tokens;        // Of query and text together, over all windows.

  // What a stage read attention by, until a pipeline takes it over:
  std::vector<TokenMass> masses = {};
  // Of all stages, where a pipeline was asked to explain.
  std::vector<Explanation> explanations = {};

  std::string metadata_json = "{}";  // Of the document.
  // The passage that it was found by, where it comes out of a collection.
  std::optional<TextWindow> passage = std::nullopt;
};

// One step of a ranking. Immutable; safe to use from several threads.
class RerankStage {
 public:
  virtual ~RerankStage() = default;

  // Under which its scores are found in Candidate::stage_scores.
  virtual const std::string& name() const = 0;

  // Scores candidates, which come best first, and brings them into the order of their scores; equal
  // scores stay in the order in which they came. A candidate that cannot be scored says why in its
  // status, keeps its score and comes after the others. An error is one of the query itself, and
  // leaves the candidates as they were.
  virtual absl::Status Rerank(std::string_view query, std::span<Candidate> candidates,
                              base::ThreadPool& pool) const = 0;

  // What the time for so many candidates grows with.
  virtual double Work(size_t candidates) const { return static_cast<double>(candidates); }
};

// A stage and how many candidates, from the best on, it is given.
struct StagePlan {
  const RerankStage* stage = nullptr;
  size_t depth = 0;
};

// Runs the stages one after the other (Nogueira et al. 2019, arXiv:1910.14424): each re-orders its
// head of the list; the candidates below keep their order and scores. Errors name the stage.
absl::Status RunStages(std::string_view query, std::span<const StagePlan> stages,
                       std::vector<Candidate>& candidates, base::ThreadPool& pool);

// What a stage does with the scores that it has: candidates with a status of OK by falling score,
// then the others.
void OrderByScore(std::span<Candidate> candidates);

// Strictly falling scores for a list in its order, for formats that know a rank by its score alone:
// a score as it is where it is lower than the one before it, else the next lower float; the part
// below the head of the last stage, whose scores are of another scale, is moved below it.
std::vector<float> FallingScores(std::span<const Candidate> candidates);

}  // namespace gannet::ranker

#endif  // GANNET_RANKER_RERANK_RERANK_STAGE_H_
