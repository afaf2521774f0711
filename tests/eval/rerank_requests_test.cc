#include "eval/rerank_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/status.h"
#include "tests/testing/compress.h"
#include "tests/testing/shared_data.h"

namespace gannet::eval {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

std::string ErrorOf(const std::string& lines) {
  const TemporaryFolder folder;
  const auto requests = ReadRerankRequests(folder.Write("requests.jsonl", lines));
  return requests.ok() ? "" : std::string(base::Message(requests.status()));
}

TEST(RerankRequestsTest, ReadsQueriesWithTheirPassages) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(
      const auto requests,
      ReadRerankRequests(folder.Write(
          "requests.jsonl",
          R"({"id":"q","query":"sea","passages":[{"id":"d","title":"T","text":"x","score":2.5,"metadata":{"by":1}},"y"]})"
          "\n\n"
          R"({"query":"","passages":[]})")));
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].query_id, "q");
  ASSERT_EQ(requests[0].candidates.size(), 2u);
  EXPECT_EQ(requests[0].candidates[0].id, "d");
  EXPECT_EQ(requests[0].candidates[0].title, "T");
  ASSERT_EQ(requests[0].candidates[0].stage_scores.size(), 1u);
  EXPECT_EQ(requests[0].candidates[0].stage_scores[0].stage, "input");
  EXPECT_EQ(requests[0].candidates[0].score, 2.5);
  EXPECT_EQ(requests[0].candidates[0].metadata_json, R"({"by":1})");
  EXPECT_EQ(requests[0].candidates[1].metadata_json, "{}");
  EXPECT_EQ(requests[0].candidates[1].id, "1");
  EXPECT_EQ(requests[0].candidates[1].text, "y");
  EXPECT_EQ(requests[1].query_id, "3");  // The line.
  EXPECT_TRUE(requests[1].candidates.empty());
}

TEST(RerankRequestsTest, ALineThatIsNoRequestIsNamed) {
  EXPECT_THAT(ErrorOf("{\"query\":\"a\",\"passages\":[]}\n[]"),
              HasSubstr("requests.jsonl:2: not a JSON object"));
  EXPECT_THAT(ErrorOf(R"({"passages":[]})"), HasSubstr("no field \"query\""));
  EXPECT_THAT(ErrorOf(R"({"query":3,"passages":[]})"), HasSubstr("\"query\" is a number"));
  EXPECT_THAT(ErrorOf(R"({"query":"a"})"), HasSubstr("no list \"passages\""));
  EXPECT_THAT(ErrorOf(R"({"query":"a","passages":["x",7]})"), HasSubstr("passages[1]: a number"));
  EXPECT_THAT(ErrorOf(R"({"query":"a","passages":[{"id":"x"}]})"),
              HasSubstr("passages[0]: no field \"text\""));
  EXPECT_THAT(ErrorOf(R"({"query":"a","passages":[{"text":"x","score":"1"}]})"),
              HasSubstr("\"score\" is a string"));
  EXPECT_THAT(ErrorOf(R"({"query":"a","passages":[{"text":"x","metadata":[]}]})"),
              HasSubstr("passages[0]: \"metadata\" is a array, expected an object"));
}

class RetrievedCandidatesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.Write("data/corpus.jsonl",
                  "{\"_id\":\"a\",\"title\":\"A\",\"text\":\"one\"}\n"
                  "{\"_id\":\"b\",\"title\":\"\",\"text\":\"two\"}\n"
                  "{\"_id\":\"c\",\"title\":\"\",\"text\":\"three\"}\n");
    folder_.Write("data/queries.jsonl", "{\"_id\":\"q1\",\"text\":\"first\"}\n");
    folder_.Write("data/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\tb\t1\n");
  }

  absl::StatusOr<RetrievedCandidates> Read(std::string_view run, size_t depth) {
    // Runs may be compressed.
    const auto path = folder_.Write("x.run", testing::Compress(base::Compression::kXz, run));
    auto parsed = ReadRun(path);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    auto dataset = OpenDataset(folder_.path() / "data", "test");
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    return RetrievedCandidates::Read(*parsed, *dataset, depth, {});
  }

  const TemporaryFolder folder_;
};

TEST_F(RetrievedCandidatesTest, TakesTheBestByScoreWithTheirTexts) {
  ASSERT_OK_AND_ASSIGN(const auto retrieved, Read("q1 Q0 a 1 1.5 t\n"
                                                  "q1 Q0 c 2 3 t\n"
                                                  "q1 Q0 b 3 3 t\n"
                                                  "q9 Q0 a 1 1 t\n",
                                                  2));
  ASSERT_EQ(retrieved.size(), 1u);
  EXPECT_EQ(retrieved.unjudged_queries(), 1u);
  const RerankRequest request = retrieved.MakeRequest(0);
  EXPECT_EQ(request.query, "first");
  ASSERT_EQ(request.candidates.size(), 2u);
  EXPECT_EQ(request.candidates[0].id, "c");  // trec_eval's order of ties.
  EXPECT_EQ(request.candidates[1].text, "two");
  EXPECT_EQ(request.candidates[1].stage_scores[0].stage, "run");
  EXPECT_EQ(retrieved.run().rankings[0].documents.size(), 2u);
}

TEST_F(RetrievedCandidatesTest, DocumentsAndQueriesThatAreNotThereAreNamed) {
  const auto missing = Read("q1 Q0 zz 1 1 t\n", 5);
  EXPECT_THAT(std::string(base::Message(missing.status())),
              HasSubstr("document \"zz\" of query \"q1\" is not in"));
  const auto unjudged = Read("q7 Q0 a 1 1 t\n", 5);
  EXPECT_THAT(std::string(base::Message(unjudged.status())), HasSubstr("none of the run's 1"));
}

TEST_F(RetrievedCandidatesTest, ARankingKeepsTheOrderOfTheCandidatesUnderTrecRules) {
  RerankRequest request{.query_id = "q", .query = "", .candidates = {}};
  for (const char* id : {"b", "c", "a"}) {
    ranker::Candidate candidate;
    candidate.id = id;
    candidate.score = 1;
    request.candidates.push_back(candidate);
  }
  std::string order;
  const Ranking ranking = MakeRanking(request);
  for (const RetrievedDocument* document : Ordered(ranking, {})) order += document->id;
  EXPECT_EQ(order, "bca");
}

}  // namespace
}  // namespace gannet::eval
