#include "eval/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "eval/dataset.h"
#include "tests/testing/shared_data.h"

namespace gannet::eval {
namespace {

using Json = nlohmann::json;
using testing::TemporaryFolder;

const std::filesystem::path kGolden = testing::TestData("metrics");

// trec_eval's name of a measure ("ndcg_cut_10", "recip_rank", "map") as a metric.
std::optional<Metric> MetricOfTrecName(const std::string& name) {
  static const std::map<std::string, Measure> kMeasures = {
      {"ndcg", Measure::kNdcg},
      {"ndcg_cut", Measure::kNdcg},
      {"map", Measure::kAveragePrecision},
      {"map_cut", Measure::kAveragePrecision},
      {"recall", Measure::kRecall},
      {"P", Measure::kPrecision},
      {"set_P", Measure::kPrecision},
      {"set_recall", Measure::kRecall},
      {"recip_rank", Measure::kReciprocalRank}};
  if (const auto whole = kMeasures.find(name); whole != kMeasures.end()) {
    return Metric{whole->second, kWholeRanking};
  }
  const size_t underscore = name.rfind('_');
  if (underscore == std::string::npos) return std::nullopt;
  const auto cut = kMeasures.find(name.substr(0, underscore));
  char* end = nullptr;
  const size_t cutoff = std::strtoul(name.c_str() + underscore + 1, &end, 10);
  if (cut == kMeasures.end() || *end != '\0') return std::nullopt;
  return Metric{cut->second, cutoff};
}

// What another program says: query id, or "all" -> name of the measure -> value.
using Expected = std::map<std::string, std::map<std::string, double>>;

// Compares every value; those of other measures than ours are passed over. Returns how many.
size_t ExpectEqual(const Run& run, const Qrels& qrels, const EvaluationRules& rules,
                   const Expected& expected, double tolerance) {
  std::vector<Metric> metrics;
  std::vector<std::string> names;
  for (const auto& [name, value] : expected.at("all")) {
    if (const auto metric = MetricOfTrecName(name)) {
      metrics.push_back(*metric);
      names.push_back(name);
    }
  }
  const Evaluation evaluation = Evaluate(run, qrels, metrics, rules);
  EXPECT_EQ(evaluation.queries.size() + 1, expected.size());
  size_t compared = 0;
  const auto compare = [&](const std::string& query, const std::vector<double>& values) {
    for (size_t m = 0; m < metrics.size(); ++m) {
      EXPECT_NEAR(values[m], expected.at(query).at(names[m]), tolerance)
          << names[m] << " of " << query;
      ++compared;
    }
  };
  for (const QueryValues& query : evaluation.queries) compare(query.query_id, query.values);
  compare("all", evaluation.means);
  return compared;
}

Expected FromJson(const Json& tag) {
  Expected expected = tag.at("per_query").get<Expected>();
  expected["all"] = tag.at("mean").get<std::map<std::string, double>>();
  return expected;
}

class GoldenMetricsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(qrels_, ReadBeirQrels(kGolden / "qrels.tsv"));
    ASSERT_OK_AND_ASSIGN(run_, ReadRun(kGolden / "run.trec"));
    expected_ = Json::parse(std::ifstream(kGolden / "expected.json"));
  }

  Qrels qrels_;
  eval::Run run_;
  Json expected_;
};

TEST_F(GoldenMetricsTest, DoubleScoresEqualTrecEval) {
  const EvaluationRules rules{.precision = ScorePrecision::kDouble,
                              .identical_ids = IdenticalIds::kKeep,
                              .missing_queries = MissingQueries::kLeaveOut};
  EXPECT_EQ(ExpectEqual(run_, qrels_, rules, FromJson(expected_.at("float64_sim")), 1e-12), 294u);
}

TEST_F(GoldenMetricsTest, FloatScoresEqualTrecEval) {
  const EvaluationRules rules{.precision = ScorePrecision::kFloat,
                              .identical_ids = IdenticalIds::kKeep,
                              .missing_queries = MissingQueries::kLeaveOut};
  EXPECT_EQ(ExpectEqual(run_, qrels_, rules, FromJson(expected_.at("float32_sim")), 1e-12), 294u);
}

TEST_F(GoldenMetricsTest, WithIdenticalIdsDroppedEqualBeir) {
  const EvaluationRules rules{.precision = ScorePrecision::kDouble,
                              .identical_ids = IdenticalIds::kDrop,
                              .missing_queries = MissingQueries::kLeaveOut};
  const Expected expected = FromJson(expected_.at("float64_sim.ignore_identical_ids"));
  EXPECT_EQ(ExpectEqual(run_, qrels_, rules, expected, 1e-12), 294u);
}

