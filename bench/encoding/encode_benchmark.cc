// How fast texts become vectors, beside what the machine's matrix products alone would allow: see
// bench/README.md.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "bench/encoding/product_bound.h"
#include "bench/encoding/text_sets.h"
#include "bench/encoding/workloads.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/embed/embedder.h"
#include "encoder/layers/encoder_shape.h"
#include "encoder/tokenizer/tokenizer.h"

namespace gannet::bench {
namespace {

struct Flags {
  std::string model;
  std::vector<std::string> texts;
  std::vector<std::string> precisions = {"fp32", "bf16", "int8"};
  std::vector<std::string> workloads = {"mixed", "query", "pairs", "limits", "equal", "cosine"};
  int threads = base::AvailableProcessors();
  int rounds = 3;
  size_t sample = 1200;
  bool json = false;

  bool Wants(std::string_view workload) const {
    return std::ranges::find(workloads, workload) != workloads.end();
  }
};

template <typename T>
T ValueOf(absl::StatusOr<T> value) {
  if (!value.ok()) throw std::runtime_error(std::string(base::Message(value.status())));
  return *std::move(value);
}

class Benchmark {
 public:
  explicit Benchmark(const Flags& flags)
      : flags_(flags),
        pool_(flags.threads),
        shape_(ValueOf(encoder::EncoderShape::Read(
            ValueOf(encoder::ConfigFile::Open(Folder() / "config.json")), {}))),
        reference_(Open(encoder::Precision::kFp32)),
        texts_(ValueOf(encoder::Tokenizer::Open(Folder())), reference_->max_tokens(), flags.texts) {
  }

  void Run() {
    for (const std::string& name : flags_.precisions) {
      const encoder::Precision precision = ValueOf(encoder::ParsePrecision(name));
      const auto model = Open(precision);
      const Setting setting{*model, texts_, pool_, flags_.rounds};
      EmbedAll(setting, texts_.Pairs());  // Warms up.
      RunWorkloads(setting, precision);
    }
  }

 private:
  std::filesystem::path Folder() const { return flags_.model; }

  std::unique_ptr<const encoder::Embedder> Open(encoder::Precision precision) const {
    return ValueOf(encoder::Embedder::Open(Folder(), {.precision = precision}));
  }

  void RunWorkloads(const Setting& setting, encoder::Precision precision) {
    const std::string_view name = encoder::PrecisionName(precision);
    if (flags_.Wants("mixed")) {
      Report(name, "mixed", MeasureMixed(setting, ProductBound(shape_, precision, pool_)));
    }
    if (flags_.Wants("query")) Report(name, "query", MeasureQuery(setting));
    if (flags_.Wants("pairs")) Report(name, "pairs", MeasurePairs(setting));
    if (flags_.Wants("limits")) {
      for (const Figures& figures : MeasureBatchLimits(setting, flags_.sample)) {
        Report(name, "limits", figures);
      }
    }
    if (flags_.Wants("equal")) {
      Report(name, "equal", MeasureMixedAgainstEqual(setting, flags_.sample));
    }
    if (flags_.Wants("cosine") && precision != encoder::Precision::kFp32) {
      Report(name, "cosine", CompareVectors(EmbedAll(setting, texts_.mixed()), ReferenceVectors()));
    }
  }

  const encoder::Embeddings& ReferenceVectors() {
    if (reference_vectors_.size() == 0) {
      reference_vectors_ = EmbedAll({*reference_, texts_, pool_, 1}, texts_.mixed());
    }
    return reference_vectors_;
  }

  void Report(std::string_view precision, std::string_view workload, const Figures& figures) const {
    if (flags_.json) {
      Figures line = {
          {"precision", precision}, {"threads", pool_.threads()}, {"workload", workload}};
      line.update(figures);
      fmt::print("{}\n", line.dump());
    } else {
      fmt::print("{} {:8}", precision, workload);
      for (const auto& [name, value] : figures.items()) {
        fmt::print("  {} {}", name, value.is_string() ? value.get<std::string>() : value.dump());
      }
      fmt::print("\n");
    }
    std::fflush(stdout);
  }

  const Flags& flags_;
  base::ThreadPool pool_;
  const encoder::EncoderShape shape_;
  const std::unique_ptr<const encoder::Embedder> reference_;  // In fp32.
  const TextSets texts_;
  encoder::Embeddings reference_vectors_;  // Of the mix; made when first asked for.
};

}  // namespace
}  // namespace gannet::bench

int main(int argc, char** argv) {
  gannet::bench::Flags flags;
  const std::vector<std::string> precisions = flags.precisions, workloads = flags.workloads;
  CLI::App app("Encoding speed against the bound of the matrix products, measured in one run");
  app.add_option("--model", flags.model, "Folder of a BERT bi-encoder")->required();
  app.add_option("--texts", flags.texts, "JSONL files with a text in each line")->required();
  app.add_option("--precision", flags.precisions, "One or more, in this order")
      ->delimiter(',')
      ->check(CLI::IsMember(precisions))
      ->capture_default_str();
  app.add_option("--only", flags.workloads, "One or more workloads")
      ->delimiter(',')
      ->check(CLI::IsMember(workloads))
      ->capture_default_str();
  app.add_option("--threads", flags.threads)->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--rounds", flags.rounds, "Measurements of each figure")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--sample", flags.sample, "Texts for the workloads limits and equal")
      ->check(CLI::Range(16, 1000000))
      ->capture_default_str();
  app.add_flag("--json", flags.json, "One JSON object a line");
  CLI11_PARSE(app, argc, argv);
  try {
    gannet::bench::Benchmark(flags).Run();
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "encode_benchmark: {}\n", error.what());
    return 1;
  }
}
