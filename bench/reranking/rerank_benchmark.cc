// How fast a cross-encoder of MiniLM-L6's shape scores the passages of one query: see
// bench/README.md.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
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
#include "encoder/score/term_encoder.h"
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
  bool terms = false;
};

template <typename T>
T ValueOf(absl::StatusOr<T> value) {
  if (!value.ok()) throw std::runtime_error(std::string(base::Message(value.status())));
  return *std::move(value);
}

void CheckOk(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(base::Message(status)));
}

struct Tensor {
  std::vector<size_t> shape;
  std::vector<float> values;
};
using Tensors = std::map<std::string, Tensor>;

Tensor RandomTensor(std::vector<size_t> shape, size_t size) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal(0, 0.1F);
  Tensor tensor{std::move(shape), std::vector<float>(size)};
  for (float& v : tensor.values) v = normal(generator);
  return tensor;
}

std::string SafetensorsContent(const Tensors& tensors) {
  nlohmann::json header;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size(), bytes = tensor.values.size() * sizeof(float);
    data.append(reinterpret_cast<const char*>(tensor.values.data()), bytes);
    header[name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, begin + bytes}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t size = text.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof(size)) + text + data;
}

constexpr size_t kLayers = 6;  // Of the encoder's folder.

// The folder of a BERT encoder of six layers as a classifier with a random head, each of its layers
// there `times` times; goes with the object.
class ClassifierFolder {
 public:
  ClassifierFolder(const std::filesystem::path& encoder, size_t times) {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "gannet-rerank-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
    const auto source = std::filesystem::canonical(encoder);
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "vocab.txt"}) {
      if (std::filesystem::exists(source / name)) {
        std::filesystem::create_symlink(source / name, path_ / name);
      }
    }
    nlohmann::json config = nlohmann::json::parse(ValueOf(base::ReadFile(source / "config.json")));
    if (config.at("num_hidden_layers") != kLayers) {
      throw std::runtime_error(fmt::format("{}: expected {} layers", source.string(), kLayers));
    }
    config["num_hidden_layers"] = times * kLayers;
    CheckOk(base::WriteFileAtomically(path_ / "config.json", config.dump()));
    CheckOk(base::WriteFileAtomically(path_ / "model.safetensors",
                                      SafetensorsContent(Repeat(source, times))));
  }
  ClassifierFolder(const ClassifierFolder&) = delete;
  ClassifierFolder& operator=(const ClassifierFolder&) = delete;
  ~ClassifierFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  static Tensors Repeat(const std::filesystem::path& source, size_t times) {
    const auto file = ValueOf(encoder::SafetensorsFile::Open(source / "model.safetensors"));
    const std::string prefix = "encoder.layer.";
    Tensors tensors;
    for (const auto& [name, view] : file.tensors()) {
      if (!encoder::IsFloating(view.dtype)) continue;
      const Tensor tensor{view.shape, encoder::ToFloats(view)};
      tensors[name] = tensor;
      if (!name.starts_with(prefix)) continue;
      const size_t layer = static_cast<size_t>(name[prefix.size()] - '0');
      for (size_t t = 1; t < times; ++t) {
        tensors[fmt::format("{}{}{}", prefix, layer + t * kLayers,
                            name.substr(prefix.size() + 1))] = tensor;
      }
    }
    const size_t hidden = tensors.at("pooler.dense.bias").shape[0];
    tensors["classifier.weight"] = RandomTensor({1, hidden}, hidden);
    tensors["classifier.bias"] = RandomTensor({1}, 1);
    return tensors;
  }

  std::filesystem::path path_;
};

std::vector<encoder::TextPair> PairsOf(const std::string& query, const TextSet& passages) {
  std::vector<encoder::TextPair> pairs;
  for (const std::string& text : passages.texts) pairs.push_back({query, text});
  return pairs;
}

// Seconds of each round, fewest first, after one that warms up.
std::vector<double> Time(int rounds, const std::function<void()>& body) {
  std::vector<double> seconds;
  for (int round = 0; round <= rounds; ++round) {
    const auto start = Clock::now();
    body();
    if (round > 0) seconds.push_back(SecondsSince(start));
  }
  std::ranges::sort(seconds);
  return seconds;
}

