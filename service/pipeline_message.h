#ifndef GANNET_SERVICE_PIPELINE_MESSAGE_H_
#define GANNET_SERVICE_PIPELINE_MESSAGE_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "encoder/run/token_count.h"
#include "gannet/v1/gannet.pb.h"
#include "ranker/pipeline/pipeline.h"
#include "ranker/pipeline/pipeline_spec.h"

namespace gannet::service {

// Pipelines and what they say, on the wire and back.

// The message is the JSON form field by field, so that both are read and checked by
// ranker::ParsePipeline, whose errors these are.
absl::StatusOr<ranker::PipelineSpec> ReadPipeline(const v1::Pipeline& message);
absl::StatusOr<v1::Pipeline> WritePipeline(std::string_view json);

v1::StageReport WriteReport(const ranker::StageReport& report);
ranker::StageReport ReadReport(const v1::StageReport& message);

v1::TextWindow WriteWindow(const ranker::TextWindow& window);
ranker::TextWindow ReadWindow(const v1::TextWindow& message);

v1::Explanation WriteExplanation(const ranker::Explanation& explanation);
ranker::Explanation ReadExplanation(const v1::Explanation& message);

// `windows` is 0 where nobody counts them.
v1::TokenCount WriteTokens(const encoder::TokenCount& tokens, size_t windows = 0);

// What hits of searches, through a pipeline or not, and of re-rankings have in common: `Ranked` is
// ranker::Hit or ranker::Candidate, `Message` is Hit or RerankedPassage.
template <typename Ranked, typename Message>
void WriteScores(const Ranked& ranked, Message& message) {
  message.set_id(ranked.id);
  message.set_score(ranked.score);
  for (const ranker::StageScore& stage : ranked.stage_scores) {
    v1::StageScore& score = *message.add_stage_scores();
    score.set_stage(stage.stage);
    score.set_score(stage.score);
  }
}

// The same with what pipelines know besides.
template <typename Message>
void WriteRanked(const ranker::Candidate& candidate, Message& message) {
  WriteScores(candidate, message);
  for (const ranker::Explanation& explanation : candidate.explanations) {
    *message.add_explanations() = WriteExplanation(explanation);
  }
  *message.mutable_tokens() = WriteTokens(candidate.tokens);
  if (!candidate.status.ok()) message.set_error(std::string(candidate.status.message()));
}

}  // namespace gannet::service

#endif  // GANNET_SERVICE_PIPELINE_MESSAGE_H_
