// What operators do with a collection, through the real binary.
#include "indexer/collection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "tests/system/process.h"
#include "tests/testing/shared_data.h"

namespace gannet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Outcome;
using testing::RunGannet;
using testing::TemporaryFolder;

class CollectionCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string corpus;
    for (int i = 0; i < 60; ++i) {
      corpus += "{\"_id\":\"d" + std::to_string(i) + "\",\"title\":\"Sea\",\"text\":\"stone " +
                std::to_string(i) + "\",\"number\":" + std::to_string(i) + "}\n";
    }
    IndexInto("c", folder_.Write("corpus.jsonl", corpus).string());
  }

  void IndexInto(const std::string& name, const std::string& input) const {
    const Outcome indexed = RunGannet({"index", "--collection", Path(name), "--model",
                                       testing::TestData("tiny_bert").string(), "--input", input});
    ASSERT_EQ(indexed.exit_code, 0) << indexed.errors;
  }

  Outcome Collection(const std::vector<std::string>& words) const {
    std::vector<std::string> arguments = {"collection"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    return RunGannet(arguments);
  }

  nlohmann::json Info(const std::string& name) const {
    const Outcome info = Collection({"info", Path(name), "--json", "--digest"});
    EXPECT_EQ(info.exit_code, 0) << info.errors;
    return nlohmann::json::parse(info.output, nullptr, /*allow_exceptions=*/false);
  }

  std::string Path(const std::string& name) const { return (folder_.path() / name).string(); }

  const TemporaryFolder folder_;
};

TEST_F(CollectionCommandTest, InfoSaysWhatIsInIt) {
  const nlohmann::json info = Info("c");
  EXPECT_EQ(info["documents"], 60);
  EXPECT_EQ(info["passages"], 60);
  EXPECT_EQ(info["vectors"], "fp32");
  EXPECT_EQ(info["model"]["name"], "tiny_bert");
  EXPECT_EQ(info["segments"].size(), 1u);
  EXPECT_EQ(info["job"]["finished"], true);
  const Outcome text = Collection({"info", Path("c")});
  EXPECT_THAT(text.output, AllOf(HasSubstr("documents   60, in 60 passages"),
                                 HasSubstr("last job    finished: 60 records")));
  const Outcome missing = Collection({"info", Path("nothing")});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.errors, HasSubstr("nothing: no collection here"));
}

TEST_F(CollectionCommandTest, SnapshotsAreRestoredWithTheSameContent) {
  const std::string digest = Info("c")["digest"];
  ASSERT_EQ(Collection({"snapshot", Path("c"), Path("snapshot")}).exit_code, 0);
  ASSERT_EQ(Collection({"delete", Path("c"), "--id", "d1", "--id", "unknown"}).output,
            "1 documents deleted; the collection holds 59\n");
  const Outcome restored = Collection({"restore", Path("snapshot"), Path("again")});
  ASSERT_EQ(restored.exit_code, 0) << restored.errors;
  EXPECT_THAT(restored.output, HasSubstr("60 documents in "));
  EXPECT_EQ(Info("again")["digest"], digest);
  EXPECT_EQ(Collection({"snapshot", Path("c"), Path("snapshot")}).exit_code, 1);
  EXPECT_EQ(Collection({"restore", Path("snapshot"), Path("again")}).exit_code, 1);
}

TEST_F(CollectionCommandTest, WhatIsExportedIndexesToTheSameCollection) {
  const Outcome exported = Collection({"export", Path("c")});
  ASSERT_EQ(exported.exit_code, 0) << exported.errors;
  IndexInto("again", folder_.Write("exported.jsonl", exported.output).string());
  EXPECT_EQ(Info("again")["digest"], Info("c")["digest"]);
  const Outcome vectors = Collection({"export", Path("c"), "--vectors"});
  const nlohmann::json first =
      nlohmann::json::parse(vectors.output.substr(0, vectors.output.find('\n')));
  EXPECT_EQ(first["passages"].size(), 1u);
}

TEST_F(CollectionCommandTest, DeletesByFilterAndCompacts) {
  const Outcome deleted =
      Collection({"delete", Path("c"), "--filter", R"({"field":"number","gte":20})"});
  EXPECT_EQ(deleted.output, "40 documents deleted; the collection holds 20\n") << deleted.errors;
  EXPECT_EQ(Collection({"compact", Path("c")}).exit_code, 0);
  const nlohmann::json info = Info("c");
  EXPECT_EQ(info["documents"], 20);
  EXPECT_EQ(info["segments"][0]["passages"], 20);
  EXPECT_EQ(info["segments"][0]["deleted_passages"], 0);
  EXPECT_EQ(Collection({"verify", Path("c")}).exit_code, 0);
  EXPECT_THAT(Collection({"delete", Path("c")}).errors, HasSubstr("either --id or --filter"));
  EXPECT_THAT(Collection({"delete", Path("c"), "--filter", "{}"}).errors,
              HasSubstr("filter: expected one of and, or, not, field"));
}

TEST_F(CollectionCommandTest, VerifySaysWhatIsDamagedAndRepairsIt) {
  EXPECT_THAT(Collection({"verify", Path("c")}).output,
              HasSubstr("60 documents, 60 passages, 1 segments: clean"));
  const std::string segment = Info("c")["segments"][0]["file"];
  const auto path = folder_.path() / "c" / "segments" / segment;
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(1'000);
    file.put('!');
  }
  const Outcome damaged = Collection({"verify", Path("c")});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.output, HasSubstr(segment));
  EXPECT_THAT(damaged.errors, HasSubstr("--repair mends what can be derived"));
  const Outcome repaired = Collection({"verify", Path("c"), "--repair"});
  EXPECT_EQ(repaired.exit_code, 0) << repaired.output << repaired.errors;
  EXPECT_EQ(Collection({"verify", Path("c")}).exit_code, 0);
}

TEST_F(CollectionCommandTest, RecallIsMeasuredAndKept) {
  const Outcome measured = Collection({"recall", Path("c"), "--queries", "7", "-k", "3"});
  EXPECT_THAT(measured.output, HasSubstr("recall@3 1.0000 in the mean")) << measured.errors;
  const nlohmann::json info = Info("c");
  EXPECT_EQ(info["measured_recall"]["k"], 3);
  EXPECT_EQ(info["measured_recall"]["queries"], 7);
}

// What a server's searches and maintenance leave is there for the operator to see.
TEST_F(CollectionCommandTest, SampledRecallIsShown) {
  EXPECT_THAT(Collection({"info", Path("c")}).output, Not(HasSubstr("sampled")));
  const Outcome indexed =
      RunGannet({"index", "--collection", Path("graph"), "--index", "HNSW4", "--model",
                 testing::TestData("tiny_bert").string(), "--input", Path("corpus.jsonl")});
  ASSERT_EQ(indexed.exit_code, 0) << indexed.errors;
  {
    ASSERT_OK_AND_ASSIGN(
        const auto collection,
        indexer::Collection::Open(folder_.path() / "graph", {.access = indexer::Access::kWrite,
                                                             .recall_sample_interval = 1}));
    const std::vector<float> query(collection->schema().dimension, 0.5F);
    ASSERT_OK(collection->Search(query, {.k = 4}).status());
    base::ThreadPool pool(1);
    ASSERT_OK(collection->Maintain(pool).status());
  }
  EXPECT_THAT(Collection({"info", Path("graph")}).output, HasSubstr("sampled     recall@4 "));
  EXPECT_EQ(Info("graph")["sampled_recall"]["queries"], 1);
}

}  // namespace
}  // namespace gannet
