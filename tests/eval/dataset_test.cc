#include "eval/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/shared_data.h"

namespace gannet::eval {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

// A small dataset; each test breaks one file of it.
class DatasetTest : public ::testing::Test {
 protected:
  DatasetTest() {
    folder_.Write("corpus.jsonl", R"({"_id": "d1", "title": "", "text": "wings"})");
    folder_.Write("queries.jsonl",
                  "{\"_id\": \"q1\", \"text\": \"first\", \"metadata\": {\"a\": 1}}\n"
                  "{\"_id\": \"q2\", \"text\": \"second \\ud83d\\ude00\"}\r\n"
                  "{\"_id\": \"q3\", \"text\": \"third\"}\n");
    folder_.Write("qrels/test.tsv", "query-id\tcorpus-id\tscore\r\nq2\td1\t1\r\nq1\td1\t1\r\n");
    folder_.Write("qrels/dev.tsv", "query-id\tcorpus-id\tscore\nq3\td1\t1\n");
  }

  std::string ErrorOf(std::string_view split) const {
    return std::string(OpenDataset(folder_.path(), split).status().message());
  }

  const TemporaryFolder folder_;
};

TEST_F(DatasetTest, QueriesAreThoseOfTheQrelsInTheirOrder) {
  ASSERT_OK_AND_ASSIGN(const Dataset dataset, OpenDataset(folder_.path(), "test"));
  ASSERT_EQ(dataset.queries.size(), 2u);
  EXPECT_EQ(dataset.queries[0].id, "q2");
  EXPECT_EQ(dataset.queries[0].text, "second 😀");
  EXPECT_EQ(dataset.queries[1].id, "q1");
  EXPECT_EQ(dataset.queries[1].text, "first");
  EXPECT_EQ(dataset.CorpusPlace(), folder_.path() / "corpus.jsonl");
}

TEST_F(DatasetTest, AMissingSplitIsAnErrorThatListsThoseThatAreThere) {
  EXPECT_THAT(ErrorOf("train"), HasSubstr("no split \"train\"; there are: dev, test"));
}

TEST_F(DatasetTest, AFolderThatIsNoDatasetIsAnErrorThatNamesTheMissingFile) {
  const TemporaryFolder empty;
  const auto status = OpenDataset(empty.path(), "test").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("corpus.jsonl: no such file"));
}

TEST_F(DatasetTest, AJudgedQueryWithoutTextIsAnErrorThatNamesIt) {
  folder_.Write("qrels/test.tsv", "h\nq1\td1\t1\nq77\td1\t1\n");
  EXPECT_THAT(ErrorOf("test"), HasSubstr("test.tsv: query \"q77\" is not in"));
}

TEST_F(DatasetTest, BrokenQueriesAreErrorsThatNameFileAndLine) {
  folder_.Write("queries.jsonl", "{\"_id\": \"q1\", \"text\": \"a\"}\n{\"_id\": \"q2\"\n");
  EXPECT_THAT(ErrorOf("test"), HasSubstr("queries.jsonl:2: not a JSON object"));
  folder_.Write("queries.jsonl", "{\"text\": \"a\"}\n");
  EXPECT_THAT(ErrorOf("test"), HasSubstr("queries.jsonl:1: no field \"_id\""));
  folder_.Write("queries.jsonl", "{\"_id\": 12, \"text\": \"a\"}\n");
  EXPECT_THAT(ErrorOf("test"), HasSubstr("\"_id\" is a number, expected a string"));
  folder_.Write("queries.jsonl",
                "{\"_id\": \"q1\", \"text\": \"a\"}\n{\"_id\": \"q1\", \"text\": \"b\"}\n");
  EXPECT_THAT(ErrorOf("test"), HasSubstr("queries.jsonl:2: query \"q1\" is there already"));
}

TEST_F(DatasetTest, IllFormedUtf8IsReplacedAndCounted) {
  folder_.Write("queries.jsonl",
                "{\"_id\": \"q1\", \"text\": \"a\xff\"}\n{\"_id\": \"q2\", \"text\": \"b\"}\n");
  ASSERT_OK_AND_ASSIGN(const Dataset dataset, OpenDataset(folder_.path(), "test"));
  EXPECT_EQ(dataset.queries[1].text, "a\uFFFD");
  EXPECT_EQ(dataset.replaced_sequences, 1u);
}

