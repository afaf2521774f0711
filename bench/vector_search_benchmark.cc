// How fast vectors are found: building and searching HNSW at equal recall in each format, and the
// exact scan as a share of the memory bandwidth measured in the same run.
//
// Vectors come as fp32 NumPy files (.npy, C order, [rows, dimension]) or as raw files: u32 rows,
// u32 dimension, then rows x dimension fp32, all little-endian.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <random>
#include <regex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/file.h"
#include "base/huge_page_allocator.h"
#include "base/thread_pool.h"
#include "indexer/vector/vector_index.h"

namespace gannet {
namespace {

using Clock = std::chrono::steady_clock;
using indexer::IndexSpec;
using indexer::PassageKey;
using indexer::ScoredPassage;
using indexer::VectorIndex;

constexpr size_t kNearest = 10;

struct Flags {
  std::string base_path;
  std::string query_path;
  size_t random_rows = 0;
  std::vector<std::string> specs = {"HNSW16,Flat", "HNSW16,SQfp16", "HNSW16,SQ8"};
  size_t build_effort = 200;
  std::vector<size_t> efforts = {16, 32, 64, 128, 256};
  std::vector<int> threads = {1, 2};
  int build_threads = base::AvailableProcessors();
  size_t queries = 2000;
  int rounds = 3;
};

struct Matrix {
  size_t rows = 0;
  size_t dimension = 0;
  std::vector<float> values;

