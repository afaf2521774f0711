// How fast texts become vectors, as a share of what the machine's matrix products alone would
// allow.
//
// The bound: a BERT token costs 2 x (number of weights) floating-point operations in the linear
// layers. Their rate is measured here, in the same run, with the model's own shapes, on as many
// threads at once as the encoder uses. Attention, normalisation, activation, tokenisation and
// pooling come on top, so the bound cannot be reached.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/embed/embedder.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/layers/encoder_shape.h"

namespace gannet {
namespace {

using Clock = std::chrono::steady_clock;
using encoder::kernels::PackedLinear;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The linear layers of one BERT layer, with weights of their own per layer, as in the model: a
// single matrix used over and over would sit in the cache and flatter the bound.
class LinearLayers {
 public:
  LinearLayers(const encoder::EncoderShape& config, encoder::Precision precision) {
    const size_t d = config.hidden;
    for (size_t layer = 0; layer < config.layers; ++layer) {
      for (const auto& [inputs, outputs] :
           {std::pair{d, 3 * d}, std::pair{d, d}, std::pair{d, config.intermediate},
            std::pair{config.intermediate, d}}) {
        const std::vector<float> weight(inputs * outputs, 0.01F), bias(outputs, 0.1F);
        auto linear = PackedLinear::Pack(weight, bias, inputs, outputs, precision);
        if (!linear.ok()) throw std::runtime_error(linear.status().ToString());
        linears_.push_back(*std::move(linear));
      }
    }
  }

  // Rows per second on all threads at once, each running `rows` rows (a multiple of the tile)
  // through one linear layer after the other, tile by tile.
  double MeasureRowRate(base::ThreadPool& pool, size_t rows, size_t rounds) const {
    size_t widest = 0;
    for (const PackedLinear& linear : linears_) {
      widest = std::max({widest, linear.inputs(), linear.outputs()});
    }
    const auto threads = static_cast<size_t>(pool.threads());
    std::vector<std::vector<float>> x(threads, std::vector<float>(rows * widest, 0.5F));
    std::vector<std::vector<float>> y = x;
    const auto start = Clock::now();
    pool.ParallelFor(threads, [&](size_t t) {
      for (size_t round = 0; round < rounds; ++round) {
        for (const PackedLinear& linear : linears_) {
          for (size_t row = 0; row < rows; row += PackedLinear::kMaxRows) {
            linear.Apply(&x[t][row * linear.inputs()], PackedLinear::kMaxRows,
                         &y[t][row * linear.outputs()]);
          }
        }
      }
    });
    return static_cast<double>(threads * rows * rounds) / SecondsSince(start);
  }

 private:
  std::vector<PackedLinear> linears_;
};

struct Flags {
  std::string model;
  std::vector<std::string> texts;
  int threads = base::AvailableProcessors();
  std::string precision = "fp32";
  int rounds = 5;
};

std::vector<std::string> ReadTexts(const std::vector<std::string>& paths) {
  std::vector<std::string> texts;
  for (const std::string& path : paths) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(fmt::format("{}: cannot be read", path));
    for (std::string line; std::getline(file, line);) {
      texts.push_back(nlohmann::json::parse(line).at("text").get<std::string>());
    }
  }
  return texts;
}

// Seconds and tokens of embedding all texts in one call.
std::pair<double, size_t> TimeEmbedding(const encoder::Embedder& model,
                                        const std::vector<std::string_view>& texts,
                                        base::ThreadPool& pool) {
  const auto start = Clock::now();
  const auto embeddings = model.Embed(texts, encoder::TextRole::kDocument, pool);
  const double seconds = SecondsSince(start);
  if (!embeddings.ok()) throw std::runtime_error(embeddings.status().ToString());
  size_t tokens = 0;
  for (const encoder::TokenCount& count : embeddings->tokens) tokens += count.read;
  return {seconds, tokens};
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

void RunMixed(const encoder::Embedder& model, const LinearLayers& linears,
              const std::vector<std::string>& texts, base::ThreadPool& pool, int rounds) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  constexpr size_t kRows = 512, kRepeats = 4;
  linears.MeasureRowRate(pool, kRows, 1);  // Warms up.
  double best_rate = 0, best_bound = 0;
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    const double bound = linears.MeasureRowRate(pool, kRows, kRepeats);
    const auto [seconds, tokens] = TimeEmbedding(model, views, pool);
    const double rate = static_cast<double>(tokens) / seconds;
    fmt::print(
        "round {}: {:.0f} tokens/s of {} tokens; products alone {:.0f} rows/s; ratio {:.3f}\n",
        round + 1, rate, tokens, bound, rate / bound);
    best_rate = std::max(best_rate, rate);
    best_bound = std::max(best_bound, bound);
    ratios.push_back(rate / bound);
  }
  fmt::print(
      "mixed lengths, {} threads: {:.0f} tokens/s, bound {:.0f}, ratio {:.3f} (best of each)"
      ", {:.3f} (median of rounds)\n",
      pool.threads(), best_rate, best_bound, best_rate / best_bound, Median(ratios));
}

void RunQuery(const encoder::Embedder& model, const std::vector<std::string>& texts,
              base::ThreadPool& pool) {
  // The first text of exactly 16 tokens, special tokens included.
  for (const std::string& text : texts) {
    const std::string_view view = text;
    const auto probe = model.Embed(std::span(&view, 1), encoder::TextRole::kQuery, pool);
    if (!probe.ok() || probe->tokens[0].total != 16) continue;
    std::vector<double> seconds;
    for (int i = 0; i < 300; ++i) seconds.push_back(TimeEmbedding(model, {view}, pool).first);
    fmt::print("one 16-token query, {} threads: p50 {:.2f} ms\n", pool.threads(),
               1e3 * Median(seconds));
    return;
  }
}

void Run(const Flags& flags) {
  const auto precision = encoder::ParsePrecision(flags.precision);
  if (!precision.ok()) throw std::runtime_error(precision.status().ToString());
  const auto model = encoder::Embedder::Open(flags.model, {.precision = *precision});
  if (!model.ok()) throw std::runtime_error(model.status().ToString());
  const auto file = encoder::ConfigFile::Open(std::filesystem::path(flags.model) / "config.json");
  if (!file.ok()) throw std::runtime_error(file.status().ToString());
  const auto config = encoder::EncoderShape::Read(*file, {});
  if (!config.ok()) throw std::runtime_error(config.status().ToString());

  const std::vector<std::string> texts = ReadTexts(flags.texts);
  fmt::print("{}: {} texts\n", (*model)->name(), texts.size());
  base::ThreadPool pool(flags.threads);
  RunMixed(**model, LinearLayers(*config, *precision), texts, pool, flags.rounds);
  RunQuery(**model, texts, pool);
}

}  // namespace
}  // namespace gannet

int main(int argc, char** argv) {
  gannet::Flags flags;
  CLI::App app("Encoding speed against the bound of the matrix products, measured in one run");
  app.add_option("--model", flags.model, "Folder of a BERT bi-encoder")->required();
  app.add_option("--texts", flags.texts, "JSONL files with a text in each line")->required();
  app.add_option("--precision", flags.precision)->capture_default_str();
  app.add_option("--threads", flags.threads)->capture_default_str();
  app.add_option("--rounds", flags.rounds)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    gannet::Run(flags);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "encode_benchmark: {}\n", error.what());
    return 1;
  }
}