double MeasurePairs(const encoder::CrossEncoder& model, std::string_view workload,
                    std::span<const encoder::TextPair> pairs, const Flags& flags,
                    base::ThreadPool& pool) {
  size_t tokens = 0;
  const std::vector<double> seconds = Time(flags.rounds, [&] {
    const encoder::PairScores scores = model.Score(pairs, pool);
    CheckOk(scores.FirstError());
    tokens = 0;
    for (const encoder::TokenCount& count : scores.tokens) tokens += count.read;
  });
  fmt::print("{} {:8}  pairs {}  tokens {}  best_s {:.4f}  median_s {:.4f}\n",
             encoder::PrecisionName(model.options().precision), workload, pairs.size(), tokens,
             seconds.front(), seconds[seconds.size() / 2]);
  return seconds[seconds.size() / 2];
}

// The query-time part of PreTTR beside the full model, of twelve layers.
void MeasureTerms(const std::filesystem::path& folder, encoder::Precision precision,
                  const std::string& query, const TextSet& passages, const Flags& flags,
                  base::ThreadPool& pool) {
  encoder::CrossEncoderOptions options;
  options.model.precision = precision;
  const auto model = ValueOf(encoder::CrossEncoder::Open(folder, options));
  const double full = MeasurePairs(*model, "full-12", PairsOf(query, passages), flags, pool);
  const std::vector<std::string_view> texts(passages.texts.begin(), passages.texts.end());
  for (const size_t join : {size_t{6}, size_t{10}}) {
    encoder::TermEncoderOptions term_options;
    term_options.model.precision = precision;
    term_options.join_layer = join;
    const auto terms = ValueOf(encoder::TermEncoder::Open(folder, term_options));
    const std::vector<encoder::Terms> encoded = terms->EncodePassages(texts, pool);
    const std::vector<double> seconds = Time(flags.rounds, [&] {
      ValueOf(terms->Score(terms->EncodeQuery(query, pool), encoded, pool));
    });
    const double median = seconds[seconds.size() / 2];
    fmt::print("{} join-{:<3}  passages {}  best_s {:.4f}  median_s {:.4f}  ratio_to_full {:.3f}\n",
               encoder::PrecisionName(precision), join, texts.size(), seconds.front(), median,
               median / full);
  }
}

void Run(const Flags& flags) {
  const ClassifierFolder folder(flags.model, 1), twelve(flags.model, 2);
  const TextSets texts(ValueOf(encoder::Tokenizer::Open(folder.path())), 512, flags.texts);
  const TextSet query = texts.Query();
  // Lengths of texts count two special tokens; a pair has three.
  const size_t query_tokens = query.lengths[0] - 2;
  const TextSet short_passages =
      texts.OfEqualLengths(kPassages, kPassages * (kTokens - 3 - query_tokens + 2));
  const TextSet passages = texts.OfEqualLengths(kPassages, kPassages * (kTokens + 2));
  base::ThreadPool pool(flags.threads);
  for (const std::string& name : flags.precisions) {
    const encoder::Precision precision = ValueOf(encoder::ParsePrecision(name));
    encoder::CrossEncoderOptions options;
    options.model.precision = precision;
    const auto model = ValueOf(encoder::CrossEncoder::Open(folder.path(), options));
    MeasurePairs(*model, "pairs", PairsOf(query.texts[0], short_passages), flags, pool);
    MeasurePairs(*model, "passages", PairsOf(query.texts[0], passages), flags, pool);
    if (flags.terms) {
      MeasureTerms(twelve.path(), precision, query.texts[0], passages, flags, pool);
    }
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
  app.add_flag("--terms", flags.terms,
               "Precomputed terms (PreTTR) beside a model of 12 layers, too");
  CLI11_PARSE(app, argc, argv);
  try {
    gannet::bench::Run(flags);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "rerank_benchmark: {}\n", error.what());
    return 1;
  }
}
