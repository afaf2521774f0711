#include "eval/report.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/format.h"

namespace gannet::eval {
namespace {

using Json = nlohmann::ordered_json;

std::string_view TieRuleName(TieRule rule) {
  return rule == TieRule::kDocumentIdDescending ? "document id descending (trec_eval)"
                                                : "order of the run";
}

std::string_view ScorePrecisionName(ScorePrecision precision) {
  return precision == ScorePrecision::kFloat ? "float" : "double";
}

std::string_view IdenticalIdsName(IdenticalIds rule) {
  return rule == IdenticalIds::kDrop ? "dropped" : "kept";
}

std::string_view MissingQueriesName(MissingQueries rule) {
  return rule == MissingQueries::kCountAsZero ? "count as zero" : "left out";
}

// "1,234 in 5,678 windows, 90 of them in several, 0 cut; 900,000 of 900,000 tokens read", and in
// how many blocks by models that read them.
std::string ReadText(const TextsRead& read, uint64_t texts) {
  std::string text =
      fmt::format("{} in {} windows, {} of them in several, {} cut; {} of {} tokens read",
                  base::GroupThousands(texts), base::GroupThousands(read.windows),
                  base::GroupThousands(read.in_windows), base::GroupThousands(read.cut),
                  base::GroupThousands(read.tokens_read), base::GroupThousands(read.tokens_total));
  if (read.blocks > 0) text += fmt::format(" in {} blocks", base::GroupThousands(read.blocks));
  return text;
}

Json ReadJson(const TextsRead& read) {
  return {{"in_windows", read.in_windows},     {"cut", read.cut},
          {"windows", read.windows},           {"blocks", read.blocks},
          {"tokens_total", read.tokens_total}, {"tokens_read", read.tokens_read}};
}

std::string StageText(const StageTotals& stage) {
  std::string text =
      fmt::format("{}, {} candidates a query, {:.1f} s", stage.stage, stage.depth, stage.seconds);
  if (!stage.model.empty()) {
    text +=
        fmt::format(", {} {}, fingerprint {}", stage.type, stage.model, stage.model_fingerprint);
  }
  if (stage.tokens_read < stage.tokens_total) {
    text += fmt::format(", {} of {} tokens read", base::GroupThousands(stage.tokens_read),
                        base::GroupThousands(stage.tokens_total));
  }
  if (stage.skipped > 0) {
    text += fmt::format(", skipped for {} of {} queries", base::GroupThousands(stage.skipped),
                        base::GroupThousands(stage.skipped + stage.ran));
  }
  if (stage.without_score > 0) {
    text += fmt::format(", {} without a score", base::GroupThousands(stage.without_score));
  }
  if (stage.dropped > 0) text += fmt::format(", {} dropped", base::GroupThousands(stage.dropped));
  return text;
}

Json StageJson(const StageTotals& stage) {
  return {{"stage", stage.stage},
          {"type", stage.type},
          {"model", {{"name", stage.model}, {"fingerprint", stage.model_fingerprint}}},
          {"depth", stage.depth},
          {"queries", {{"ran", stage.ran}, {"skipped", stage.skipped}}},
          {"candidates", {{"without_score", stage.without_score}, {"dropped", stage.dropped}}},
          {"tokens", {{"total", stage.tokens_total}, {"read", stage.tokens_read}}},
          {"seconds", stage.seconds}};
}

}  // namespace

std::string ReportText(const Report& report) {
  const Provenance& from = report.provenance;
  const EvaluationRules& rules = from.rules;
  std::string text;
  for (size_t m = 0; m < report.evaluation.metrics.size(); ++m) {
    fmt::format_to(std::back_inserter(text), "{:<12} {:.4f}\n",
                   MetricName(report.evaluation.metrics[m]), report.evaluation.means[m]);
  }
  const auto line = [&](std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(text), "{:<12} {}\n", name, value);
  };
  text += '\n';
  line("dataset", fmt::format("{} {}, {} documents, {} queries, fingerprint {}", from.dataset,
                              from.split, base::GroupThousands(from.documents),
                              base::GroupThousands(from.queries), from.dataset_fingerprint));
  line("model", fmt::format("{}, fingerprint {}", from.model, from.model_fingerprint));
  line("encoding", fmt::format("{}, {} similarity, at most {} tokens", from.precision,
                               from.similarity, from.max_tokens));
  line("long texts", from.long_text);
  line("documents", ReadText(from.documents_read, from.documents - from.documents_stored_before));
  if (from.documents_stored_before > 0) {
    line("", fmt::format("{} more were stored before and are not counted again",
                         base::GroupThousands(from.documents_stored_before)));
  }
  line("queries", ReadText(from.queries_read, from.queries));
  if (from.left_out_queries > 0) {
    line("", fmt::format("{} more are left out: their documents have no text",
                         base::GroupThousands(from.left_out_queries)));
  }
  if (from.replaced_sequences > 0) {
    line("", fmt::format("{} ill-formed UTF-8 sequences replaced",
                         base::GroupThousands(from.replaced_sequences)));
  }
  line("retrieval", fmt::format("exact, {} documents per query; a document with the query's id is "
                                "{}",
                                from.depth, IdenticalIdsName(rules.identical_ids)));
  for (const StageTotals& stage : report.stages) line("stage", StageText(stage));
  line("scoring",
       fmt::format("ties by {}, scores compared as {}; {} missing queries {}",
                   TieRuleName(rules.ties), ScorePrecisionName(rules.precision),
                   report.evaluation.missing_queries, MissingQueriesName(rules.missing_queries)));
  line("time",
       fmt::format("index {:.1f} s, queries {:.2f} s, retrieval {:.2f} s", report.index_seconds,
                   report.encode_queries_seconds, report.retrieve_seconds));
  return text;
}

