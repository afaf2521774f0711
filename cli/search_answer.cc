#include "cli/search_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "cli/one_line.h"
#include "cli/ranking_json.h"
#include "cli/ranking_text.h"

namespace gannet::cli {
namespace {

std::string Milliseconds(uint64_t microseconds) {
  return fmt::format("{:.1f} ms", static_cast<double>(microseconds) / 1000);
}

// What the hit was found by; nothing of a text that is not there.
std::string_view PassageText(const SearchAnswer::ShownHit& hit) {
  const std::string_view text = hit.document.text;
  return text.substr(std::min<uint64_t>(hit.passage.first_byte, text.size()), hit.passage.bytes);
}

}  // namespace

std::string RenderTable(const SearchAnswer& answer, size_t columns) {
  constexpr size_t kIdColumns = 28;
  size_t id_width = 4;
  for (const auto& hit : answer.hits) id_width = std::max(id_width, hit.document.id.size());
  id_width = std::min(id_width, kIdColumns);

  std::string table;
  for (size_t i = 0; i < answer.hits.size(); ++i) {
    const SearchAnswer::ShownHit& hit = answer.hits[i];
    const std::string head = fmt::format("{:>3}  {:>7.4f}  {:<{}}  ", i + 1, hit.score,
                                         OneLine(hit.document.id, id_width), id_width);
    const size_t left = columns > head.size() + 8 ? columns - head.size() : 8;
    table += fmt::format("{}{}\n", head, OneLine(hit.document.title, left));
    constexpr size_t kIndent = 14;
    const std::string_view passage = PassageText(hit);
    const bool later = passage.data() > hit.document.text.data();
    const std::string text = OneLine(later ? fmt::format("...{}", passage) : std::string(passage),
                                     columns > kIndent + 8 ? columns - kIndent : 8);
    if (!text.empty()) table += fmt::format("{:{}}{}\n", "", kIndent, text);
    for (const ranker::Explanation& explanation : hit.explanations) {
      table += fmt::format("{:{}}{}\n", "", kIndent,
                           ExplanationText(explanation, hit.document.title, hit.document.text,
                                           columns > kIndent + 8 ? columns - kIndent : 8));
    }
    if (!hit.error.empty()) {
      table += fmt::format("{:{}}not scored by the last stage: {}\n", "", kIndent,
                           OneLine(hit.error, columns));
    }
  }
  table +=
      fmt::format("{} hits in {} (query to vector {}, search {}); query of {} tokens",
                  answer.hits.size(), Milliseconds(answer.total_us), Milliseconds(answer.encode_us),
                  Milliseconds(answer.retrieve_us), answer.query_tokens.total);
  if (answer.query_tokens.blocks > 0) {
    table += fmt::format(" in {} blocks", answer.query_tokens.blocks);
  }
  if (answer.query_windows > 1) {
    table += fmt::format(", longer than the model reads: mean of {} windows", answer.query_windows);
  }
  if (answer.query_tokens.cut()) {
    table += fmt::format(", longer than the model reads: cut to {}", answer.query_tokens.read);
  }
  table += "\n";
  for (const ranker::StageReport& report : answer.stages) table += ReportText(report) + "\n";
  return table;
}

std::string RenderJson(const SearchAnswer& answer) {
  nlohmann::ordered_json hits = nlohmann::ordered_json::array();
  for (size_t i = 0; i < answer.hits.size(); ++i) {
    const SearchAnswer::ShownHit& hit = answer.hits[i];
    nlohmann::ordered_json json = {
        {"rank", i + 1},
        {"id", hit.document.id},
        {"score", hit.score},
        {"stage_scores", ScoresJson(hit.stage_scores)},
        {"title", hit.document.title},
        {"text", hit.document.text},
        {"passage",
         {{"index", hit.passage.index},
          {"count", hit.passage.count},
          {"first_byte", hit.passage.first_byte},
          {"bytes", hit.passage.bytes},
          {"text", PassageText(hit)}}},
        {"metadata", nlohmann::ordered_json::parse(hit.document.metadata_json, nullptr,
                                                   /*allow_exceptions=*/false)}};
    if (!hit.explanations.empty()) {
      json["explanations"] =
          ExplanationsJson(hit.explanations, hit.document.title, hit.document.text);
    }
    if (!hit.error.empty()) json["error"] = hit.error;
    hits.push_back(std::move(json));
  }
  nlohmann::ordered_json json = {
      {"query", answer.query},
      {"collection", answer.collection},
      {"model", {{"name", answer.model_name}, {"fingerprint", answer.model_fingerprint}}},
      {"query_tokens",
       {{"total", answer.query_tokens.total},
        {"read", answer.query_tokens.read},
        {"windows", answer.query_windows},
        {"blocks", answer.query_tokens.blocks}}},
      {"timings_us",
       {{"encode", answer.encode_us},
        {"retrieve", answer.retrieve_us},
        {"total", answer.total_us}}},
      {"hits", hits}};
  if (!answer.stages.empty()) json["stages"] = ReportsJson(answer.stages);
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace gannet::cli