TEST_F(GoldenMetricsTest, BeirsOwnMrrKeepsTheOrderOfTheRunAndCountsEveryJudgedQuery) {
  const EvaluationRules rules{.ties = TieRule::kRunOrder,
                              .precision = ScorePrecision::kDouble,
                              .identical_ids = IdenticalIds::kDrop,
                              .missing_queries = MissingQueries::kCountAsZero};
  for (const auto& [name, value] : expected_.at("beir_mrr.ignore_identical_ids").items()) {
    const Metric metric{Measure::kReciprocalRank, std::stoul(name.substr(4))};
    EXPECT_EQ(MetricName(metric), name);
    const Evaluation evaluation = Evaluate(run_, qrels_, {{metric}}, rules);
    const double rounded = std::round(evaluation.means[0] * 1e5) / 1e5;
    EXPECT_NEAR(rounded, value.get<double>(), 1e-12) << name;
  }
}

TEST_F(GoldenMetricsTest, MissingQueriesCountAsZeroOrNotAtAll) {
  const Metric metric{Measure::kNdcg, 10};
  const Evaluation all =
      Evaluate(run_, qrels_, {{metric}}, {.missing_queries = MissingQueries::kCountAsZero});
  const Evaluation found =
      Evaluate(run_, qrels_, {{metric}}, {.missing_queries = MissingQueries::kLeaveOut});
  EXPECT_EQ(all.queries.size(), qrels_.queries().size());
  EXPECT_EQ(found.queries.size(), 13u);
  EXPECT_EQ(all.missing_queries, 3u);
  EXPECT_EQ(found.missing_queries, 3u);
  EXPECT_EQ(all.unjudged_queries, 1u);
  EXPECT_NEAR(all.means[0] * 16, found.means[0] * 13, 1e-12);
}

TEST(MetricsTest, WorkedExample) {
  // Ranked: grade 0, grade 2, unjudged, grade 1; one more relevant document was not found.
  const JudgedRanking ranking{.grades = {0, 2, 0, 1}, .ideal = {3, 2, 1}};
  const double ideal = 3 + 2 / std::log2(3) + 1 / std::log2(4);
  EXPECT_DOUBLE_EQ(Ndcg(ranking, 10), (2 / std::log2(3) + 1 / std::log2(5)) / ideal);
  EXPECT_DOUBLE_EQ(Ndcg(ranking, 1), 0);
  EXPECT_DOUBLE_EQ(AveragePrecision(ranking, 10), (1.0 / 2 + 2.0 / 4) / 3);
  EXPECT_DOUBLE_EQ(Recall(ranking, 3), 1.0 / 3);
  EXPECT_DOUBLE_EQ(Precision(ranking, 10), 0.2);
  EXPECT_DOUBLE_EQ(Precision(ranking, kWholeRanking), 0.5);
  EXPECT_DOUBLE_EQ(ReciprocalRank(ranking, 10), 0.5);
  EXPECT_DOUBLE_EQ(ReciprocalRank(ranking, 1), 0);
}

TEST(MetricsTest, NothingRetrievedAndNothingRelevantAreZero) {
  for (const JudgedRanking& ranking :
       {JudgedRanking{.grades = {}, .ideal = {1}}, JudgedRanking{.grades = {0, -1}, .ideal = {}}}) {
    for (const Measure measure : {Measure::kNdcg, Measure::kAveragePrecision, Measure::kRecall,
                                  Measure::kPrecision, Measure::kReciprocalRank}) {
      EXPECT_EQ(Compute({measure, 10}, ranking), 0);
      EXPECT_EQ(Compute({measure, kWholeRanking}, ranking), 0);
    }
  }
}

TEST(MetricsTest, EqualScoresAreOrderedByDescendingIdBytes) {
  const Ranking ranking{.query_id = "q", .documents = {{"B", 1}, {"a", 1}, {"é", 1}, {"10", 2}}};
  const JudgedQuery judged{.id = "q", .grades = {{"B", 1}, {"a", 2}, {"é", 3}, {"10", 4}}};
  EXPECT_EQ(Judge(ranking, judged, {}).grades, (std::vector<int>{4, 3, 2, 1}));
  EXPECT_EQ(Judge(ranking, judged, {.ties = TieRule::kRunOrder}).grades,
            (std::vector<int>{4, 1, 2, 3}));
}

TEST(MetricsTest, NamesAreThoseOfTheField) {
  EXPECT_EQ(MetricName({Measure::kNdcg, 10}), "nDCG@10");
  EXPECT_EQ(MetricName({Measure::kAveragePrecision, 100}), "MAP@100");
  EXPECT_EQ(MetricName({Measure::kRecall, 100}), "Recall@100");
  EXPECT_EQ(MetricName({Measure::kPrecision, 5}), "P@5");
  EXPECT_EQ(MetricName({Measure::kReciprocalRank, kWholeRanking}), "MRR");
}

TEST(MetricsTest, OnlyMetricsThatWereAskedForHaveAMean) {
  const Metric metric{Measure::kNdcg, 10};
  const Evaluation evaluation = Evaluate({}, {}, {{metric}}, {});
  EXPECT_EQ(evaluation.Mean(metric), 0);
  EXPECT_EQ(evaluation.Mean({Measure::kNdcg, 5}), std::nullopt);
}

// --- Real runs, with what trec_eval printed for them (four decimals) ---