std::string ReportJson(const Report& report) {
  const Provenance& from = report.provenance;
  const EvaluationRules& rules = from.rules;
  Json metrics = Json::object();
  for (size_t m = 0; m < report.evaluation.metrics.size(); ++m) {
    metrics[MetricName(report.evaluation.metrics[m])] = report.evaluation.means[m];
  }
  Json json = {{"metrics", metrics},
               {"dataset",
                {{"name", from.dataset},
                 {"fingerprint", from.dataset_fingerprint},
                 {"split", from.split},
                 {"documents", from.documents},
                 {"queries", from.queries},
                 {"left_out_queries", from.left_out_queries},
                 {"replaced_sequences", from.replaced_sequences}}},
               {"model",
                {{"name", from.model},
                 {"fingerprint", from.model_fingerprint},
                 {"max_tokens", from.max_tokens},
                 {"similarity", from.similarity},
                 {"precision", from.precision}}},
               {"cut",
                {{"documents", from.documents_read.cut},
                 {"queries", from.queries_read.cut},
                 {"documents_stored_before", from.documents_stored_before}}},
               {"long_text",
                {{"strategy", from.long_text},
                 {"documents", ReadJson(from.documents_read)},
                 {"queries", ReadJson(from.queries_read)}}},
               {"rules",
                {{"depth", from.depth},
                 {"ties", TieRuleName(rules.ties)},
                 {"score_precision", ScorePrecisionName(rules.precision)},
                 {"identical_ids", IdenticalIdsName(rules.identical_ids)},
                 {"missing_queries", MissingQueriesName(rules.missing_queries)}}},
               {"queries",
                {{"counted", report.evaluation.queries.size()},
                 {"missing", report.evaluation.missing_queries}}},
               {"seconds",
                {{"index", report.index_seconds},
                 {"encode_queries", report.encode_queries_seconds},
                 {"retrieve", report.retrieve_seconds}}}};
  if (!report.stages.empty()) json["stages"] = Json::array();
  for (const StageTotals& stage : report.stages) json["stages"].push_back(StageJson(stage));
  // Names of folders may be any bytes.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gannet::eval
