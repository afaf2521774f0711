#include "cli/model_heads_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/model_location.h"
#include "eval/lines.h"
#include "ranker/rerank/icr.h"
#include "ranker/rerank/icr_head_detection.h"

namespace gannet::cli {
namespace {

using Json = nlohmann::json;

struct HeadsFlags {
  std::string model;
  std::string queries;
  std::string measure = "ndcg";
  std::string markup = "plain";
  double temperature = 0.1;
  size_t top = 16;
  std::string precision = "auto";
  int threads = base::AvailableProcessors();
};

// Labelled queries and the texts that they point into.
struct LabelledQueries {
  std::deque<std::string> texts;
  std::vector<ranker::LabelledQuery> queries;

  std::string_view Keep(const Json& text) {
    return texts.emplace_back(text.get_ref<const std::string&>());
  }
};

// A text, or {"title": ..., "text": ...}.
ranker::InContextPassage ReadPassage(const Json& value, LabelledQueries& labelled) {
  if (value.is_string()) return {.text = labelled.Keep(value)};
  ranker::InContextPassage passage{.text = labelled.Keep(value.at("text"))};
  if (value.contains("title")) passage.title = labelled.Keep(value.at("title"));
  return passage;
}

absl::Status ReadQuery(std::string_view line, LabelledQueries& labelled) {
  try {
    const Json value = Json::parse(line);
    ranker::LabelledQuery query{
        .query = value.at("query").get<std::string>(), .passages = {}, .relevant = {}};
    for (const Json& passage : value.at("passages")) {
      query.passages.push_back(ReadPassage(passage, labelled));
    }
    for (const Json& number : value.at("relevant")) {
      if (!number.is_number_unsigned()) {
        return absl::InvalidArgumentError(
            fmt::format("relevant: {} is not the number of a passage", number.dump()));
      }
      query.relevant.push_back(number.get<size_t>());
    }
    labelled.queries.push_back(std::move(query));
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return absl::OkStatus();
}

absl::StatusOr<LabelledQueries> ReadQueries(const std::string& path) {
  GANNET_ASSIGN_OR_RETURN(const std::string content, base::ReadFile(path));
  LabelledQueries labelled;
  eval::Lines lines(content);
  for (std::string_view line; lines.Next(line);) {
    if (eval::IsBlank(line)) continue;
    GANNET_RETURN_IF_ERROR(base::Annotate(ReadQuery(line, labelled),
                                          fmt::format("{}: line {}", path, lines.number())));
  }
  return labelled;
}

// The best heads with their measure, one a line, then the set that --heads takes.
absl::Status PrintHeads(const HeadsFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(const LabelledQueries labelled, ReadQueries(flags.queries));
  ranker::HeadDetectionOptions options{.temperature = flags.temperature};
  GANNET_ASSIGN_OR_RETURN(options.measure, ranker::ParseHeadMeasure(flags.measure));
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path folder, ResolveModel(flags.model));
  GANNET_ASSIGN_OR_RETURN(const encoder::Precision precision,
                          encoder::ParsePrecision(flags.precision));
  const bool contrast = options.measure == ranker::HeadMeasure::kContrast;
  GANNET_ASSIGN_OR_RETURN(
      const auto reranker,
      ranker::InContextReranker::Open(
          folder, {.recipe = contrast ? "core-detection" : "qrhead", .markup = flags.markup},
          {.precision = precision}));
  base::ThreadPool pool(flags.threads);
  GANNET_ASSIGN_OR_RETURN(const std::vector<ranker::HeadScore> heads,
                          ranker::DetectHeads(*reranker, labelled.queries, options, &pool));
  std::set<ranker::AttentionHead> best;
  for (size_t i = 0; i < std::min(flags.top, heads.size()); ++i) {
    fmt::print("{}-{}\t{:.6f}\n", heads[i].head.layer, heads[i].head.head, heads[i].score);
    best.insert(heads[i].head);
  }
  fmt::print("{}\n", ranker::HeadSet(std::move(best)).ToString());
  return absl::OkStatus();
}

}  // namespace

void AddModelHeadsCommand(CLI::App& model, Action& action) {
  const auto flags = std::make_shared<HeadsFlags>();
  CLI::App* command = model.add_subcommand(
      "heads",
      "Find the attention heads of a decoder that tell relevant passages best, from labelled "
      "queries");
  command->add_option("model", flags->model, "Model folder, GGUF file, or a model in the cache")
      ->required();
  command
      ->add_option("--queries", flags->queries,
                   "JSON lines: {\"query\": TEXT, \"passages\": [TEXT or {\"title\", \"text\"}], "
                   "\"relevant\": [NUMBERS FROM 0]}")
      ->required();
  command
      ->add_option("--measure", flags->measure,
                   "ndcg (QRHead on BEIR), mass (QRHead on LongMemEval) or contrast (CoRe)")
      ->capture_default_str();
  command
      ->add_option("--markup", flags->markup,
                   "Of the model's prompts: llama3, mistral, qwen2.5, granite, phi4 or plain")
      ->capture_default_str();
  command
      ->add_option("--temperature", flags->temperature,
                   "Of contrast: 0.1 for Llama and Phi, 0.001 for Mistral and Granite")
      ->capture_default_str();
  command->add_option("--top", flags->top, "Heads to print")->capture_default_str();
  command->add_option("--precision", flags->precision, "fp32, bf16, int8, or auto")
      ->capture_default_str();
  command->add_option("--threads", flags->threads, "Threads to work with")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->callback([flags, &action] { action = [flags] { return PrintHeads(*flags); }; });
}

}  // namespace gannet::cli
