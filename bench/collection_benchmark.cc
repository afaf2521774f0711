// How fast a collection takes documents, opens, answers and changes. Opening is shown beside the
// time in which the same process reads the collection's files and hashes them (XXH3), a bound for
// whatever verifies all it has.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "indexer/collection.h"
#include "indexer/filter/filter.h"

namespace gannet {
namespace {

using Clock = std::chrono::steady_clock;
using indexer::Access;
using indexer::Collection;
using indexer::CollectionSearch;
using indexer::EmbeddedDocument;

struct Flags {
  std::filesystem::path folder;
  size_t documents = 100'000;
  size_t growing = 9'000;  // Of them, behind the last segment.
  size_t dimension = 384;
  std::string format = "fp32";
  std::string index;
  size_t queries = 500;
  int rounds = 5;
  int threads = base::AvailableProcessors();
};

double SecondsOf(const std::function<void()>& work) {
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void Check(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(base::Message(status)));
}

template <typename T>
T Take(absl::StatusOr<T> value) {
  Check(value.status());
  return *std::move(value);
}

// Vectors as encoders make them: near to some of a few thousand centres.
class Source {
 public:
  explicit Source(size_t dimension) : dimension_(dimension), centres_(kCentres * dimension) {
    for (float& value : centres_) value = normal_(random_);
  }

  std::vector<float> Vector() {
    const size_t centre = random_() % kCentres;
    std::vector<float> vector(dimension_);
    for (size_t i = 0; i < dimension_; ++i) {
      vector[i] = centres_[centre * dimension_ + i] + 0.7F * normal_(random_);
    }
    return vector;
  }

  EmbeddedDocument Document(size_t number) {
    return {.document = {.id = fmt::format("document-{}", number),
                         .title = fmt::format("Title {}", number),
                         .text = std::string(400, static_cast<char>('a' + number % 26)),
                         .metadata_json = fmt::format(R"({{"share":{}}})", number * 7919 % 1000)},
            .passages = {{.bytes = 400, .tokens = 100}},
            .vectors = Vector(),
            .ordinal = number};
  }

 private:
  static constexpr size_t kCentres = 2000;

  const size_t dimension_;
  std::mt19937 random_{1};
  std::normal_distribution<float> normal_;
  std::vector<float> centres_;
};

class Bench {
 public:
  explicit Bench(const Flags& flags) : flags_(flags), source_(flags.dimension) {}

  void Fill();
  void Open();
  void Search();
  void Change();

 private:
  std::unique_ptr<Collection> OpenAs(Access access) const {
    return Take(Collection::Open(flags_.folder, {.access = access}));
  }
  void Put(Collection& collection, size_t first, size_t count);
  double SecondsToReadFiles() const;

