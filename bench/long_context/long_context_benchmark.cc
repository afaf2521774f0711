// Time and peak memory of one document against its length, for encoders of long texts with random
// weights of the real shapes. One JSON object a line, for a script that plots them.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "bench/encoding/clock.h"
#include "bench/long_context/random_models.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/checkpoint/gannet_file.h"
#include "encoder/models/hierarchical.h"
#include "encoder/models/m2bert.h"
#include "encoder/models/model.h"
#include "encoder/run/model_input.h"

namespace gannet::bench {
namespace {

using encoder::HierarchicalModel;
using encoder::Model;
using encoder::PackedBatch;
using encoder::TokenId;

struct Options {
  std::vector<std::string> models = {"m2bert", "mamba", "bert-base", "minilm", "smith"};
  std::vector<size_t> lengths = {512, 1024, 2048, 4096, 8192, 16384, 32768};
  std::string precision = "bf16";
  int threads = base::AvailableProcessors();
  size_t rounds = 3;
  std::string folder;
};

// A size in /proc/self/status, such as "VmHWM" (the peak of resident memory), in megabytes.
double ProcessMegabytes(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    double kilobytes = 0;
    if (name == fmt::format("{}:", field) && status >> kilobytes) return kilobytes / 1000 * 1.024;
    status.ignore(1024, '\n');
  }
  return 0;
}

void ForgetPeak() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

// Seconds by the clock and of all processors: the second hardly depend on who else is busy.
struct Times {
  double wall = 0;
  double processor = 0;
};

Times TimesOf(const std::function<void()>& body) {
  const auto start = Clock::now();
  const std::clock_t used = std::clock();
  body();
  return {SecondsSince(start), static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC};
}

PackedBatch Sequence(size_t length) {
  std::vector<TokenId> ids(length);
  for (size_t i = 0; i < length; ++i) ids[i] = static_cast<TokenId>((i * 7919) % 30000);
  PackedBatch batch;
  batch.Append(ids, std::vector<uint8_t>(length));
  return batch;
}

// How a model reads a document of some tokens.
using Read = std::function<void(size_t tokens, base::ThreadPool& pool)>;
struct Subject {
  absl::Status (*write)(const std::filesystem::path&);
  // Makes the reader for documents of `tokens` tokens.
  absl::StatusOr<Read> (*open)(const std::filesystem::path&, const encoder::ModelOptions&,
                               size_t tokens);
};

// Padded to the length of the document, as a model trained for that length pads.
absl::StatusOr<Read> OpenM2Bert(const std::filesystem::path& folder,
                                const encoder::ModelOptions& options, size_t tokens) {
  GANNET_ASSIGN_OR_RETURN(const auto config, encoder::ConfigFile::Open(folder / "config.json"));
  GANNET_ASSIGN_OR_RETURN(auto model, LoadM2BertPaddedTo(tokens, folder, config, options));
  const std::shared_ptr<const Model> shared = std::move(model);
  return [shared](size_t length, base::ThreadPool& pool) {
    std::vector<float> first;  // All that the pooler reads.
    shared->Run(Sequence(length), &pool, {.output = encoder::SequenceRows::kFirst}, first);
  };
}

absl::StatusOr<Read> OpenMamba(const std::filesystem::path& folder,
                               const encoder::ModelOptions& options, size_t /*tokens*/) {
  GANNET_ASSIGN_OR_RETURN(auto model, Model::Load(folder, options));
  const std::shared_ptr<const Model> shared = std::move(model);
  return [shared](size_t length, base::ThreadPool& pool) {
    std::vector<float> last;
    shared->Run(Sequence(length), &pool, {.output = encoder::SequenceRows::kLast}, last);
  };
}

// Windows of as many tokens as the model reads, spread over the threads.
absl::StatusOr<Read> OpenBert(const std::filesystem::path& folder,
                              const encoder::ModelOptions& options, size_t /*tokens*/) {
  GANNET_ASSIGN_OR_RETURN(auto model, Model::Load(folder, options));
  const std::shared_ptr<const Model> shared = std::move(model);
  return [shared](size_t length, base::ThreadPool& pool) {
    const size_t window = shared->dimensions().positions;
    const size_t windows = (length + window - 1) / window;
    pool.ParallelFor(windows, [&](size_t i) {
      std::vector<float> hidden;
      const size_t tokens = std::min(window, length - i * window);
      shared->Forward(Sequence(tokens), windows == 1 ? &pool : nullptr, hidden, nullptr);
    });
  };
}

// The blocks in groups, as the embedder reads them, and then the document.
absl::StatusOr<Read> OpenSmith(const std::filesystem::path& folder,
                               const encoder::ModelOptions& options, size_t /*tokens*/) {
  GANNET_ASSIGN_OR_RETURN(const auto file, encoder::GannetFile::Read(folder));
  if (!file) return absl::NotFoundError(fmt::format("{}: no gannet.json", folder.string()));
  GANNET_ASSIGN_OR_RETURN(auto model, HierarchicalModel::Load(folder, *file, options));
  const auto shared = std::make_shared<const HierarchicalModel>(std::move(model));
  return [shared](size_t length, base::ThreadPool& pool) {
    const size_t tokens = shared->shape().tokens, d = shared->block_dimension();
    const PackedBatch document = Sequence(length);
    std::vector<encoder::ModelInput> blocks((length + tokens - 1) / tokens);
    for (size_t s = 0; s < blocks.size(); ++s) {
      const auto begin = document.ids.begin() + static_cast<ptrdiff_t>(s * tokens);
      blocks[s].ids.assign(begin,
                           begin + static_cast<ptrdiff_t>(std::min(tokens, length - s * tokens)));
      blocks[s].type_ids.resize(blocks[s].ids.size());
    }
    std::vector<float> vectors(blocks.size() * d);
    ForEachGroup(blocks, pool, [&](std::span<const size_t> members, base::ThreadPool* of_group) {
      PackedBatch batch;
      PackInputs(blocks, members, batch);
      const std::vector<float> of_members = shared->EncodeBlocks(batch, of_group);
      for (size_t i = 0; i < members.size(); ++i) {
        std::copy_n(&of_members[i * d], d, &vectors[members[i] * d]);
      }
    });
    const std::span<const float> of_document = vectors;
    shared->EncodeDocuments({&of_document, 1}, &pool);
  };
}

const std::map<std::string, Subject> kSubjects = {{"m2bert", {WriteM2Bert80M, OpenM2Bert}},
                                                  {"mamba", {WriteMamba130M, OpenMamba}},
                                                  {"bert-base", {WriteBertBase, OpenBert}},
                                                  {"minilm", {WriteMiniLm, OpenBert}},
                                                  {"smith", {WriteSmith, OpenSmith}}};

absl::Status Measure(const std::string& name, const Options& options, base::ThreadPool& pool) {
  const Subject& subject = kSubjects.at(name);
  const std::filesystem::path folder = std::filesystem::path(options.folder) / name;
  if (!std::filesystem::exists(folder / "model.safetensors")) {
    GANNET_RETURN_IF_ERROR(subject.write(folder));
  }
  GANNET_ASSIGN_OR_RETURN(const auto precision, encoder::ParsePrecision(options.precision));
  for (const size_t tokens : options.lengths) {
    ForgetPeak();
    auto start = Clock::now();
    GANNET_ASSIGN_OR_RETURN(const Read read,
                            subject.open(folder, {.precision = precision}, tokens));
    const double load = SecondsSince(start);
    ForgetPeak();
    const double weights = ProcessMegabytes("VmRSS");
    // The first document computes what later ones find ready.
    const Times first = TimesOf([&] { read(tokens, pool); });
    Times best = first;
    for (size_t round = 1; round < options.rounds; ++round) {
      const Times times = TimesOf([&] { read(tokens, pool); });
      best = {std::min(best.wall, times.wall), std::min(best.processor, times.processor)};
    }
    fmt::print(R"({{"model":"{}","precision":"{}","threads":{},"tokens":{},"load_s":{:.2f},)"
               R"("first_s":{:.3f},"first_cpu_s":{:.3f},"best_s":{:.3f},"best_cpu_s":{:.3f},)"
               R"("tokens_per_s":{:.0f},"loaded_mb":{:.0f},"peak_mb":{:.0f}}})"
               "\n",
               name, encoder::PrecisionName(precision), pool.threads(), tokens, load, first.wall,
               first.processor, best.wall, best.processor, static_cast<double>(tokens) / best.wall,
               weights, ProcessMegabytes("VmHWM"));
    std::fflush(stdout);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace gannet::bench

int main(int argc, char** argv) {
  gannet::bench::Options options;
  CLI::App app("Time and peak memory of one document against its length");
  app.add_option("--models", options.models, "of m2bert, mamba, bert-base, minilm, smith")
      ->delimiter(',')
      ->check(CLI::IsMember({"m2bert", "mamba", "bert-base", "minilm", "smith"}));
  app.add_option("--lengths", options.lengths, "tokens, at most 32768")
      ->delimiter(',')
      ->check(CLI::Range(1, 32768));
  app.add_option("--precision", options.precision, "fp32, bf16 or int8")
      ->check(CLI::IsMember({"fp32", "bf16", "int8"}));
  app.add_option("--threads", options.threads)->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "documents of each length; the fastest counts")
      ->check(CLI::PositiveNumber);
  app.add_option("--folder", options.folder, "for the made models, which are kept there")
      ->required();
  CLI11_PARSE(app, argc, argv);
  gannet::base::ThreadPool pool(options.threads);
  for (const std::string& model : options.models) {
    const absl::Status status = gannet::bench::Measure(model, options, pool);
    if (!status.ok()) {
      fmt::print(stderr, "{}\n", gannet::base::Message(status));
      return 1;
    }
  }
  return 0;
}