  std::span<const float> row(size_t i) const {
    return std::span(values).subspan(i * dimension, dimension);
  }
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <typename T>
T OrThrow(absl::StatusOr<T> result) {
  if (!result.ok()) throw std::runtime_error(result.status().ToString());
  return *std::move(result);
}

[[noreturn]] void Unreadable(const std::string& path, std::string_view why) {
  throw std::runtime_error(fmt::format("{}: {}", path, why));
}

// Rows, dimension and where the values begin, from the header that NumPy writes.
std::tuple<size_t, size_t, size_t> ReadNpyHeader(const std::string& path, std::string_view bytes) {
  if (bytes.size() < 12) Unreadable(path, "cut short");
  const bool first_version = bytes[6] == 1;
  uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 8, first_version ? 2 : 4);
  const size_t begin = first_version ? 10 : 12;
  if (begin + length > bytes.size()) Unreadable(path, "cut short");
  const std::string header(bytes.substr(begin, length));
  std::smatch shape;
  if (header.find("'<f4'") == std::string::npos ||
      header.find("'fortran_order': False") == std::string::npos ||
      !std::regex_search(header, shape, std::regex(R"('shape': \((\d+), (\d+)\))"))) {
    Unreadable(path, "expected a C-ordered matrix of '<f4', found " + header);
  }
  return {std::stoull(shape[1]), std::stoull(shape[2]), begin + length};
}

Matrix ReadMatrix(const std::string& path) {
  const base::MappedFile file = OrThrow(base::MappedFile::Open(path));
  const std::string_view bytes = file.bytes();
  Matrix matrix;
  size_t begin = 0;
  if (bytes.starts_with("\x93NUMPY")) {
    std::tie(matrix.rows, matrix.dimension, begin) = ReadNpyHeader(path, bytes);
  } else {
    uint32_t counts[2];
    if (bytes.size() < sizeof(counts)) Unreadable(path, "cut short");
    std::memcpy(counts, bytes.data(), sizeof(counts));
    matrix.rows = counts[0];
    matrix.dimension = counts[1];
    begin = sizeof(counts);
  }
  if (matrix.dimension == 0 ||
      (bytes.size() - begin) / sizeof(float) / matrix.dimension != matrix.rows) {
    Unreadable(path, fmt::format("{} rows of {} values in {} bytes", matrix.rows, matrix.dimension,
                                 bytes.size() - begin));
  }
  matrix.values.resize(matrix.rows * matrix.dimension);
  std::memcpy(matrix.values.data(), bytes.data() + begin, matrix.values.size() * sizeof(float));
  return matrix;
}

// Unit vectors of 384 dimensions with 40 degrees of freedom and some noise, in 200 clusters: for a
// first look, where there are no real vectors.
Matrix RandomMatrix(size_t rows, unsigned seed) {
  constexpr size_t kDimension = 384, kFreedom = 40, kClusters = 200;
  std::mt19937 generator(7);
  std::normal_distribution<float> normal;
  std::vector<float> space(kFreedom * kDimension), centres(kClusters * kFreedom);
  for (float& v : space) v = normal(generator);
  for (float& v : centres) v = normal(generator);
  generator.seed(seed);
  Matrix matrix{rows, kDimension, std::vector<float>(rows * kDimension)};
  for (size_t i = 0; i < rows; ++i) {
    float* row = &matrix.values[i * kDimension];
    for (size_t d = 0; d < kDimension; ++d) row[d] = normal(generator);
    const size_t cluster = generator() % kClusters;
    for (size_t f = 0; f < kFreedom; ++f) {
      const float coordinate = centres[cluster * kFreedom + f] + 2 * normal(generator);
      for (size_t d = 0; d < kDimension; ++d) row[d] += coordinate * space[f * kDimension + d];
    }
    const double squares = std::inner_product(row, row + kDimension, row, 0.0);
    const auto scale = static_cast<float>(1 / std::sqrt(squares));
    for (size_t d = 0; d < kDimension; ++d) row[d] *= scale;
  }
  return matrix;
}

// Bytes per second at which one thread sums memory far larger than any cache, on the same kind of
// pages as tables of vectors: the best of `rounds`.
double MeasureBandwidth(int rounds) {
  constexpr size_t kWords = size_t{32} << 20;
  const std::vector<uint64_t, base::HugePageAllocator<uint64_t>> memory(kWords, 1);
  double best = 0;
  uint64_t checked = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto start = Clock::now();
    std::array<uint64_t, 16> sums{};
    for (size_t i = 0; i < kWords; i += sums.size()) {
      for (size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += memory[i + lane];
    }
    best = std::max(best, static_cast<double>(kWords * sizeof(uint64_t)) / SecondsSince(start));
    checked += std::accumulate(sums.begin(), sums.end(), uint64_t{0});
  }
  if (checked != kWords * static_cast<uint64_t>(rounds)) throw std::runtime_error("wrong sum");
  return best;
}

using Answers = std::vector<std::vector<ScoredPassage>>;

// Share of the exact nearest that are among the answers.
double Recall(const Answers& answers, const Answers& exact) {
  size_t found = 0, wanted = 0;
  for (size_t q = 0; q < exact.size(); ++q) {
    wanted += exact[q].size();
    for (const ScoredPassage& want : exact[q]) {
      found += static_cast<size_t>(std::any_of(answers[q].begin(), answers[q].end(),
                                               [&](const auto& a) { return a.key == want.key; }));
    }
  }
  return static_cast<double>(found) / static_cast<double>(wanted);
}

// Runs search(q) for every query on all threads of the pool; the best rate of `rounds`.
template <typename Search>
double MeasureRate(base::ThreadPool& pool, size_t queries, int rounds, const Search& search) {
  constexpr size_t kQueriesPerTask = 20;
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto start = Clock::now();
    pool.ParallelFor((queries + kQueriesPerTask - 1) / kQueriesPerTask, [&](size_t task) {
      const size_t first = task * kQueriesPerTask;
      for (size_t q = first; q < std::min(first + kQueriesPerTask, queries); ++q) search(q);
    });
    best = std::max(best, static_cast<double>(queries) / SecondsSince(start));
  }
  return best;
}

class Bench {
 public:
  Bench(const Flags& flags, Matrix base, Matrix queries)
      : flags_(flags),
        base_(std::move(base)),
        queries_(std::move(queries)),
        keys_(base_.rows),
        exact_(queries_.rows) {
    std::iota(keys_.begin(), keys_.end(), PassageKey{0});
  }

  void RunFlat() {
    const auto index = Build("Flat");
    base::ThreadPool every(flags_.build_threads);
    MeasureRate(every, queries_.rows, 1, [&](size_t q) {
      exact_[q] = OrThrow(index->SearchExactly(queries_.row(q), kNearest));
    });
    base::ThreadPool one(1);
    const size_t few = std::min<size_t>(queries_.rows, 50);
    std::vector<double> shares;
    for (int round = 0; round < flags_.rounds; ++round) {
      const double bandwidth = MeasureBandwidth(3);
      const double rate = MeasureRate(
          one, few, 1, [&](size_t q) { OrThrow(index->SearchExactly(queries_.row(q), kNearest)); });
      const double scanned = rate * static_cast<double>(base_.values.size() * sizeof(float));
      shares.push_back(scanned / bandwidth);
      fmt::print("flat, 1 thread: {:.2f} ms a query, {:.1f} GB/s of {:.1f} GB/s, ratio {:.2f}\n",
                 1e3 / rate, scanned / 1e9, bandwidth / 1e9, shares.back());
    }
  }

