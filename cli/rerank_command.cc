#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/format.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/model_location.h"
#include "cli/term_model.h"
#include "encoder/score/cross_encoder.h"
#include "encoder/score/duo_encoder.h"
#include "encoder/score/parade_scorer.h"
#include "encoder/score/term_encoder.h"
#include "eval/dataset.h"
#include "eval/metrics.h"
#include "eval/rerank_requests.h"
#include "eval/run_file.h"
#include "indexer/collection.h"
#include "ranker/rerank/cross_encoder_stage.h"
#include "ranker/rerank/duo_stage.h"
#include "ranker/rerank/parade_stage.h"
#include "ranker/rerank/rerank_stage.h"
#include "ranker/rerank/terms_stage.h"

namespace gannet::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

struct RerankFlags {
  std::string model;
  std::string duo;  // Empty: no second stage.
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
  std::string terms_collection;  // Empty: passages are read with the query.
  ranker::WindowOptions window_options = ranker::WindowOptions::MaxP();
  std::string tag = "gannet-rerank";
  int threads = base::AvailableProcessors();
  bool json = false;
};

// The models of a re-ranking and the stages that use them.
struct Stages {
  std::unique_ptr<const encoder::CrossEncoder> model;
  std::unique_ptr<const encoder::ParadeScorer> parade_model;
  std::unique_ptr<const indexer::Collection> terms_collection;
  std::unique_ptr<const encoder::TermEncoder> terms_model;
  std::unique_ptr<const encoder::DuoEncoder> duo_model;
  std::vector<std::unique_ptr<const ranker::RerankStage>> owned;
  std::vector<ranker::StagePlan> plan;

  void Add(std::unique_ptr<const ranker::RerankStage> stage, size_t depth) {
    plan.push_back({stage.get(), depth});
    owned.push_back(std::move(stage));
  }
};

// The first stage: a cross-encoder, over windows where the flags say so.
absl::Status AddCrossEncoder(const RerankFlags& flags, const std::filesystem::path& folder,
                             encoder::Precision precision, Stages& stages) {
  encoder::CrossEncoderOptions model_options;
  model_options.model.precision = precision;
  model_options.max_tokens = flags.max_tokens;
  model_options.instruction = flags.instruction;
  GANNET_ASSIGN_OR_RETURN(stages.model, encoder::CrossEncoder::Open(folder, model_options));
  fmt::print(stderr, "{}: {}\n", stages.model->name(), stages.model->ComputePath());
  ranker::CrossEncoderStageOptions options;
  if (flags.windows != "none") {
    options.windows = flags.window_options;
    GANNET_ASSIGN_OR_RETURN(options.window_score, ranker::ParseWindowScore(flags.windows));
  }
  GANNET_ASSIGN_OR_RETURN(auto mono, ranker::CrossEncoderStage::Make(*stages.model, options));
  stages.Add(std::move(mono), flags.depth);
  return absl::OkStatus();
}

// The first stage: a cross-encoder that has read the passages of a collection already.
absl::Status AddTerms(const RerankFlags& flags, Stages& stages) {
  GANNET_ASSIGN_OR_RETURN(stages.terms_collection,
                          indexer::Collection::Open(flags.terms_collection));
  const std::optional<indexer::TermSchema>& terms = stages.terms_collection->schema().terms;
  if (!terms) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: keeps no terms; `gannet collection add-terms` adds them", flags.terms_collection));
  }
  absl::StatusOr<TermModel> model = OpenTermModel({.model = flags.model}, terms);
  if (!model.ok()) return base::Annotate(model.status(), flags.terms_collection);
  stages.terms_model = std::move(model->encoder);
  auto stage = ranker::TermsStage::Make(*stages.terms_model, *stages.terms_collection);
  if (!stage.ok()) return base::Annotate(stage.status(), flags.terms_collection);
  stages.Add(*std::move(stage), flags.depth);
  return absl::OkStatus();
}

