// collection_writer DISK SEED ROUND [IMAGE]
//
// Changes the collection DISK/c from several threads, with maintenance beside them, until it is
// killed. Writes "open" when the collection is open and "<writer> <operation>" when an operation is
// acknowledged. With IMAGE, keeps there what a power cut would leave of DISK.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "indexer/collection.h"
#include "tests/durability/faulty_disk.h"
#include "tests/durability/writer_script.h"
#include "tests/indexer/collection/made_documents.h"

namespace gannet::testing {
namespace {

using indexer::Collection;

void Say(const std::string& line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::_Exit(2);
}

void Require(const absl::Status& status) {
  if (status.ok()) return;
  Say(fmt::format("error {}\n", base::Message(status)));
  std::_Exit(1);
}

[[noreturn]] void Write(Collection& collection, ScriptPlace place) {
  for (;; ++place.operation) {
    Require(DrawOperation(place).Apply(collection));
    Say(fmt::format("{} {}\n", place.writer, place.operation));
  }
}

// What the owner of a collection does beside the writers; searches leave samples for Maintain.
[[noreturn]] void Keep(Collection& collection, const std::filesystem::path& disk,
                       const ScriptPlace& place) {
  std::mt19937 random(static_cast<unsigned>(place.seed + place.round));
  base::ThreadPool pool(1);
  for (uint64_t turn = 0;; ++turn) {
    for (int i = 0; i < 4; ++i) {
      Require(collection.Search(indexer::RandomVector(random, kScriptDimension), {}).status());
    }
    const size_t draw = random() % 16;
    if (draw == 0) {
      Require(collection.Snapshot(disk / fmt::format("snapshot-{}-{}", place.round, turn)));
    } else if (draw <= 2) {
      Require(collection.Compact(pool).status());
    } else {
      Require(collection.Maintain(pool).status());
    }
  }
}

[[noreturn]] void Run(const std::filesystem::path& disk, ScriptPlace place) {
  auto collection = Collection::OpenOrCreate(disk / "c", ScriptSchema(),
                                             {.access = indexer::Access::kWrite,
                                              .seal_rows = 40,
                                              .segment_rows = 300,
                                              .recall_sample_interval = 3});
  Require(collection.status());
  Say("open\n");
  std::vector<std::thread> writers;
  for (; place.writer < kScriptWriters; ++place.writer) {
    writers.emplace_back([&collection, place] { Write(**collection, place); });
  }
  Keep(**collection, disk, place);
}

}  // namespace
}  // namespace gannet::testing

int main(int count, char** arguments) {
  if (count < 4) return 2;
  const std::filesystem::path disk = arguments[1];
  if (count > 4) gannet::testing::KeepDurableImage(disk, arguments[4]);
  gannet::testing::Run(disk, {.seed = std::strtoull(arguments[2], nullptr, 10),
                              .round = std::strtoull(arguments[3], nullptr, 10)});
}
