// Indexing jobs through the real binary: formats, kills, signals, shards.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/process.h"
#include "tests/testing/compress.h"
#include "tests/testing/shared_data.h"

namespace gannet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::Process;
using testing::RunGannet;
using testing::TemporaryFolder;

const std::string kModel = testing::TestData("tiny_bert").string();

// `documents` lines of JSON, of 3 to 40 words.
std::string MakeCorpus(int documents) {
  constexpr std::string_view kWords[] = {"the",  "sea",    "stone", "bird", "river", "text", "a",
                                         "gull", "gannet", "north", "wind", "wave",  "cliff"};
  std::mt19937 random(8);
  std::string corpus;
  for (int i = 0; i < documents; ++i) {
    corpus += fmt::format("{{\"_id\":\"d{}\",\"number\":{},\"text\":\"", i, i);
    for (uint32_t words = 3 + random() % 38; words > 0; --words) {
      corpus += kWords[random() % std::size(kWords)];
      corpus += words > 1 ? " " : "\"}\n";
    }
  }
  return corpus;
}

class IndexJobSystemTest : public ::testing::Test {
 protected:
  std::vector<std::string> Arguments(const std::string& collection, const std::string& input,
                                     const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--log-level",  "debug",          "index",
                                          "--collection", Path(collection), "--model",
                                          kModel,         "--input",        input};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  Outcome Index(const std::string& collection, const std::string& input,
                const std::vector<std::string>& more = {}) const {
    return RunGannet(Arguments(collection, input, more));
  }

  nlohmann::json Info(const std::string& collection) const {
    const Outcome info = RunGannet({"collection", "info", Path(collection), "--json", "--digest"});
    EXPECT_EQ(info.exit_code, 0) << info.errors;
    return nlohmann::json::parse(info.output, nullptr, /*allow_exceptions=*/false);
  }
  std::string Digest(const std::string& collection) const {
    return Info(collection).value("digest", "none");
  }

  std::string Path(const std::string& name) const { return (folder_.path() / name).string(); }

  const TemporaryFolder folder_;
};

TEST_F(IndexJobSystemTest, EveryFormatGivesTheSameCollection) {
  const std::vector<std::pair<std::string, std::string>> documents = {
      {"a.txt", "the sea and the stone"}, {"b.txt", "a bird"}, {"c/d.txt", "the river"}};
  std::string jsonl, tsv, trec;
  for (const auto& [id, text] : documents) {
    jsonl += fmt::format("{{\"_id\":\"{}\",\"text\":\"{}\"}}\n", id, text);
    tsv += fmt::format("{}\t{}\n", id, text);
    trec += fmt::format("<DOC>\n<DOCNO> {} </DOCNO>\n<TEXT>\n{}\n</TEXT>\n</DOC>\n", id, text);
    folder_.Write("texts/" + id, text);
  }
  using base::Compression;
  const std::vector<std::pair<std::string, std::string>> inputs = {
      {"jsonl", folder_.Write("c.jsonl", jsonl)},
      {"gzip", folder_.Write("c.jsonl.gz", testing::Compress(Compression::kGzip, jsonl))},
      {"xz", folder_.Write("unnamed", testing::Compress(Compression::kXz, jsonl))},
      {"zstd", folder_.Write("c.tsv.zst", testing::Compress(Compression::kZstd, tsv))},
      {"tsv", folder_.Write("c.tsv", tsv)},
      {"trec", folder_.Write("disk/FT911_1", trec).parent_path()},
      {"text", Path("texts")}};
  for (const auto& [name, input] : inputs) {
    const Outcome indexed = Index(name, input);
    ASSERT_EQ(indexed.exit_code, 0) << name << indexed.errors;
    EXPECT_THAT(indexed.output, HasSubstr("3 documents read ("));
    EXPECT_EQ(Digest(name), Digest("jsonl")) << name;
  }
  const Outcome piped = RunGannet(Arguments("stdin", "-"), Path("c.tsv.zst"));
  EXPECT_THAT(piped.output, HasSubstr("3 documents read (tsv)"));
  EXPECT_EQ(Digest("stdin"), Digest("jsonl"));

  const Outcome parquet = Index("parquet", folder_.Write("c.parquet", "PAR1"));
  EXPECT_EQ(parquet.exit_code, 1);
  EXPECT_THAT(parquet.errors, HasSubstr("c.parquet: Parquet cut short or damaged"));
}

