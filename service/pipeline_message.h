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

v1::Explanation WriteExplanation(const ranker::Explanation& explanation);
ranker::Explanation ReadExplanation(const v1::Explanation& message);

v1::TokenCount WriteTokens(const encoder::TokenCount& tokens);

// What hits of searches and of re-rankings have in common: `Message` is Hit or RerankedPassage.
template <typename Message>
void WriteRanked(const ranker::Candidate& candidate, Message& message) {
  message.set_id(candidate.id);
  message.set_score(candidate.score);
  for (const ranker::StageScore& stage : candidate.stage_scores) {
    v1::StageScore& score = *message.add_stage_scores();
    score.set_stage(stage.stage);
    score.set_score(stage.score);
  }
  for (const ranker::Explanation& explanation : candidate.explanations) {
    *message.add_explanations() = WriteExplanation(explanation);
  }
  *message.mutable_tokens() = WriteTokens(candidate.tokens);
  if (!candidate.status.ok()) message.set_error(std::string(candidate.status.message()));
}

}  // namespace gannet::service

#endif  // GANNET_SERVICE_PIPELINE_MESSAGE_H_