absl::StatusOr<Qrels> ReadTrecQrels(const std::filesystem::path& path) {
  Qrels qrels;
  std::ifstream file(path);
  std::string query, iteration, document;
  int grade = 0;
  while (file >> query >> iteration >> document >> grade) qrels.Judge(query, document, grade);
  if (!file.eof() || qrels.queries().empty()) return absl::DataLossError(path.string());
  return qrels;
}

Expected ReadTrecEvalOutput(const std::filesystem::path& path) {
  Expected expected;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream columns(line);
    std::string name, query;
    double value = 0;
    if (columns >> name >> query >> value) expected[query][name] = value;
  }
  return expected;
}

constexpr double kFourDecimals = 0.00005 + 1e-9;

TEST(TrecEvalTest, RealRunsGiveWhatTrecEvalPrints) {
  GANNET_SHARED_OR_SKIP(folder, "data/trec_runs");
  const std::map<std::string, std::string> qrels_of = {
      {"covid", "qrels.beir-v1.0.0-trec-covid.test.txt"}, {"dl19", "qrels.dl19-passage.txt"}};
  size_t runs = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder / "runs")) {
    const std::string name = file.path().stem().string();
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(
        const Qrels qrels,
        ReadTrecQrels(folder / "qrels" / qrels_of.at(name.substr(0, name.find('.')))));
    ASSERT_OK_AND_ASSIGN(const eval::Run run, ReadRun(file.path()));
    const Expected expected = ReadTrecEvalOutput(folder / "golden" / (name + ".trec_eval.txt"));
    const EvaluationRules rules{.identical_ids = IdenticalIds::kKeep,
                                .missing_queries = MissingQueries::kLeaveOut};
    EXPECT_GT(ExpectEqual(run, qrels, rules, expected, kFourDecimals), 400u);
    ++runs;
  }
  EXPECT_EQ(runs, 4u);
}

TEST(TrecEvalTest, ItsOwnTestsPass) {
  GANNET_SHARED_OR_SKIP(folder, "data/trec_runs/trec_eval_test");
  ASSERT_OK_AND_ASSIGN(const Qrels qrels, ReadTrecQrels(folder / "qrels.test"));
  ASSERT_OK_AND_ASSIGN(const eval::Run run, ReadRun(folder / "results.test"));
  ASSERT_OK_AND_ASSIGN(const eval::Run truncated, ReadRun(folder / "results.trunc"));
  const EvaluationRules leave_out{.identical_ids = IdenticalIds::kKeep,
                                  .missing_queries = MissingQueries::kLeaveOut};
  const EvaluationRules count{.identical_ids = IdenticalIds::kKeep,
                              .missing_queries = MissingQueries::kCountAsZero};
  EXPECT_GT(
      ExpectEqual(run, qrels, leave_out, ReadTrecEvalOutput(folder / "out.test.aq"), kFourDecimals),
      100u);
  EXPECT_GT(ExpectEqual(truncated, qrels, count, ReadTrecEvalOutput(folder / "out.test.aqc"),
                        kFourDecimals),
            100u);
}

// --- The runs of sentence-transformers on BEIR, whose figures are published ---

struct BeirFigures {
  const char* dataset;
  double ndcg_at_10;
  double recall_at_100;
};

class BeirFiguresTest : public ::testing::TestWithParam<BeirFigures> {};

// The run, unpacked by the xz program; empty where there is none.
std::filesystem::path Unpack(const std::filesystem::path& archive, const TemporaryFolder& folder) {
  const std::filesystem::path unpacked = folder.path() / "unpacked.run";
  const std::string command = "xz -dc '" + archive.string() + "' > '" + unpacked.string() + "'";
  return std::system(command.c_str()) == 0 ? unpacked : "";
}

TEST_P(BeirFiguresTest, TheReferenceRunGivesThem) {
  GANNET_SHARED_OR_SKIP(data, "data");
  GANNET_SHARED_OR_SKIP(golden, "golden/minilm");
  const TemporaryFolder folder;
  const auto run_path = Unpack(golden / (std::string(GetParam().dataset) + ".run.xz"), folder);
  if (run_path.empty()) GTEST_SKIP() << "no xz program to unpack the run with";
  ASSERT_OK_AND_ASSIGN(const Dataset dataset, OpenDataset(data / GetParam().dataset, "test"));
  ASSERT_OK_AND_ASSIGN(const eval::Run run, ReadRun(run_path));
  const std::vector<Metric> metrics = {{Measure::kNdcg, 10}, {Measure::kRecall, 100}};
  const Evaluation evaluation = Evaluate(run, dataset.qrels, metrics, {});
  EXPECT_EQ(evaluation.missing_queries, 0u);
  EXPECT_NEAR(evaluation.means[0], GetParam().ndcg_at_10, 0.000005);
  EXPECT_NEAR(evaluation.means[1], GetParam().recall_at_100, 0.00005);
}

INSTANTIATE_TEST_SUITE_P(MiniLm, BeirFiguresTest,
                         ::testing::Values(BeirFigures{"scifact", .64508, .9250},
                                           BeirFigures{"nfcorpus", .31594, .3115}),
                         [](const auto& test) { return test.param.dataset; });

}  // namespace
}  // namespace gannet::eval
