#include "cli/ranking_json.h"

#include <string>

namespace gannet::cli {
namespace {

using Json = nlohmann::ordered_json;
using Part = ranker::TokenMass::Part;

std::string TextAt(std::string_view text, size_t begin, size_t bytes) {
  return begin > text.size() ? "" : std::string(text.substr(begin, bytes));
}

Json TokenJson(const ranker::TokenMass& token, std::string_view title, std::string_view text) {
  const size_t bytes = token.bytes.end - token.bytes.begin;
  Json json;
  if (token.part == Part::kMarker) {
    json["part"] = "marker";
  } else {
    const bool in_title = token.part == Part::kTitle;
    json["part"] = in_title ? "title" : "text";
    json["text"] = TextAt(in_title ? title : text, token.bytes.begin, bytes);
    json["first_byte"] = token.bytes.begin;
    json["bytes"] = bytes;
  }
  json["mass"] = token.mass;
  json["counted"] = token.counted;
  return json;
}

}  // namespace

Json ScoresJson(std::span<const ranker::StageScore> scores) {
  Json json = Json::object();
  for (const ranker::StageScore& stage : scores) json[stage.stage] = stage.score;
  return json;
}

Json WindowJson(const ranker::TextWindow& window) {
  return {{"index", window.index},
          {"count", window.count},
          {"first_byte", window.first_byte},
          {"bytes", window.bytes}};
}

Json ReportsJson(std::span<const ranker::StageReport> reports) {
  Json json = Json::array();
  for (const ranker::StageReport& report : reports) {
    Json stage = {{"stage", report.stage},
                  {"skipped", report.outcome == ranker::StageReport::Outcome::kSkipped}};
    if (!report.reason.empty()) stage["reason"] = report.reason;
    stage.update({{"ms", report.seconds * 1e3},
                  {"candidates_in", report.candidates_in},
                  {"candidates_out", report.candidates_out},
                  {"without_score", report.without_score},
                  {"below_min_score", report.below_min_score},
                  {"grouped", report.grouped},
                  {"tokens", {{"total", report.tokens.total}, {"read", report.tokens.read}}}});
    json.push_back(std::move(stage));
  }
  return json;
}

Json ExplanationsJson(std::span<const ranker::Explanation> explanations, std::string_view title,
                      std::string_view text) {
  Json json = Json::array();
  for (const ranker::Explanation& explanation : explanations) {
    Json stage = {{"stage", explanation.stage}};
    if (explanation.window) {
      stage["window"] = WindowJson(*explanation.window);
      stage["window"]["text"] =
          TextAt(text, explanation.window->first_byte, explanation.window->bytes);
    }
    if (!explanation.masses.empty()) stage["tokens"] = Json::array();
    for (const ranker::TokenMass& token : explanation.masses) {
      stage["tokens"].push_back(TokenJson(token, title, text));
    }
    json.push_back(std::move(stage));
  }
  return json;
}

}  // namespace gannet::cli