// What the runs of a job, as their logs say, have encoded.
struct Encoded {
  uint64_t documents = 0;
  uint64_t largest_block = 0;

  void Add(const std::string& log) {
    constexpr std::string_view kMark = " encoding ";
    for (size_t at = log.find(kMark); at != std::string::npos; at = log.find(kMark, at + 1)) {
      uint64_t block = 0;
      const char* const number = log.data() + at + kMark.size();
      std::from_chars(number, log.data() + log.size(), block);
      documents += block;
      largest_block = std::max(largest_block, block);
    }
  }
};

class KilledJobTest : public IndexJobSystemTest {
 protected:
  // Kills the job again and again, each run after a random time in milliseconds, until one ends.
  void RunWithKills(const std::string& input, int shortest, int longest,
                    const std::vector<std::string>& flags = {}) {
    std::mt19937 random(std::random_device{}());
    for (bool ended = false; !ended; ++kills_) {
      Process job(Arguments("killed", input, flags));
      const auto life = std::chrono::milliseconds(
          shortest + random() % static_cast<uint32_t>(longest - shortest));
      // The moment of the kill is what is under test; it is no wait for anything.
      std::this_thread::sleep_for(life);
      job.Signal(SIGKILL);
      const int exit_code = job.Wait();
      ended = exit_code == 0;
      EXPECT_TRUE(ended || exit_code == -SIGKILL) << job.ErrorOutput();
      encoded_.Add(job.ErrorOutput());
      if (HasFailure()) return;
    }
    --kills_;
  }

  Encoded encoded_;
  uint64_t kills_ = 0;
};

TEST_F(KilledJobTest, EndsWithTheBytesOfAnUndisturbedRun) {
  constexpr int kDocuments = 12'000;
  const std::string input = folder_.Write("corpus.jsonl", MakeCorpus(kDocuments)).string();
  // A segment is made whole or not at all: a graph of all windows would take longer than a run
  // lives.
  const std::vector<std::string> flags = {"--index", "Flat"};
  ASSERT_EQ(Index("whole", input, flags).exit_code, 0);
  RunWithKills(input, 50, 600, flags);
  EXPECT_GT(kills_, 1u);
  EXPECT_EQ(Digest("killed"), Digest("whole"));
  EXPECT_LE(encoded_.documents, kDocuments + kills_ * encoded_.largest_block);
  EXPECT_EQ(RunGannet({"collection", "verify", Path("killed")}).exit_code, 0);
}

class SlowKilledJobTest : public KilledJobTest {};

TEST_F(SlowKilledJobTest, RepeatsAtMostOneHundredthOfTheWork) {
  constexpr int kDocuments = 300'000;
  const std::string input = folder_.Write("corpus.jsonl", MakeCorpus(kDocuments)).string();
  // As above; and one vector a document, so that the test takes minutes.
  const std::vector<std::string> flags = {"--index", "Flat", "--long-text", "truncate"};
  ASSERT_EQ(Index("whole", input, flags).exit_code, 0);
  RunWithKills(input, 3'000, 7'000, flags);
  EXPECT_GT(kills_, 1u);
  EXPECT_EQ(Digest("killed"), Digest("whole"));
  fmt::print("{} kills, {} documents encoded for {}\n", kills_, encoded_.documents, kDocuments);
  EXPECT_LE(encoded_.documents, kDocuments + kDocuments / 100);
}

