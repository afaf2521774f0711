#include "cli/search_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace gannet::cli {
namespace {

// A text on one line of at most `columns` bytes: white space and control characters, which could
// steer a terminal, become single spaces; what does not fit ends in "...".
std::string OneLine(std::string_view text, size_t columns) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool blank = byte <= ' ' || byte == 0x7F;
    if (blank && (line.empty() || line.back() == ' ')) continue;
    line += blank ? ' ' : c;
    if (line.size() > columns + 4) break;
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  if (line.size() <= columns) return line;
  size_t end = columns > 3 ? columns - 3 : 0;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
  return line.substr(0, end) + "...";
}

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
  }
  table +=
      fmt::format("{} hits in {} (query to vector {}, search {}); query of {} tokens",
                  answer.hits.size(), Milliseconds(answer.total_us), Milliseconds(answer.encode_us),
                  Milliseconds(answer.retrieve_us), answer.query_tokens.total);
  if (answer.query_windows > 1) {
    table += fmt::format(", longer than the model reads: mean of {} windows", answer.query_windows);
  }
  if (answer.query_tokens.cut()) {
    table += fmt::format(", longer than the model reads: cut to {}", answer.query_tokens.read);
  }
  return table + "\n";
}

std::string RenderJson(const SearchAnswer& answer) {
  nlohmann::ordered_json hits = nlohmann::ordered_json::array();
  for (size_t i = 0; i < answer.hits.size(); ++i) {
    const SearchAnswer::ShownHit& hit = answer.hits[i];
    nlohmann::ordered_json stages = nlohmann::ordered_json::object();
    for (const ranker::StageScore& stage : hit.stage_scores) stages[stage.stage] = stage.score;
    hits.push_back({{"rank", i + 1},
                    {"id", hit.document.id},
                    {"score", hit.score},
                    {"stage_scores", stages},
                    {"title", hit.document.title},
                    {"text", hit.document.text},
                    {"passage",
                     {{"index", hit.passage.index},
                      {"count", hit.passage.count},
                      {"first_byte", hit.passage.first_byte},
                      {"bytes", hit.passage.bytes},
                      {"text", PassageText(hit)}}},
                    {"metadata", nlohmann::ordered_json::parse(hit.document.metadata_json, nullptr,
                                                               /*allow_exceptions=*/false)}});
  }
  const nlohmann::ordered_json json = {
      {"query", answer.query},
      {"collection", answer.collection},
      {"model", {{"name", answer.model_name}, {"fingerprint", answer.model_fingerprint}}},
      {"query_tokens",
       {{"total", answer.query_tokens.total},
        {"read", answer.query_tokens.read},
        {"windows", answer.query_windows}}},
      {"timings_us",
       {{"encode", answer.encode_us},
        {"retrieve", answer.retrieve_us},
        {"total", answer.total_us}}},
      {"hits", hits}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace gannet::cli