absl::Status AddFirstStage(const RerankFlags& flags, encoder::Precision precision, Stages& stages) {
  if (!flags.terms_collection.empty()) return AddTerms(flags, stages);
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path folder, ResolveModel(flags.model));
  if (flags.windows != "parade") return AddCrossEncoder(flags, folder, precision, stages);
  encoder::ParadeOptions options;
  options.model.precision = precision;
  GANNET_ASSIGN_OR_RETURN(stages.parade_model, encoder::ParadeScorer::Open(folder, options));
  stages.Add(std::make_unique<ranker::ParadeStage>(*stages.parade_model), flags.depth);
  return absl::OkStatus();
}

absl::StatusOr<Stages> OpenStages(const RerankFlags& flags) {
  Stages stages;
  GANNET_ASSIGN_OR_RETURN(const encoder::Precision precision,
                          encoder::ParsePrecision(flags.precision));
  GANNET_RETURN_IF_ERROR(AddFirstStage(flags, precision, stages));
  if (flags.duo.empty()) return stages;
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path duo_folder, ResolveModel(flags.duo));
  encoder::DuoOptions duo_options;
  duo_options.model.precision = precision;
  GANNET_ASSIGN_OR_RETURN(stages.duo_model, encoder::DuoEncoder::Open(duo_folder, duo_options));
  stages.Add(std::make_unique<ranker::DuoStage>(*stages.duo_model), flags.duo_depth);
  return stages;
}

// What happened to the candidates of all queries.
struct Tally {
  uint64_t queries = 0;
  uint64_t candidates = 0;
  uint64_t cut = 0;       // Longer than the model reads.
  uint64_t unscored = 0;  // Why, of the first:
  std::string first_problem;
  double seconds = 0;

  void Add(const eval::RerankRequest& request) {
    ++queries;
    for (const ranker::Candidate& candidate : request.candidates) {
      ++candidates;
      if (candidate.tokens.cut()) ++cut;
      if (candidate.status.ok()) continue;
      if (unscored++ > 0) continue;
      first_problem = fmt::format("query \"{}\", document \"{}\": {}", request.query_id,
                                  candidate.id, base::Message(candidate.status));
    }
  }

  // For people, on standard error.
  void Print() const {
    fmt::print(stderr, "{} candidates of {} queries in {:.1f} s, {} longer than the model reads\n",
               base::GroupThousands(candidates), base::GroupThousands(queries), seconds,
               base::GroupThousands(cut));
    if (unscored > 0) {
      base::LogWarning(fmt::format("{} candidates have no score and follow those that have; {}",
                                   unscored, first_problem));
    }
  }
};

absl::Status Rerank(const Stages& stages, eval::RerankRequest& request, base::ThreadPool& pool,
                    Tally& tally) {
  const auto start = std::chrono::steady_clock::now();
  GANNET_RETURN_IF_ERROR(
      base::Annotate(ranker::RunStages(request.query, stages.plan, request.candidates, pool),
                     fmt::format("query \"{}\"", request.query_id)));
  tally.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  tally.Add(request);
  return absl::OkStatus();
}

OrderedJson HitJson(const ranker::Candidate& candidate, size_t rank) {
  OrderedJson scores = OrderedJson::object();
  for (const ranker::StageScore& stage : candidate.stage_scores) scores[stage.stage] = stage.score;
  OrderedJson hit = {
      {"rank", rank},
      {"id", candidate.id},
      {"score", candidate.score},
      {"stage_scores", scores},
      {"tokens", {{"total", candidate.tokens.total}, {"read", candidate.tokens.read}}}};
  if (candidate.window) {
    hit["window"] = {{"index", candidate.window->index},
                     {"count", candidate.window->count},
                     {"first_byte", candidate.window->first_byte},
                     {"bytes", candidate.window->bytes}};
  }
  if (!candidate.status.ok()) hit["error"] = base::Message(candidate.status);
  return hit;
}