TEST_F(IndexJobSystemTest, SigtermEndsItAfterTheBlockAndItGoesOn) {
  const std::string input = folder_.Write("corpus.jsonl", MakeCorpus(12'000)).string();
  ASSERT_EQ(Index("whole", input).exit_code, 0);
  {
    Process job(Arguments("stopped", input));
    while (job.ErrorOutput().find(" encoding ") == std::string::npos) std::this_thread::yield();
    job.Signal(SIGTERM);
    EXPECT_EQ(job.Wait(), 1);
    EXPECT_THAT(job.ErrorOutput(), AllOf(HasSubstr("stopped by SIGTERM"),
                                         HasSubstr("running again goes on from there")));
  }
  const nlohmann::json stopped = Info("stopped");
  EXPECT_GT(stopped["documents"], 0);
  EXPECT_LT(stopped["documents"], 12'000);
  EXPECT_EQ(stopped["job"]["finished"], false);
  const Outcome resumed = Index("stopped", input);
  EXPECT_THAT(resumed.output, HasSubstr(" records of an earlier run"));
  EXPECT_EQ(Digest("stopped"), Digest("whole"));
}

TEST_F(IndexJobSystemTest, AChangedInputIsSaid) {
  const std::string corpus = MakeCorpus(50);
  const std::string input = folder_.Write("corpus.jsonl", corpus + "oops\n").string();
  EXPECT_THAT(Index("c", input).errors, HasSubstr("corpus.jsonl:51: not JSON"));
  folder_.Write("corpus.jsonl", "{\"_id\":\"new\"}\n" + corpus);
  const Outcome changed = Index("c", input);
  EXPECT_EQ(changed.exit_code, 0) << changed.errors;
  EXPECT_THAT(changed.errors, HasSubstr("the job begins anew: the input is not the one"));
  EXPECT_THAT(changed.output, HasSubstr("51 documents read (jsonl)"));
  EXPECT_THAT(changed.output, HasSubstr("1 encoded, 50 unchanged"));
}

TEST_F(IndexJobSystemTest, ShardsMergedAreTheWhole) {
  const std::string input = folder_.Write("corpus.jsonl", MakeCorpus(700)).string();
  const std::vector<std::string> flags = {"--vectors", "int8", "--index", "HNSW16,SQ8"};
  ASSERT_EQ(Index("whole", input, flags).exit_code, 0);
  for (const std::string i : {"0", "1", "2"}) {
    std::vector<std::string> more = flags;
    more.insert(more.end(), {"--shard", i + "/3"});
    const Outcome shard = Index("s" + i, input, more);
    ASSERT_EQ(shard.exit_code, 0) << shard.errors;
    EXPECT_THAT(shard.output, HasSubstr("records belong to other shards"));
  }
  const auto merge = [&](const std::vector<std::string>& shards) {
    std::vector<std::string> arguments = {"collection", "merge", Path("merged")};
    for (const std::string& shard : shards) arguments.push_back(Path(shard));
    return RunGannet(arguments);
  };
  EXPECT_THAT(merge({"s0", "s2"}).errors, HasSubstr("shard 1/3 is missing"));
  EXPECT_THAT(merge({"s0", "s1", "s2", "s1"}).errors, HasSubstr("s1: shard 1/3, as "));
  ASSERT_EQ(Index("other", folder_.Write("other.jsonl", MakeCorpus(70)).string(),
                  {"--vectors", "int8", "--index", "HNSW16,SQ8", "--shard", "1/3"})
                .exit_code,
            0);
  EXPECT_THAT(merge({"s0", "other", "s2"}).errors,
              HasSubstr("other: its number of input records is 70, that of "));
  EXPECT_FALSE(std::filesystem::exists(Path("merged")));

  const Outcome merged = merge({"s2", "s0", "s1"});
  ASSERT_EQ(merged.exit_code, 0) << merged.errors;
  EXPECT_THAT(merged.output, HasSubstr("700 documents of 3 shards merged"));
  EXPECT_EQ(Digest("merged"), Digest("whole"));
  EXPECT_THAT(merge({"s0", "s1", "s2"}).errors, HasSubstr("merged: exists"));
  const Outcome again = Index("merged", input);
  EXPECT_THAT(again.output, HasSubstr("0 encoded, 700 unchanged"));
}

TEST_F(IndexJobSystemTest, FlagsThatDoNotFitAreNamed) {
  const std::string input = folder_.Write("corpus.jsonl", MakeCorpus(20)).string();
  ASSERT_EQ(Index("c", input, {"--vectors", "fp16", "--index", "Flat"}).exit_code, 0);
  EXPECT_EQ(Index("c", input).exit_code, 0) << "what is not said is as it was";
  for (const auto& [flags, expected] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--vectors", "int8"}, "keeps vectors as fp16, not as int8"},
           {{"--index", "HNSW16"}, "made with index \"Flat\", not with \"HNSW16\""},
           {{"--shard", "1/2"}, "holds shard 0/1 of an input; shard 1/2 needs a folder"},
           {{"--shard", "2/2"}, "shard \"2/2\": expected I/N"},
           {{"--format", "csv"}, "format \"csv\" is not known"}}) {
    const Outcome refused = Index("c", input, flags);
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.errors, HasSubstr(expected));
  }
  EXPECT_EQ(Index("d", input, {"--vectors", "fp8"}).exit_code, 1);
  EXPECT_EQ(Index("e", input, {"--index", "Nonsense"}).exit_code, 1);
}

}  // namespace
}  // namespace gannet
