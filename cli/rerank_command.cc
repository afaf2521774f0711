#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/pipeline_file.h"
#include "cli/rerank_answer.h"
#include "eval/dataset.h"
#include "eval/metrics.h"
#include "eval/rerank_requests.h"
#include "eval/run_file.h"
#include "ranker/pipeline/pipeline.h"

namespace gannet::cli {
namespace {

struct RerankFlags {
  std::string pipeline;  // A file, or else stages of these:
  std::string model;
  std::string terms_collection;  // Empty: passages are read with the query.
  std::string duo;               // Empty: no second stage.
  size_t duo_depth = 30;
  std::string input;  // JSONL, or
  std::string run;    // a run with its dataset.
  std::string dataset;
  std::string split = "test";
  std::string output;  // Empty: standard output.
  size_t depth = 100;
  std::string precision = "fp32";
  size_t max_tokens = 0;
  std::optional<std::string> instruction;
  std::string windows = "none";
  // What is not given is as MaxP or PARADE have it.
  std::optional<size_t> window_words, window_stride, window_limit;
  std::string tag = "gannet-rerank";
  int threads = base::AvailableProcessors();
  bool json = false;
  bool explain = false;
};

ranker::WindowOptions Windows(const RerankFlags& flags, ranker::WindowOptions options) {
  options.words = flags.window_words.value_or(options.words);
  options.stride = flags.window_stride.value_or(options.stride);
  options.most = flags.window_limit.value_or(options.most);
  return options;
}

// The first stage that the flags describe: a cross-encoder, over windows where they say so, or over
// stored terms.
absl::StatusOr<ranker::StageMethod> FirstStage(const RerankFlags& flags,
                                               encoder::Precision precision) {
  if (!flags.terms_collection.empty()) {
    return ranker::TermsMethod{.collection = flags.terms_collection, .model = flags.model};
  }
  if (flags.windows == "parade") {
    return ranker::ParadeMethod{.model = flags.model,
                                .precision = precision,
                                .windows = Windows(flags, ranker::WindowOptions::Parade())};
  }
  ranker::CrossEncoderMethod method{.model = flags.model,
                                    .precision = precision,
                                    .max_tokens = flags.max_tokens,
                                    .instruction = flags.instruction};
  if (flags.windows != "none") {
    method.windows = Windows(flags, ranker::WindowOptions::MaxP());
    GANNET_ASSIGN_OR_RETURN(method.window_score, ranker::ParseWindowScore(flags.windows));
  }
  return method;
}

// The pipeline that the flags name or describe.
absl::StatusOr<ranker::PipelineSpec> SpecOf(const RerankFlags& flags) {
  if (flags.pipeline.empty() && flags.model.empty() && flags.terms_collection.empty()) {
    return absl::InvalidArgumentError("expected --model, or --terms-collection, or --pipeline");
  }
  if (flags.windows != "none" && !flags.terms_collection.empty()) {
    return absl::InvalidArgumentError("--windows: with --terms-collection passages are not cut");
  }
  if (!flags.pipeline.empty()) return ReadPipelineFile(flags.pipeline);
  GANNET_ASSIGN_OR_RETURN(const encoder::Precision precision,
                          encoder::ParsePrecision(flags.precision));
  ranker::PipelineSpec spec;
  GANNET_ASSIGN_OR_RETURN(ranker::StageMethod first, FirstStage(flags, precision));
  spec.stages.push_back({.method = std::move(first), .depth = flags.depth});
  if (!flags.duo.empty()) {
    spec.stages.push_back({.method = ranker::DuoMethod{.model = flags.duo, .precision = precision},
                           .depth = flags.duo_depth});
  }
  return spec;
}

// A pipeline at work on one query after the other.
struct Reranking {
  const RerankFlags& flags;
  const ranker::Pipeline& pipeline;
  base::ThreadPool& pool;
  RerankTally tally = {};

