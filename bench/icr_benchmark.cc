// Re-ranking in context: seconds of the passages, of both queries' ends, and memory, for a decoder
// of the shape of SmolLM-135M with random weights, beside what the machine's matrix products alone
// take.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "base/format.h"
#include "base/thread_pool.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/models/model.h"
#include "ranker/rerank/icr_attention.h"

namespace gannet::bench {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// SmolLM-135M, but for its vocabulary: the rows that no token of the run looks at are left out.
struct Shape {
  size_t vocabulary = 4096;
  size_t hidden = 576;
  size_t layers = 30;
  size_t heads = 9;
  size_t kv_heads = 3;
  size_t head_dim = 64;
  size_t intermediate = 1536;
  size_t positions = 8192;

  // Weights of one layer's products: each is multiplied and added once for a token.
  double layer_weights() const {
    const size_t projections = (2 * heads + 2 * kv_heads) * head_dim;
    return static_cast<double>(hidden * (projections + 3 * intermediate));
  }
};

// Writes a model folder with normally distributed bfloat16 weights.
class ModelWriter {
 public:
  ModelWriter(const std::filesystem::path& folder, const Shape& shape) {
    std::ofstream(folder / "config.json") << fmt::format(
        R"({{"model_type":"llama","vocab_size":{},"hidden_size":{},"num_hidden_layers":{},)"
        R"("num_attention_heads":{},"num_key_value_heads":{},"intermediate_size":{},)"
        R"("max_position_embeddings":{},"rms_norm_eps":1e-5,"rope_theta":10000.0}})",
        shape.vocabulary, shape.hidden, shape.layers, shape.heads, shape.kv_heads,
        shape.intermediate, shape.positions);
    const size_t d = shape.hidden, q = shape.heads * shape.head_dim;
    const size_t k = shape.kv_heads * shape.head_dim;
    Add("model.embed_tokens.weight", shape.vocabulary, d);
    Add("model.norm.weight", d, 0);
    for (size_t i = 0; i < shape.layers; ++i) {
      const auto name = [&](const char* part) {
        return fmt::format("model.layers.{}.{}.weight", i, part);
      };
      Add(name("input_layernorm"), d, 0);
      Add(name("self_attn.q_proj"), q, d);
      Add(name("self_attn.k_proj"), k, d);
      Add(name("self_attn.v_proj"), k, d);
      Add(name("self_attn.o_proj"), d, q);
      Add(name("post_attention_layernorm"), d, 0);
      Add(name("mlp.gate_proj"), shape.intermediate, d);
      Add(name("mlp.up_proj"), shape.intermediate, d);
      Add(name("mlp.down_proj"), d, shape.intermediate);
    }
    header_.back() = '}';
    header_.resize((header_.size() + 7) / 8 * 8, ' ');
    std::ofstream file(folder / "model.safetensors", std::ios::binary);
    const uint64_t size = header_.size();
    file.write(reinterpret_cast<const char*>(&size), sizeof(size));
    file << header_;
    file.write(reinterpret_cast<const char*>(data_.data()),
               static_cast<std::streamsize>(data_.size() * sizeof(uint16_t)));
  }

 private:
  // A matrix, or with no inputs the scales of a norm.
  void Add(const std::string& name, size_t outputs, size_t inputs) {
    const size_t count = outputs * std::max<size_t>(inputs, 1), begin = data_.size();
    std::normal_distribution<float> weight(0, 0.04F);
    for (size_t i = 0; i < count; ++i) {
      const float value = inputs == 0 ? 1 : weight(generator_);
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof(bits));
      data_.push_back(static_cast<uint16_t>(bits >> 16));
    }
    header_ += fmt::format(
        R"("{}":{{"dtype":"BF16","shape":[{}],"data_offsets":[{},{}]}},)", name,
        inputs == 0 ? fmt::format("{}", outputs) : fmt::format("{},{}", outputs, inputs), 2 * begin,
        2 * data_.size());
  }

  std::minstd_rand generator_{7};
  std::string header_ = "{";
  std::vector<uint16_t> data_;
};

struct Flags {
  size_t passages = 20;
  size_t passage_tokens = 128;
  size_t introduction_tokens = 12;
  size_t ending_tokens = 40;
  size_t calibration_tokens = 28;
  size_t rounds = 3;
  int threads = base::AvailableProcessors();
  std::string precision = "auto";
};

std::vector<encoder::TokenId> RandomIds(size_t count, const Shape& shape, unsigned seed) {
  std::minstd_rand generator(seed);
  std::vector<encoder::TokenId> ids(count);
  for (auto& id : ids) id = static_cast<encoder::TokenId>(generator() % shape.vocabulary);
  return ids;
}

