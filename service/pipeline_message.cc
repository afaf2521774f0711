#include "service/pipeline_message.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <cmath>
#include <string>

#include "base/status.h"
#include "ranker/pipeline/pipeline_json.h"

namespace gannet::service {
namespace {

using Part = ranker::TokenMass::Part;

v1::TokenMass::Part WritePart(Part part) {
  switch (part) {
    case Part::kMarker:
      return v1::TokenMass::PART_MARKER;
    case Part::kTitle:
      return v1::TokenMass::PART_TITLE;
    case Part::kText:
      break;
  }
  return v1::TokenMass::PART_TEXT;
}

Part ReadPart(v1::TokenMass::Part part) {
  if (part == v1::TokenMass::PART_MARKER) return Part::kMarker;
  return part == v1::TokenMass::PART_TITLE ? Part::kTitle : Part::kText;
}

}  // namespace

absl::StatusOr<ranker::PipelineSpec> ReadPipeline(const v1::Pipeline& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) {
    return absl::InvalidArgumentError(fmt::format("pipeline: {}", status.ToString()));
  }
  return ranker::ParsePipeline(json);
}

absl::StatusOr<v1::Pipeline> WritePipeline(std::string_view json) {
  GANNET_RETURN_IF_ERROR(ranker::ParsePipeline(json).status());
  v1::Pipeline message;
  const auto status =
      google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &message);
  if (status.ok()) return message;
  return absl::InvalidArgumentError(fmt::format("pipeline: {}", status.ToString()));
}

v1::StageReport WriteReport(const ranker::StageReport& report) {
  v1::StageReport message;
  message.set_stage(report.stage);
  message.set_skipped(report.outcome == ranker::StageReport::Outcome::kSkipped);
  message.set_reason(report.reason);
  message.set_time_us(static_cast<uint64_t>(std::llround(report.seconds * 1e6)));
  message.set_candidates_in(static_cast<uint32_t>(report.candidates_in));
  message.set_candidates_out(static_cast<uint32_t>(report.candidates_out));
  message.set_without_score(static_cast<uint32_t>(report.without_score));
  message.set_below_min_score(static_cast<uint32_t>(report.below_min_score));
  message.set_grouped(static_cast<uint32_t>(report.grouped));
  message.set_tokens_total(report.tokens.total);
  message.set_tokens_read(report.tokens.read);
  return message;
}

ranker::StageReport ReadReport(const v1::StageReport& message) {
  using Outcome = ranker::StageReport::Outcome;
  return {.stage = message.stage(),
          .outcome = message.skipped() ? Outcome::kSkipped : Outcome::kRan,
          .reason = message.reason(),
          .seconds = static_cast<double>(message.time_us()) / 1e6,
          .candidates_in = message.candidates_in(),
          .candidates_out = message.candidates_out(),
          .without_score = message.without_score(),
          .below_min_score = message.below_min_score(),
          .grouped = message.grouped(),
          .tokens = {message.tokens_total(), message.tokens_read()}};
}

v1::TextWindow WriteWindow(const ranker::TextWindow& window) {
  v1::TextWindow message;
  message.set_index(static_cast<uint32_t>(window.index));
  message.set_count(static_cast<uint32_t>(window.count));
  message.set_first_byte(window.first_byte);
  message.set_bytes(window.bytes);
  return message;
}

ranker::TextWindow ReadWindow(const v1::TextWindow& message) {
  return {.index = message.index(),
          .count = message.count(),
          .first_byte = message.first_byte(),
          .bytes = message.bytes()};
}

v1::Explanation WriteExplanation(const ranker::Explanation& explanation) {
  v1::Explanation message;
  message.set_stage(explanation.stage);
  if (explanation.window) *message.mutable_window() = WriteWindow(*explanation.window);
  for (const ranker::TokenMass& token : explanation.masses) {
    v1::TokenMass& mass = *message.add_masses();
    mass.set_part(WritePart(token.part));
    mass.set_first_byte(token.bytes.begin);
    mass.set_bytes(token.bytes.end - token.bytes.begin);
    mass.set_mass(token.mass);
    mass.set_counted(token.counted);
  }
  return message;
}

ranker::Explanation ReadExplanation(const v1::Explanation& message) {
  ranker::Explanation explanation{.stage = message.stage()};
  if (message.has_window()) explanation.window = ReadWindow(message.window());
  for (const v1::TokenMass& token : message.masses()) {
    explanation.masses.push_back({.part = ReadPart(token.part()),
                                  .bytes = {token.first_byte(), token.first_byte() + token.bytes()},
                                  .mass = token.mass(),
                                  .counted = token.counted()});
  }
  return explanation;
}

v1::TokenCount WriteTokens(const encoder::TokenCount& tokens, size_t windows) {
  v1::TokenCount message;
  message.set_total(static_cast<uint32_t>(tokens.total));
  message.set_read(static_cast<uint32_t>(tokens.read));
  message.set_windows(static_cast<uint32_t>(windows));
  message.set_blocks(static_cast<uint32_t>(tokens.blocks));
  return message;
}

}  // namespace gannet::service