  // Ranks the candidates of `request` and returns its line of JSON.
  absl::StatusOr<std::string> Rank(eval::RerankRequest& request);
};

absl::StatusOr<std::string> Reranking::Rank(eval::RerankRequest& request) {
  using Explain = ranker::PipelineRequest::Explain;
  const auto start = std::chrono::steady_clock::now();
  auto answer = pipeline.Rerank(std::move(request.candidates),
                                {.query = request.query,
                                 .k = std::numeric_limits<size_t>::max(),
                                 .explain = flags.explain ? Explain::kYes : Explain::kNo},
                                pool);
  if (!answer.ok()) {
    return base::Annotate(answer.status(), fmt::format("query \"{}\"", request.query_id));
  }
  request.candidates = std::move(answer->hits);
  tally.Add(request, answer->stages,
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  // Without a pipeline's budgets and drops there is nothing to report but times.
  if (flags.pipeline.empty()) answer->stages.clear();
  return AnswerLine(request, answer->stages);
}

absl::Status WriteText(const std::string& text, const std::string& output) {
  if (!output.empty()) return base::WriteFileAtomically(output, text);
  fmt::print("{}", text);
  return absl::OkStatus();
}

absl::Status RerankRequests(Reranking& reranking) {
  const RerankFlags& flags = reranking.flags;
  GANNET_ASSIGN_OR_RETURN(std::vector<eval::RerankRequest> requests,
                          eval::ReadRerankRequests(flags.input));
  std::string answers;
  for (eval::RerankRequest& request : requests) {
    GANNET_ASSIGN_OR_RETURN(const std::string line, reranking.Rank(request));
    answers += line;
  }
  reranking.tally.Print();
  return WriteText(answers, flags.output);
}

// The means before and after, one metric a line.
std::string CompareRuns(const eval::Run& before, const eval::Run& after,
                        const eval::Dataset& dataset, const eval::EvaluationRules& rules) {
  const std::vector<eval::Metric> metrics = {{eval::Measure::kNdcg, 10},
                                             {eval::Measure::kReciprocalRank, 10},
                                             {eval::Measure::kAveragePrecision, 100},
                                             {eval::Measure::kRecall, 100}};
  const eval::Evaluation first = eval::Evaluate(before, dataset.qrels, metrics, rules);
  const eval::Evaluation second = eval::Evaluate(after, dataset.qrels, metrics, rules);
  std::string text = fmt::format("{:<12} {:>7} {:>9}\n", "", "before", "re-ranked");
  for (size_t m = 0; m < metrics.size(); ++m) {
    text += fmt::format("{:<12} {:>7.4f} {:>9.4f}\n", eval::MetricName(metrics[m]), first.means[m],
                        second.means[m]);
  }
  return text;
}

absl::Status RerankRun(Reranking& reranking) {
  const RerankFlags& flags = reranking.flags;
  GANNET_ASSIGN_OR_RETURN(const eval::Dataset dataset,
                          eval::OpenDataset(flags.dataset, flags.split));
  const eval::EvaluationRules rules;
  GANNET_ASSIGN_OR_RETURN(const eval::Run run, eval::ReadRun(flags.run));
  GANNET_ASSIGN_OR_RETURN(const auto retrieved,
                          eval::RetrievedCandidates::Read(run, dataset, flags.depth, rules));
  if (retrieved.unjudged_queries() > 0) {
    base::LogWarning(fmt::format("{} queries of {} are not in {}: left out",
                                 retrieved.unjudged_queries(), flags.run,
                                 dataset.QrelsFile().string()));
  }
  eval::Run after{.tag = flags.tag, .rankings = {}};
  std::string answers;
  base::Progress progress({.label = "re-ranking", .unit = "queries", .total = retrieved.size()});
  for (size_t i = 0; i < retrieved.size(); ++i) {
    eval::RerankRequest request = retrieved.MakeRequest(i);
    GANNET_ASSIGN_OR_RETURN(const std::string line, reranking.Rank(request));
    after.rankings.push_back(eval::MakeRanking(request));
    if (flags.json) answers += line;
    progress.Update(i + 1, i + 1);
  }
  progress.Finish();
  reranking.tally.Print();
  GANNET_RETURN_IF_ERROR(flags.json ? base::WriteFileAtomically(flags.output, answers)
                                    : eval::WriteRun(after, flags.output));
  fmt::print("{}", CompareRuns(retrieved.run(), after, dataset, rules));
  return absl::OkStatus();
}

absl::Status RunRerank(const RerankFlags& flags) {
  if (flags.input.empty() == flags.run.empty()) {
    return absl::InvalidArgumentError("expected either --input or --run with --dataset");
  }
  if (!flags.run.empty() && flags.output.empty()) {
    return absl::InvalidArgumentError("--run: say with --output where the re-ranked run goes");
  }
  GANNET_ASSIGN_OR_RETURN(const ranker::PipelineSpec spec, SpecOf(flags));
  ranker::ModelRegistry models(ModelsByFolderOrCache());
  GANNET_ASSIGN_OR_RETURN(const auto pipeline,
                          ranker::Pipeline::Make(spec, models, ranker::ModelAccess::kOpen));
  base::ThreadPool pool(flags.threads);
  Reranking reranking{.flags = flags, .pipeline = *pipeline, .pool = pool};
  return flags.run.empty() ? RerankRequests(reranking) : RerankRun(reranking);
}

// The options that describe stages, of which a pipeline has its own.
std::vector<CLI::Option*> AddModelOptions(CLI::App& command, RerankFlags& flags) {
  CLI::Option* const max_tokens =
      command
          .add_option("--max-tokens", flags.max_tokens,
                      "Longest pair of query and passage in tokens (0: what the model says)")
          ->capture_default_str();
  CLI::Option* const terms = command.add_option(
      "--terms-collection", flags.terms_collection,
      "Collection with terms: passages of its documents are not read again, only joined with the "
      "query (PreTTR); its model is used unless --model says where it is now");
  return {
      max_tokens,
      terms->excludes(max_tokens),
      command.add_option("--model", flags.model, "Cross-encoder: a folder, or a name in the cache"),
      command.add_option("--duo", flags.duo, "Pairwise model for the head of the list"),
      command.add_option("--duo-depth", flags.duo_depth, "Candidates that are compared in pairs")
          ->check(CLI::Range(2, 200))
          ->capture_default_str(),
      command
          .add_option("--precision", flags.precision,
                      "How the models multiply: fp32, bf16, int8, or auto for the machine's choice")
          ->capture_default_str(),
      command.add_option("--instruction", flags.instruction,
                         "What passages are judged by, for models that are asked in words")};
}

std::vector<CLI::Option*> AddWindowOptions(CLI::App& command, RerankFlags& flags) {
  return {command
              .add_option("--windows", flags.windows,
                          "Read long texts in windows and score them by the best (max), the first, "
                          "the sum, or as a PARADE model does; none reads the beginning")
              ->check(CLI::IsMember({"none", "max", "first", "sum", "parade"}))
              ->capture_default_str(),
          command.add_option("--window-words", flags.window_words, "Words of a window (150)")
              ->check(CLI::Range(1, 100'000)),
          command
              .add_option("--window-stride", flags.window_stride,
                          "Words from one window to the next (75; parade 100)")
              ->check(CLI::Range(1, 100'000)),
          command
              .add_option("--window-limit", flags.window_limit,
                          "Windows of one text: the first, the last, and some between them (30; "
                          "parade 16)")
              ->check(CLI::Range(1, 10'000))};
}

void AddStageOptions(CLI::App& command, RerankFlags& flags) {
  CLI::Option* const pipeline = command.add_option(
      "--pipeline", flags.pipeline, "JSON file of the stages, instead of the flags about models");
  for (CLI::Option* const option : AddModelOptions(command, flags)) pipeline->excludes(option);
  for (CLI::Option* const option : AddWindowOptions(command, flags)) pipeline->excludes(option);
}

}  // namespace

void AddRerankCommand(CLI::App& app, Action& action) {
  const auto flags = std::make_shared<RerankFlags>();
  CLI::App* command = app.add_subcommand(
      "rerank", "Re-order the passages of queries with a cross-encoder or a pipeline");
  AddStageOptions(*command, *flags);
  CLI::Option* input =
      command->add_option("--input", flags->input,
                          "JSONL file of queries with their passages, or - for standard input");
  CLI::Option* dataset = command->add_option("--dataset", flags->dataset,
                                             "Folder in BEIR's layout that the run belongs to");
  CLI::Option* run = command->add_option("--run", flags->run, "TREC run to re-rank");
  run->needs(dataset)->excludes(input);
  dataset->needs(run);
  command->add_option("--split", flags->split, "Which qrels")->capture_default_str();
  command
      ->add_option("-k,--depth", flags->depth,
                   "Candidates of a query that are re-ranked; of a "
                   "run, those that are kept")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--output", flags->output,
                      "Where the run, or JSONL, goes (JSONL of --input: else standard output)");
  command->add_option("--tag", flags->tag, "Tag of the run that is written")->capture_default_str();
  command->add_flag("--json", flags->json,
                    "Write JSONL with all stage scores instead of a run; --input always does");
  command->add_flag("--explain", flags->explain,
                    "Say in the JSONL which window, or which tokens, made a score");
  command->add_option("--threads", flags->threads, "Threads to work with")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->callback([flags, &action] { action = [flags] { return RunRerank(*flags); }; });
}

}  // namespace gannet::cli