TEST_F(DatasetTest, TheFingerprintFollowsEachOfTheThreeFiles) {
  const auto fingerprint = [&] {
    const auto dataset = OpenDataset(folder_.path(), "test");
    return dataset.ok() ? Fingerprint(*dataset).value_or("unreadable") : "unreadable";
  };
  const std::string original = fingerprint();
  EXPECT_EQ(original.size(), 32u);
  EXPECT_EQ(fingerprint(), original);
  folder_.Write("qrels/dev.tsv", "h\nq1\td1\t1\n");  // Another split.
  EXPECT_EQ(fingerprint(), original);
  folder_.Write("corpus.jsonl", R"({"_id": "d1", "title": "", "text": "beak"})");
  const std::string other_corpus = fingerprint();
  EXPECT_NE(other_corpus, original);
  folder_.Write("qrels/test.tsv", "h\nq1\td1\t2\n");
  EXPECT_NE(fingerprint(), other_corpus);
}

// Rows of two tasks; one document of QASPER has no passage.
class LocoTest : public ::testing::Test {
 protected:
  LocoTest() {
    folder_.Write("documents.jsonl",
                  "{\"pid\":\"p1\",\"passage\":\"wings\",\"dataset\":\"qasper_title\"}\n"
                  "{\"pid\":\"p2\",\"passage\":null,\"dataset\":\"qasper_title\"}\n"
                  "{\"pid\":\"p1\",\"passage\":\"a meeting\",\"dataset\":\"qmsum\"}\n");
    folder_.Write("queries.jsonl", std::string(kQueries));
  }

  std::string ErrorOf(std::string_view task) const {
    return std::string(OpenLocoTask(folder_.path(), "test", task).status().message());
  }

  static constexpr std::string_view kQueries =
      R"({"qid":"q1","query":"first","answer_pids":["p1"],"dataset":"qasper_title"})"
      "\n"
      R"({"qid":"q2","query":"second","answer_pids":["p2"],"dataset":"qasper_title"})"
      "\n"
      R"({"qid":"q1","query":"meet","answer_pids":["p1"],"dataset":"qmsum"})"
      "\n";
  const TemporaryFolder folder_;
};

TEST_F(LocoTest, ATaskHasItsOwnRowsAndLeavesOutQueriesWithoutAPassage) {
  ASSERT_OK_AND_ASSIGN(const Dataset dataset, OpenLocoTask(folder_.path(), "test", "qasper_title"));
  ASSERT_EQ(dataset.queries.size(), 1u);
  EXPECT_EQ(dataset.queries[0].text, "first");
  EXPECT_EQ(dataset.left_out_queries, 1u);
  ASSERT_EQ(dataset.qrels.queries().size(), 1u);
  EXPECT_EQ(dataset.qrels.queries()[0].grades.at("p1"), 1);
  EXPECT_EQ(CorpusOf(dataset).format, indexer::CorpusFormat::kLoco);
  EXPECT_EQ(CorpusOf(dataset).loco_task, "qasper_title");
  ASSERT_OK_AND_ASSIGN(const Dataset other, OpenLocoTask(folder_.path(), "test", "qmsum"));
  ASSERT_OK_AND_ASSIGN(const std::string one, Fingerprint(dataset));
  ASSERT_OK_AND_ASSIGN(const std::string two, Fingerprint(other));
  EXPECT_NE(one, two);
}

TEST_F(LocoTest, ParquetReadsAsLinesOfJsonDo) {
  const std::filesystem::path parquet = testing::TestData("parquet/loco");
  EXPECT_TRUE(HoldsLocoRows(parquet));
  EXPECT_TRUE(HoldsLocoRows(folder_.path()));
  EXPECT_FALSE(HoldsLocoRows(folder_.path() / "absent"));
  ASSERT_OK_AND_ASSIGN(const Dataset dataset, OpenLocoTask(parquet, "test", "qmsum"));
  ASSERT_EQ(dataset.queries.size(), 2u);
  EXPECT_EQ(dataset.queries[0].text, "remote controls");
  EXPECT_EQ(dataset.qrels.queries()[1].grades.size(), 2u);
  EXPECT_EQ(dataset.left_out_queries, 0u);
  EXPECT_EQ(CorpusOf(dataset).inputs.front(), parquet / "documents.parquet");
  ASSERT_OK_AND_ASSIGN(const Dataset other, OpenLocoTask(parquet, "test", "qasper_title"));
  EXPECT_EQ(other.queries.size(), 1u);
  EXPECT_EQ(other.left_out_queries, 1u);
  EXPECT_THAT(std::string(OpenLocoTask(parquet, "test", "x").status().message()),
              HasSubstr("queries.parquet: no task \"x\"; there are: qasper_title, qmsum"));

  // Lines are read where both are; either file can be of either kind.
  for (const char* const name : {"documents.parquet", "queries.parquet"}) {
    std::filesystem::copy(parquet / name, folder_.path() / name);
  }
  ASSERT_OK_AND_ASSIGN(const Dataset lines, OpenLocoTask(folder_.path(), "test", "qmsum"));
  EXPECT_EQ(lines.queries[0].text, "meet");
  std::filesystem::remove(folder_.path() / "documents.jsonl");
  EXPECT_THAT(ErrorOf("qmsum"), HasSubstr("queries.jsonl:3: answer \"p1\" is not in"));
  folder_.Write("documents.parquet", "PAR1");
  EXPECT_THAT(ErrorOf("qmsum"), HasSubstr("documents.parquet: Parquet cut short"));
}

