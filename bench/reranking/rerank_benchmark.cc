// How fast a cross-encoder of MiniLM-L6's shape scores the passages of one query: see
// bench/README.md.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "bench/encoding/clock.h"
#include "bench/encoding/text_sets.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/score/cross_encoder.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::bench {
namespace {

constexpr size_t kPassages = 100;
constexpr size_t kTokens = 128;

struct Flags {
  std::string model;
  std::vector<std::string> texts;
  std::vector<std::string> precisions = {"fp32", "bf16", "int8"};
  int threads = base::AvailableProcessors();
  int rounds = 5;
};

template <typename T>
T ValueOf(absl::StatusOr<T> value) {
  if (!value.ok()) throw std::runtime_error(std::string(base::Message(value.status())));
  return *std::move(value);
}

void CheckOk(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(base::Message(status)));
}

// A safetensors file of a classifier with one label, random.
std::string RandomHead(size_t hidden) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal(0, 0.1F);
  std::vector<float> values(hidden + 1);
  for (float& v : values) v = normal(generator);
  const size_t weight = hidden * sizeof(float), end = weight + sizeof(float);
  std::string header =
      fmt::format(R"({{"classifier.weight":{{"dtype":"F32","shape":[1,{}],"data_offsets":[0,{}]}},)"
                  R"("classifier.bias":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}}}})",
                  hidden, weight, weight, end);
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t size = header.size();
  std::string content(reinterpret_cast<const char*>(&size), sizeof(size));
  content += header;
  content.append(reinterpret_cast<const char*>(values.data()), end);
  return content;
}

// The encoder of a bi-encoder's folder with a random classification head beside its tensors, in a
// folder of its own that goes with the object.
class ClassifierFolder {
 public:
  explicit ClassifierFolder(const std::filesystem::path& encoder) {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "gannet-rerank-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
    const auto source = std::filesystem::canonical(encoder);
    for (const char* name :
         {"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}) {
      if (std::filesystem::exists(source / name)) {
        std::filesystem::create_symlink(source / name, path_ / name);
      }
    }
    std::filesystem::create_symlink(source / "model.safetensors", path_ / "model-1.safetensors");
    const auto file = ValueOf(encoder::SafetensorsFile::Open(source / "model.safetensors"));
    nlohmann::json shards;
    for (const auto& [name, tensor] : file.tensors()) {
      shards["weight_map"][name] = "model-1.safetensors";
    }
    for (const char* name : {"classifier.weight", "classifier.bias"}) {
      shards["weight_map"][name] = "model-2.safetensors";
    }
    const size_t hidden = file.tensors().at("pooler.dense.bias").shape[0];
    CheckOk(base::WriteFileAtomically(path_ / "model-2.safetensors", RandomHead(hidden)));
    CheckOk(base::WriteFileAtomically(path_ / "model.safetensors.index.json", shards.dump()));
  }
  ClassifierFolder(const ClassifierFolder&) = delete;
  ClassifierFolder& operator=(const ClassifierFolder&) = delete;
  ~ClassifierFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::vector<encoder::TextPair> PairsOf(const std::string& query, const TextSet& passages) {
  std::vector<encoder::TextPair> pairs;
  for (const std::string& text : passages.texts) pairs.push_back({query, text});
  return pairs;
}

void Measure(const encoder::CrossEncoder& model, std::string_view workload,
             std::span<const encoder::TextPair> pairs, const Flags& flags, base::ThreadPool& pool) {
  std::vector<double> seconds;
  size_t tokens = 0;
  for (int round = 0; round <= flags.rounds; ++round) {
    const auto start = Clock::now();
    const encoder::PairScores scores = model.Score(pairs, pool);
    if (round > 0) seconds.push_back(SecondsSince(start));  // The first round warms up.
    CheckOk(scores.FirstError());
    tokens = 0;
    for (const encoder::TokenCount& count : scores.tokens) tokens += count.read;
  }
  std::ranges::sort(seconds);
  fmt::print("{} {:8}  pairs {}  tokens {}  best_s {:.4f}  median_s {:.4f}\n",
             encoder::PrecisionName(model.options().precision), workload, pairs.size(), tokens,
             seconds.front(), seconds[seconds.size() / 2]);
}

void Run(const Flags& flags) {
  const ClassifierFolder folder(flags.model);
  const TextSets texts(ValueOf(encoder::Tokenizer::Open(folder.path())), 512, flags.texts);
  const TextSet query = texts.Query();
  // Lengths of texts count two special tokens; a pair has three.
  const size_t query_tokens = query.lengths[0] - 2;
  const TextSet short_passages =
      texts.OfEqualLengths(kPassages, kPassages * (kTokens - 3 - query_tokens + 2));
  const TextSet passages = texts.OfEqualLengths(kPassages, kPassages * (kTokens + 2));
  base::ThreadPool pool(flags.threads);
  for (const std::string& name : flags.precisions) {
    const auto model = ValueOf(encoder::CrossEncoder::Open(
        folder.path(), {.model = {.precision = ValueOf(encoder::ParsePrecision(name))}}));
    Measure(*model, "pairs", PairsOf(query.texts[0], short_passages), flags, pool);
    Measure(*model, "passages", PairsOf(query.texts[0], passages), flags, pool);
  }
}

}  // namespace
}  // namespace gannet::bench

int main(int argc, char** argv) {
  gannet::bench::Flags flags;
  CLI::App app("Seconds in which a cross-encoder scores 100 passages of one query");
  app.add_option("--model", flags.model, "Folder of a BERT encoder, which gets a random head")
      ->required();
  app.add_option("--texts", flags.texts, "JSONL files with a text in each line")->required();
  app.add_option("--precision", flags.precisions, "One or more, in this order")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--threads", flags.threads)->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--rounds", flags.rounds, "Measurements of each figure")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    gannet::bench::Run(flags);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "rerank_benchmark: {}\n", error.what());
    return 1;
  }
}