  void RunApproximate(const std::string& name) {
    const auto index = Build(name);
    Answers answers(queries_.rows);
    for (const size_t effort : flags_.efforts) {
      for (const int threads : flags_.threads) {
        base::ThreadPool pool(threads);
        indexer::VectorSearch search;
        search.k = kNearest;
        search.effort = effort;
        const double rate = MeasureRate(pool, queries_.rows, flags_.rounds, [&](size_t q) {
          answers[q] = OrThrow(index->Search(queries_.row(q), search));
        });
        fmt::print("{}: effort {}, {} threads: recall@{} {:.4f}, {:.0f} queries/s\n", name, effort,
                   threads, kNearest, Recall(answers, exact_), rate);
      }
    }
  }

 private:
  std::unique_ptr<VectorIndex> Build(const std::string& name) {
    IndexSpec spec = OrThrow(IndexSpec::Parse(name));
    spec.hnsw.build_effort = flags_.build_effort;
    base::ThreadPool pool(flags_.build_threads);
    const auto start = Clock::now();
    auto index = OrThrow(VectorIndex::Build(
        spec, {indexer::Metric::kInnerProduct, base_.dimension, keys_, base_.values}, pool));
    const double seconds = SecondsSince(start);
    const VectorIndex::BytesPerVector bytes = index->bytes_per_vector();
    fmt::print(
        "{}: built in {:.1f} s on {} threads; bytes per vector: {:.0f} searched, {:.0f} exact\n",
        name, seconds, flags_.build_threads, bytes.searched, bytes.exact);
    return index;
  }

  const Flags& flags_;
  const Matrix base_;
  const Matrix queries_;
  std::vector<PassageKey> keys_;
  Answers exact_;
};

void Run(const Flags& flags) {
  Matrix base =
      flags.random_rows != 0 ? RandomMatrix(flags.random_rows, 1) : ReadMatrix(flags.base_path);
  Matrix queries =
      flags.random_rows != 0 ? RandomMatrix(flags.queries, 2) : ReadMatrix(flags.query_path);
  if (queries.dimension != base.dimension) Unreadable(flags.query_path, "another dimension");
  queries.rows = std::min(queries.rows, flags.queries);
  fmt::print("{} vectors of dimension {}, {} queries\n", base.rows, base.dimension, queries.rows);
  Bench bench(flags, std::move(base), std::move(queries));
  bench.RunFlat();
  for (const std::string& spec : flags.specs) bench.RunApproximate(spec);
}

}  // namespace
}  // namespace gannet

int main(int argc, char** argv) {
  gannet::Flags flags;
  CLI::App app("Vector search: build time, queries/s at recall, scan against memory bandwidth");
  auto* base = app.add_option("--base", flags.base_path, "fp32 vectors, .npy or raw");
  auto* queries = app.add_option("--query-vectors", flags.query_path, "fp32 vectors, .npy or raw");
  base->needs(queries);
  app.add_option("--random", flags.random_rows, "That many made vectors instead")->excludes(base);
  app.add_option("--index", flags.specs, "Names as of faiss::index_factory")->capture_default_str();
  app.add_option("--build-effort", flags.build_effort)->capture_default_str();
  app.add_option("--effort", flags.efforts)->capture_default_str();
  app.add_option("--threads", flags.threads)->capture_default_str();
  app.add_option("--build-threads", flags.build_threads)->capture_default_str();
  app.add_option("--queries", flags.queries, "At most so many")->capture_default_str();
  app.add_option("--rounds", flags.rounds)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    if (flags.random_rows == 0 && flags.base_path.empty()) {
      throw std::runtime_error("either --base and --query-vectors, or --random");
    }
    gannet::Run(flags);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "vector_search_benchmark: {}\n", error.what());
    return 1;
  }
}
