// The same text has the same bytes, whatever it travels with and however many threads work: over
// many texts, in every precision. Vectors are compared by checksum, so that failures name texts.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/checksum.h"
#include "base/input_stream.h"
#include "base/thread_pool.h"
#include "encoder/embed/embedder.h"
#include "tests/testing/shared_data.h"

namespace gannet::encoder {
namespace {

using Checksums = std::vector<uint64_t>;  // One for each text, in the order of the texts.

// How the texts travel.
struct Company {
  size_t batch = 1;       // Texts a call.
  unsigned shuffled = 0;  // Seed of their order; 0 leaves it.
  int threads = 1;

  std::string Describe() const {
    return fmt::format("{} a call, threads: {}, order {}", batch, threads, shuffled);
  }
};

constexpr Company kReference = {};

std::vector<size_t> OrderOf(size_t texts, unsigned seed) {
  std::vector<size_t> order(texts);
  std::iota(order.begin(), order.end(), size_t{0});
  if (seed != 0) std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  return order;
}

// Where one thread is to work in a call, several callers share the machine.
Checksums EmbedInCompany(const Embedder& model, const std::vector<std::string>& texts,
                         const Company& company) {
  const std::vector<size_t> order = OrderOf(texts.size(), company.shuffled);
  Checksums checksums(texts.size());
  base::ThreadPool pool(company.threads);
  base::ThreadPool callers(company.threads == 1 ? base::AvailableProcessors() : 1);
  callers.ParallelFor((texts.size() + company.batch - 1) / company.batch, [&](size_t b) {
    const size_t first = b * company.batch;
    const size_t count = std::min(company.batch, texts.size() - first);
    const auto members = std::span(order).subspan(first, count);
    std::vector<std::string_view> batch;
    for (const size_t i : members) batch.push_back(texts[i]);
    const auto embeddings = model.Embed(batch, TextRole::kDocument, pool);
    ASSERT_TRUE(embeddings.ok()) << embeddings.status();
    ASSERT_EQ(embeddings->size(), count);
    for (size_t i = 0; i < count; ++i) {
      const std::span<const float> vector = (*embeddings)[i];
      checksums[members[i]] =
          base::Xxh3({reinterpret_cast<const char*>(vector.data()), vector.size_bytes()});
    }
  });
  return checksums;
}

// The texts whose vectors differ: how many, and the first few by number and beginning.
std::string Differences(const std::vector<std::string>& texts, const Checksums& got,
                        const Checksums& want) {
  constexpr size_t kNamed = 5, kBeginning = 60;
  size_t differing = 0;
  std::string named;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (got[i] == want[i]) continue;
    if (++differing > kNamed) continue;
    named += fmt::format("\n  text {}: \"{}\"", i, texts[i].substr(0, kBeginning));
  }
  return differing == 0 ? "" : fmt::format("{} of {} texts{}", differing, texts.size(), named);
}

class InvarianceTest : public ::testing::TestWithParam<Precision> {
 protected:
  // Fails for every company in which the vectors differ from those of the texts alone.
  static void Check(const std::filesystem::path& folder, const std::vector<std::string>& texts,
                    const std::vector<Company>& companies) {
    ASSERT_OK_AND_ASSIGN(const auto model, Embedder::Open(folder, {.precision = GetParam()}));
    const Checksums alone = EmbedInCompany(*model, texts, kReference);
    // Vectors that were all alike would prove nothing.
    const std::set<std::string> distinct_texts(texts.begin(), texts.end());
    const std::set<uint64_t> distinct_vectors(alone.begin(), alone.end());
    EXPECT_GT(distinct_vectors.size(), distinct_texts.size() * 8 / 10);
    for (const Company& company : companies) {
      const std::string differing =
          Differences(texts, EmbedInCompany(*model, texts, company), alone);
      EXPECT_TRUE(differing.empty()) << company.Describe() << ": " << differing;
    }
  }
};

std::string NameOf(const ::testing::TestParamInfo<Precision>& test) {
  return std::string(PrecisionName(test.param));
}

class TinyBertInvarianceTest : public InvarianceTest {};
INSTANTIATE_TEST_SUITE_P(Precisions, TinyBertInvarianceTest,
                         ::testing::Values(Precision::kFp32, Precision::kBf16, Precision::kInt8),
                         NameOf);

// 0 to 60 words of the tiny model's vocabulary: some beyond its 48 tokens.
std::vector<std::string> GeneratedTexts(size_t count) {
  constexpr std::string_view kWords[] = {"sea", "bird", "river", "stone", "text", "vector", "the",
                                         "of",  "in",   "a",     "q",     "7",    "singing"};
  std::mt19937 generator(1);
  std::vector<std::string> texts(count);
  for (std::string& text : texts) {
    const size_t words = generator() % 61;
    for (size_t w = 0; w < words; ++w) {
      text += fmt::format("{} ", kWords[generator() % std::size(kWords)]);
    }
  }
  return texts;
}

TEST_P(TinyBertInvarianceTest, BytesDependOnTheTextAlone) {
  Check(testing::TestData("tiny_bert"), GeneratedTexts(500),
        {{.batch = 1, .threads = 2},
         {.batch = 1, .threads = 4},
         {.batch = 3, .shuffled = 1, .threads = 1},
         {.batch = 8, .shuffled = 2, .threads = 4},
         {.batch = 64, .shuffled = 3, .threads = 2},
         {.batch = 500, .shuffled = 4, .threads = 1},
         {.batch = 500, .threads = 4}});
}

class SlowMiniLmInvarianceTest : public InvarianceTest {};
INSTANTIATE_TEST_SUITE_P(Precisions, SlowMiniLmInvarianceTest,
                         ::testing::Values(Precision::kFp32, Precision::kBf16, Precision::kInt8),
                         NameOf);

// Adds up to `count` texts of JSONL.
void AppendTexts(std::istream& lines, size_t count, std::vector<std::string>& texts) {
  const size_t end = texts.size() + count;
  for (std::string line; texts.size() < end && std::getline(lines, line);) {
    texts.push_back(nlohmann::json::parse(line).at("text"));
  }
}

std::string FirstWords(const std::string& text, size_t words) {
  size_t end = 0;
  for (size_t w = 0; w < words && end != std::string::npos; ++w) end = text.find(' ', end + 1);
  return text.substr(0, end);
}

// Of all lengths, but mostly short, for the sake of time: one document in 100 is left whole, one in
// 50 keeps up to 100 words, the others are cut to 1 ... 10 words in turn.
void Shorten(std::span<std::string> documents) {
  for (size_t i = 0; i < documents.size(); ++i) {
    if (i % 100 == 0) continue;
    documents[i] = FirstWords(documents[i], i % 50 == 0 ? i % 99 + 1 : i % 10 + 1);
  }
}

TEST_P(SlowMiniLmInvarianceTest, TenThousandTextsHaveTheSameBytesInAnyCompany) {
  GANNET_SHARED_OR_SKIP(model_folder, "models/all-MiniLM-L6-v2");
  GANNET_SHARED_OR_SKIP(golden, "golden/minilm/sentences.jsonl");
  GANNET_SHARED_OR_SKIP(scifact, "data/scifact");
  GANNET_SHARED_OR_SKIP(wikipedia, "data/wiki_en_passages/corpus.jsonl.xz");
  constexpr size_t kTexts = 10000;
  std::vector<std::string> texts;
  for (const auto& path : {golden, scifact / "queries.jsonl", scifact / "corpus.jsonl"}) {
    const size_t whole = texts.size();
    std::ifstream file(path);
    AppendTexts(file, kTexts, texts);
    if (path.filename() == "corpus.jsonl") Shorten(std::span(texts).subspan(whole));
  }
  ASSERT_OK_AND_ASSIGN(std::string passages, base::ReadDecompressed(wikipedia));
  const size_t before_passages = texts.size();
  std::istringstream lines(std::move(passages));
  AppendTexts(lines, kTexts - before_passages, texts);
  Shorten(std::span(texts).subspan(before_passages));
  ASSERT_EQ(texts.size(), kTexts);

  Check(model_folder, texts,
        {{.batch = 1, .threads = 2},
         {.batch = 1, .threads = 4},
         {.batch = 7, .shuffled = 1, .threads = 1},
         {.batch = 64, .shuffled = 2, .threads = 4},
         {.batch = kTexts, .shuffled = 3, .threads = 2}});
}

}  // namespace
}  // namespace gannet::encoder