// One line: {"id": "q1", "hits": [...]}
std::string AnswerLine(const eval::RerankRequest& request) {
  OrderedJson hits = OrderedJson::array();
  for (size_t i = 0; i < request.candidates.size(); ++i) {
    hits.push_back(HitJson(request.candidates[i], i + 1));
  }
  const OrderedJson answer = {{"id", request.query_id}, {"hits", std::move(hits)}};
  return answer.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

absl::Status WriteText(const std::string& text, const std::string& output) {
  if (!output.empty()) return base::WriteFileAtomically(output, text);
  fmt::print("{}", text);
  return absl::OkStatus();
}

absl::Status RerankRequests(const RerankFlags& flags, const Stages& stages,
                            base::ThreadPool& pool) {
  GANNET_ASSIGN_OR_RETURN(std::vector<eval::RerankRequest> requests,
                          eval::ReadRerankRequests(flags.input));
  Tally tally;
  std::string answers;
  for (eval::RerankRequest& request : requests) {
    GANNET_RETURN_IF_ERROR(Rerank(stages, request, pool, tally));
    answers += AnswerLine(request);
  }
  tally.Print();
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

absl::Status RerankRun(const RerankFlags& flags, const Stages& stages, base::ThreadPool& pool) {
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
  Tally tally;
  eval::Run after{.tag = flags.tag, .rankings = {}};
  std::string answers;
  base::Progress progress({.label = "re-ranking", .unit = "queries", .total = retrieved.size()});
  for (size_t i = 0; i < retrieved.size(); ++i) {
    eval::RerankRequest request = retrieved.MakeRequest(i);
    GANNET_RETURN_IF_ERROR(Rerank(stages, request, pool, tally));
    after.rankings.push_back(eval::MakeRanking(request));
    if (flags.json) answers += AnswerLine(request);
    progress.Update(i + 1, i + 1);
  }
  progress.Finish();
  tally.Print();
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
  if (flags.model.empty() && flags.terms_collection.empty()) {
    return absl::InvalidArgumentError("expected --model, or --terms-collection");
  }
  if (flags.windows != "none" && !flags.terms_collection.empty()) {
    return absl::InvalidArgumentError("--windows: with --terms-collection passages are not cut");
  }
  GANNET_ASSIGN_OR_RETURN(const Stages stages, OpenStages(flags));
  base::ThreadPool pool(flags.threads);
  return flags.run.empty() ? RerankRequests(flags, stages, pool) : RerankRun(flags, stages, pool);
}

void AddModelOptions(CLI::App& command, RerankFlags& flags) {
  command.add_option("--model", flags.model, "Cross-encoder: a folder, or a name in the cache");
  CLI::Option* const max_tokens =
      command
          .add_option("--max-tokens", flags.max_tokens,
                      "Longest pair of query and passage in tokens (0: what the model says)")
          ->capture_default_str();
  command
      .add_option(
          "--terms-collection", flags.terms_collection,
          "Collection with terms: passages of its documents are not read again, only joined "
          "with the query (PreTTR); its model is used unless --model says where it is now")
      ->excludes(max_tokens);
  command.add_option("--duo", flags.duo, "Pairwise model for the head of the list");
  command.add_option("--duo-depth", flags.duo_depth, "Candidates that are compared in pairs")
      ->check(CLI::Range(2, 200))
      ->capture_default_str();
  command
      .add_option("--precision", flags.precision,
                  "How the models multiply: fp32, bf16, int8, or auto for the machine's choice")
      ->capture_default_str();
  command.add_option("--instruction", flags.instruction,
                     "What passages are judged by, for models that are asked in words");
  command.add_option("--threads", flags.threads, "Threads to work with")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
}

void AddWindowOptions(CLI::App& command, RerankFlags& flags) {
  command
      .add_option(
          "--windows", flags.windows,
          "Read long texts in windows and score them by the best (max), the first, the sum, "
          "or as a PARADE model does; none reads the beginning")
      ->check(CLI::IsMember({"none", "max", "first", "sum", "parade"}))
      ->capture_default_str();
  ranker::WindowOptions& options = flags.window_options;
  command.add_option("--window-words", options.words, "Words of a window")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command.add_option("--window-stride", options.stride, "Words from one window to the next")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command
      .add_option("--window-limit", options.most,
                  "Windows of one text: the first, the last, and some between them")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
}

}  // namespace

void AddRerankCommand(CLI::App& app, Action& action) {
  const auto flags = std::make_shared<RerankFlags>();
  CLI::App* command =
      app.add_subcommand("rerank", "Re-order the passages of queries with a cross-encoder");
  AddModelOptions(*command, *flags);
  AddWindowOptions(*command, *flags);
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
  command->callback([flags, &action] { action = [flags] { return RunRerank(*flags); }; });
}

}  // namespace gannet::cli