// As a copy of the hub's folders has them.
TEST_F(LocoTest, ShardsOfTheSplitAreReadOneAfterAnother) {
  const std::filesystem::path folder = folder_.path() / "hub";
  folder_.Write("hub/queries/data/test.jsonl", std::string(kQueries));
  folder_.Write("hub/documents/data/test-00001-of-00002.jsonl",
                R"({"pid":"p2","passage":null,"dataset":"qasper_title"})");
  folder_.Write("hub/documents/data/test-00000-of-00002.jsonl",
                R"({"pid":"p1","passage":"wings","dataset":"qasper_title"})");
  folder_.Write("hub/documents/data/train-00000-of-00001.jsonl", "not of the split");
  folder_.Write("hub/documents/README.md", "no rows");
  EXPECT_TRUE(HoldsLocoRows(folder));
  ASSERT_OK_AND_ASSIGN(const Dataset dataset, OpenLocoTask(folder, "test", "qasper_title"));
  EXPECT_EQ(dataset.queries.size(), 1u);
  EXPECT_EQ(dataset.left_out_queries, 1u);
  ASSERT_EQ(CorpusOf(dataset).inputs.size(), 2u);
  EXPECT_EQ(CorpusOf(dataset).inputs[0].filename(), "test-00000-of-00002.jsonl");
  EXPECT_EQ(dataset.CorpusPlace(), folder / "documents/data");
  EXPECT_THAT(std::string(OpenLocoTask(folder, "train", "qmsum").status().message()),
              HasSubstr("train-00000-of-00001.jsonl:1: not a JSON object"));
  EXPECT_THAT(std::string(OpenLocoTask(folder, "tset", "qmsum").status().message()),
              HasSubstr("no shard of the split \"tset\"; there is test-00000-of-00002.jsonl"));
  std::filesystem::remove_all(folder / "queries");
  EXPECT_THAT(
      std::string(OpenLocoTask(folder, "test", "qmsum").status().message()),
      HasSubstr("neither queries.jsonl nor queries.parquet, nor such files below queries/"));
}

TEST_F(LocoTest, ATaskThatIsNotThereComesWithThoseThatAre) {
  EXPECT_THAT(ErrorOf("gov_report"),
              HasSubstr("no task \"gov_report\"; there are: qasper_title, qmsum"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("a task has to be named (--task); there are: qasper_title"));
}

TEST_F(LocoTest, BrokenRowsAreErrorsThatNameFileAndLine) {
  for (const auto& [row, expected] : std::vector<std::pair<std::string, std::string>>{
           {"[]", "queries.jsonl:4: not a JSON object"},
           {R"({"qid":"q9"})", "queries.jsonl:4: no field \"dataset\""},
           {R"({"qid":"q9","query":"x","dataset":"qmsum"})", ":4: \"answer_pids\" is no list"},
           {R"({"qid":"q9","query":7,"answer_pids":[],"dataset":"qmsum"})",
            ":4: \"query\" is a number, expected a string"},
           {R"({"qid":"q9","query":"x","answer_pids":[1],"dataset":"qmsum"})",
            ":4: \"answer_pids\" has a number, expected strings"},
           {R"({"qid":"q9","query":"x","answer_pids":["p7"],"dataset":"qmsum"})",
            ":4: answer \"p7\" is not in "},
           {R"({"qid":"q1","query":"x","answer_pids":["p1"],"dataset":"qmsum"})",
            ":4: query \"q1\" was there before"}}) {
    folder_.Write("queries.jsonl", std::string(kQueries) + row + "\n");
    EXPECT_THAT(ErrorOf("qmsum"), HasSubstr(expected));
  }
}

TEST(SharedDatasetTest, CountsOfTheBeirTable) {
  GANNET_SHARED_OR_SKIP(data, "data");
  ASSERT_OK_AND_ASSIGN(const Dataset scifact, OpenDataset(data / "scifact", "test"));
  EXPECT_EQ(scifact.queries.size(), 300u);
  ASSERT_OK_AND_ASSIGN(const Dataset nfcorpus, OpenDataset(data / "nfcorpus", "test"));
  EXPECT_EQ(nfcorpus.queries.size(), 323u);
  size_t judgments = 0;
  for (const JudgedQuery& query : nfcorpus.qrels.queries()) judgments += query.grades.size();
  EXPECT_EQ(judgments, 12334u);
}

}  // namespace
}  // namespace gannet::eval