// Multiply-adds per second of the widest product of a layer on all threads.
double MeasureProducts(const Shape& shape, encoder::Precision precision, base::ThreadPool& pool) {
  using encoder::kernels::PackedLinear;
  const size_t outputs = 2 * shape.intermediate, inputs = shape.hidden;
  const std::vector<float> weight(outputs * inputs, 0.01F), bias(outputs);
  const auto linear = PackedLinear::Pack(weight, bias, inputs, outputs, precision);
  if (!linear.ok()) return 0;
  constexpr size_t kRepeats = 400;
  const auto start = Clock::now();
  pool.ParallelFor(static_cast<size_t>(pool.threads()), [&](size_t) {
    std::vector<float> x(PackedLinear::kMaxRows * inputs, 0.5F);
    std::vector<float> y(PackedLinear::kMaxRows * outputs);
    for (size_t r = 0; r < kRepeats; ++r) linear->Apply(x.data(), PackedLinear::kMaxRows, y.data());
  });
  return static_cast<double>(kRepeats * PackedLinear::kMaxRows * outputs * inputs) *
         pool.threads() / SecondsSince(start);
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// The median seconds of a part, over the rounds.
template <typename Part>
double Time(const Flags& flags, Part part) {
  std::vector<double> seconds;
  for (size_t round = 0; round < flags.rounds; ++round) {
    const auto start = Clock::now();
    part();
    seconds.push_back(SecondsSince(start));
  }
  return Median(seconds);
}

int Run(const Flags& flags) {
  const Shape shape;
  const auto folder = std::filesystem::temp_directory_path() /
                      fmt::format("gannet-icr-benchmark-{}", std::random_device()());
  std::filesystem::create_directories(folder);
  ModelWriter(folder, shape);
  const auto precision = encoder::ParsePrecision(flags.precision);
  const auto model =
      precision.ok() ? encoder::Model::Load(folder, {.precision = *precision}) : precision.status();
  std::filesystem::remove_all(folder);
  if (!model.ok()) {
    fmt::print(stderr, "{}\n", model.status().ToString());
    return 1;
  }
  base::ThreadPool pool(flags.threads);
  const size_t beginning_tokens = flags.introduction_tokens + flags.passages * flags.passage_tokens;
  const auto ids = RandomIds(beginning_tokens, shape, 1);
  const auto query = RandomIds(flags.ending_tokens, shape, 2);
  const auto calibration = RandomIds(flags.calibration_tokens, shape, 3);
  const auto ending = [&](const std::vector<encoder::TokenId>& tokens) {
    return ranker::PromptEnding{tokens, {beginning_tokens, beginning_tokens + tokens.size()}};
  };

  const double products = MeasureProducts(shape, *precision, pool);
  encoder::KeyValueCache cache;
  const double beginning =
      Time(flags, [&] { cache = ranker::EncodeBeginning(**model, ids, shape.layers, &pool); });
  const auto time_endings = [&](const std::vector<ranker::PromptEnding>& endings) {
    return Time(flags,
                [&] { ranker::AttentionTo(**model, cache, endings, ranker::HeadSet(), &pool); });
  };
  const double both = time_endings({ending(query), ending(calibration)});
  const double second = time_endings({ending(calibration)});

  const double bound =
      static_cast<double>(beginning_tokens * shape.layers) * shape.layer_weights() / products;
  fmt::print("{} passages of {} tokens, {}, {} threads, median of {} rounds\n", flags.passages,
             flags.passage_tokens, encoder::PrecisionName(*precision), flags.threads, flags.rounds);
  fmt::print("passages           {:8.3f} s  {:6.0f} tokens/s  {:.2f} of what the products allow\n",
             beginning, static_cast<double>(beginning_tokens) / beginning, bound / beginning);
  fmt::print("both ends          {:8.3f} s  {:.4f} of the passages\n", both, both / beginning);
  fmt::print("the second alone   {:8.3f} s  {:.4f} of the passages\n", second, second / beginning);
  fmt::print("keys and values    {}\n", base::FormatBytes(cache.bytes()));
  return 0;
}

}  // namespace
}  // namespace gannet::bench

int main(int argc, char** argv) {
  gannet::bench::Flags flags;
  CLI::App app("How long re-ranking in context takes, for a Llama of 135M parameters");
  app.add_option("--passages", flags.passages, "Passages")->capture_default_str();
  app.add_option("--passage-tokens", flags.passage_tokens, "Tokens of each")->capture_default_str();
  app.add_option("--rounds", flags.rounds, "Rounds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "Threads")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--precision", flags.precision, "fp32, bf16, int8 or auto")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return gannet::bench::Run(flags);
}