  const Flags& flags_;
  Source source_;
  base::ThreadPool pool_{flags_.threads};
};

void Bench::Put(Collection& collection, size_t first, size_t count) {
  constexpr size_t kBlock = 128;
  std::vector<EmbeddedDocument> documents;
  double seconds = 0;
  for (size_t done = 0; done < count; done += documents.size()) {
    documents.clear();
    for (size_t i = done; i < std::min(done + kBlock, count); ++i) {
      documents.push_back(source_.Document(first + i));
    }
    seconds += SecondsOf([&] { Check(collection.Put(documents)); });
  }
  fmt::print("put       {} documents in blocks of {}: {:.1f} s, {:.0f}/s\n", count, kBlock, seconds,
             static_cast<double>(count) / seconds);
}

void Bench::Fill() {
  indexer::CollectionSchema schema;
  schema.model_name = schema.model_fingerprint = "made";
  schema.dimension = flags_.dimension;
  schema.vector_format = Take(indexer::ParseVectorFormat(flags_.format));
  schema.index = flags_.index;
  const size_t sealed = flags_.documents - std::min(flags_.growing, flags_.documents);
  {
    const auto collection =
        Take(Collection::OpenOrCreate(flags_.folder, schema, {.access = Access::kIndexing}));
    Put(*collection, 0, sealed);
    const double seconds = SecondsOf([&] { Check(collection->Publish(pool_).status()); });
    fmt::print("publish   {} passages: {:.1f} s\n", sealed, seconds);
  }
  const auto collection = OpenAs(Access::kWrite);
  Put(*collection, sealed, flags_.documents - sealed);
  const auto info = Take(collection->Info());
  for (const auto& segment : info.segments) {
    fmt::print("segment   {} {} passages, {:.1f} MiB\n", segment.index, segment.passages,
               static_cast<double>(segment.file_bytes) / (1 << 20));
  }
}

double Bench::SecondsToReadFiles() const {
  return SecondsOf([&] {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(flags_.folder)) {
      if (!entry.is_regular_file()) continue;
      const auto file = Take(base::MappedFile::Open(entry.path()));
      if (base::Xxh3(file.bytes()) == 0) fmt::print("a checksum of 0\n");
    }
  });
}

void Bench::Open() {
  for (const auto& [access, name] :
       {std::pair(Access::kRead, "reading"), std::pair(Access::kWrite, "writing")}) {
    double best = 1e9, bound = 1e9;
    for (int round = 0; round < flags_.rounds; ++round) {
      bound = std::min(bound, SecondsToReadFiles());
      std::unique_ptr<Collection> collection;
      best = std::min(best, SecondsOf([&] { collection = OpenAs(access); }));
      if (collection->size() != flags_.documents) throw std::runtime_error("documents are missing");
    }
    fmt::print("open for {}: {:.0f} ms, {:.1f} x the {:.0f} ms of reading and hashing all files\n",
               name, best * 1e3, best / bound, bound * 1e3);
  }
}

void Bench::Search() {
  const auto collection = OpenAs(Access::kRead);
  std::vector<std::vector<float>> queries(flags_.queries);
  for (std::vector<float>& query : queries) query = source_.Vector();
  const auto run = [&](const std::string& name, const CollectionSearch& search) {
    CollectionSearch exact = search;
    exact.mode = indexer::SearchMode::kExact;
    size_t found = 0, wanted = 0;
    double seconds = 0, exact_seconds = 0;
    for (const std::vector<float>& query : queries) {
      indexer::SearchAnswer answer, want;
      seconds += SecondsOf([&] { answer = Take(collection->Search(query, search)); });
      exact_seconds += SecondsOf([&] { want = Take(collection->Search(query, exact)); });
      for (const auto& document : want.documents) {
        ++wanted;
        found += static_cast<size_t>(
            std::any_of(answer.documents.begin(), answer.documents.end(),
                        [&](const auto& other) { return other.key == document.key; }));
      }
    }
    const double count = static_cast<double>(queries.size());
    fmt::print("search {:>10}: {:6.2f} ms, recall@10 {:.3f}; exact {:6.2f} ms\n", name,
               seconds * 1e3 / count, static_cast<double>(found) / static_cast<double>(wanted),
               exact_seconds * 1e3 / count);
  };
  run("all", {});
  for (const int per_mille : {1, 10, 100, 500}) {
    const auto filter =
        Take(indexer::Filter::Parse(fmt::format(R"({{"field":"share","lt":{}}})", per_mille)));
    run(fmt::format("{:.1f} %", per_mille / 10.0), {.filter = &filter});
  }
}

// Each thread changes one document at a time, synced.
void Bench::Change() {
  const auto collection = OpenAs(Access::kWrite);
  constexpr size_t kEach = 200;
  for (const size_t writers : {1, 4, 16}) {
    const double seconds = SecondsOf([&] {
      std::vector<std::thread> threads;
      for (size_t t = 0; t < writers; ++t) {
        threads.emplace_back([&, t] {
          for (size_t i = 0; i < kEach; ++i) {
            Check(collection->UpdateMetadata(fmt::format("document-{}", t * kEach + i),
                                             fmt::format(R"({{"writers":{}}})", writers)));
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
    });
    fmt::print("synced changes, {:2} writers: {:.0f}/s\n", writers,
               static_cast<double>(writers * kEach) / seconds);
  }
}

void Run(const Flags& flags) {
  Bench bench(flags);
  bench.Fill();
  bench.Open();
  bench.Search();
  bench.Change();
}

}  // namespace
}  // namespace gannet

int main(int argc, char** argv) {
  gannet::Flags flags;
  CLI::App app("Collections: filling, opening, searching with filters, changing");
  app.add_option("--folder", flags.folder, "Where to make the collection; must not exist")
      ->required();
  app.add_option("--documents", flags.documents)->capture_default_str();
  app.add_option("--growing", flags.growing, "Of them, in no segment")->capture_default_str();
  app.add_option("--dimension", flags.dimension)->capture_default_str();
  app.add_option("--format", flags.format, "fp32, fp16 or int8")->capture_default_str();
  app.add_option("--index", flags.index, "As of faiss::index_factory; by size when not given");
  app.add_option("--queries", flags.queries)->capture_default_str();
  app.add_option("--rounds", flags.rounds, "Of opening; the best counts")->capture_default_str();
  app.add_option("--threads", flags.threads, "That build indexes")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    if (std::filesystem::exists(flags.folder)) throw std::runtime_error("the folder exists");
    gannet::Run(flags);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "collection_benchmark: {}\n", error.what());
    return 1;
  }
}
