#include "cli/ranking_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/one_line.h"

namespace gannet::cli {
namespace {

using Part = ranker::TokenMass::Part;

constexpr size_t kMarkedTokens = 8;

// Bytes [begin, end) of a text.
struct Span {
  size_t begin = 0;
  size_t end = 0;
  double mass = 0;
};

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// The tokens of a part in the order of the text, within it and without the blanks around them.
std::vector<Span> SpansOf(const std::vector<ranker::TokenMass>& tokens, Part part,
                          std::string_view text) {
  std::vector<Span> spans;
  for (const ranker::TokenMass& token : tokens) {
    if (token.part != part) continue;
    Span span{std::min<size_t>(token.bytes.begin, text.size()),
              std::min<size_t>(token.bytes.end, text.size()), token.mass};
    while (span.begin < span.end && IsBlank(text.substr(span.begin, 1))) ++span.begin;
    while (span.begin < span.end && IsBlank(text.substr(span.end - 1, 1))) --span.end;
    if (span.begin < span.end) spans.push_back(span);
  }
  std::ranges::sort(spans, {}, &Span::begin);
  return spans;
}

// The tokens that give most, at most kMarkedTokens and only such as give something.
std::vector<ranker::TokenMass> Strongest(std::vector<ranker::TokenMass> tokens) {
  std::erase_if(tokens, [](const ranker::TokenMass& token) {
    return token.part == Part::kMarker || !token.counted || token.mass <= 0;
  });
  std::ranges::stable_sort(tokens, std::ranges::greater(), &ranker::TokenMass::mass);
  if (tokens.size() > kMarkedTokens) tokens.resize(kMarkedTokens);
  return tokens;
}

// The text with quotes around the spans; those with nothing but blanks between them are one.
std::string Mark(std::string_view text, const std::vector<Span>& spans) {
  std::string marked;
  size_t done = 0;
  for (size_t i = 0; i < spans.size();) {
    size_t end = spans[i].end, next = i + 1;
    while (next < spans.size() &&
           (spans[next].begin <= end || IsBlank(text.substr(end, spans[next].begin - end)))) {
      end = std::max(end, spans[next++].end);
    }
    const size_t begin = std::max(spans[i].begin, done);
    marked += fmt::format("{}«{}»", text.substr(done, begin - done),
                          text.substr(begin, std::max(end, begin) - begin));
    done = std::max(end, begin);
    i = next;
  }
  return marked.append(text.substr(done));
}

// Where an excerpt of so many bytes begins that holds as much mass as it can: some bytes before a
// span, at the beginning of a word.
size_t ExcerptBegin(std::string_view text, const std::vector<Span>& spans, size_t bytes) {
  constexpr size_t kLead = 16;
  if (text.size() <= bytes || spans.empty()) return 0;
  size_t best = 0;
  double most = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    double mass = 0;
    for (size_t j = i; j < spans.size() && spans[j].end <= spans[i].begin + bytes - kLead; ++j) {
      mass += spans[j].mass;
    }
    if (mass <= most) continue;
    most = mass;
    best = spans[i].begin;
  }
  if (best <= kLead) return 0;
  const size_t word = text.find(' ', best - kLead);
  return word < best ? word + 1 : best;
}

std::string MassText(const ranker::Explanation& explanation, std::string_view title,
                     std::string_view text, size_t columns) {
  const std::vector<ranker::TokenMass> strongest = Strongest(explanation.masses);
  if (strongest.empty()) {
    return fmt::format("{}: no token of it draws the query", explanation.stage);
  }
  std::string line = explanation.stage + ": ";
  const std::vector<Span> in_title = SpansOf(strongest, Part::kTitle, title);
  if (!in_title.empty()) line += Mark(title, in_title) + " | ";
  std::vector<Span> spans = SpansOf(strongest, Part::kText, text);
  // Each pair of quotes takes four bytes.
  const size_t taken = line.size() + 4 * spans.size();
  const size_t begin = ExcerptBegin(text, spans, columns > taken + 40 ? columns - taken : 40);
  std::erase_if(spans, [&](const Span& span) { return span.begin < begin; });
  for (Span& span : spans) span = {span.begin - begin, span.end - begin, span.mass};
  return OneLine(
      fmt::format("{}{}{}", line, begin > 0 ? "... " : "", Mark(text.substr(begin), spans)),
      columns);
}

}  // namespace

std::string ReportText(const ranker::StageReport& report) {
  if (report.outcome == ranker::StageReport::Outcome::kSkipped) {
    return fmt::format("{}: skipped, {}", report.stage, report.reason);
  }
  std::string text = fmt::format("{}: {} candidates in {:.1f} ms", report.stage,
                                 report.candidates_in, report.seconds * 1e3);
  if (report.tokens.cut()) {
    text += fmt::format(", {} of {} tokens read", report.tokens.read, report.tokens.total);
  }
  if (report.without_score > 0) text += fmt::format(", {} without a score", report.without_score);
  if (report.below_min_score > 0) {
    text += fmt::format(", {} dropped below its least score", report.below_min_score);
  }
  if (report.grouped > 0) text += fmt::format(", {} dropped for a better one", report.grouped);
  return text;
}

std::string ExplanationText(const ranker::Explanation& explanation, std::string_view title,
                            std::string_view text, size_t columns) {
  if (!explanation.window) return MassText(explanation, title, text, columns);
  const ranker::TextWindow& window = *explanation.window;
  const size_t begin = std::min<size_t>(window.first_byte, text.size());
  return OneLine(fmt::format("{}: window {} of {}, bytes {} to {}: {}", explanation.stage,
                             window.index + 1, window.count, window.first_byte,
                             window.first_byte + window.bytes, text.substr(begin, window.bytes)),
                 columns);
}

}  // namespace gannet::cli
